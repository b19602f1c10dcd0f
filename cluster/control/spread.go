package control

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

const (
	tellEvery = 3 * time.Second  // how often the node that decides says which registry there is
	lookEvery = 10 * time.Second // how often a node that has lost others asks whether it is still a member
)

// heard is the newest registry that others have said they have.
type heard struct {
	news chan struct{} // holds one when there is something to fetch

	mu       sync.Mutex
	from     journal.NodeID
	revision uint64
}

func (h *heard) take() (from journal.NodeID, revision uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	from, revision = h.from, h.revision
	h.from, h.revision = 0, 0
	return from, revision
}

// Hear takes the word of a node about the revision of the registry that it has. It does not block.
func (m *Member) Hear(from journal.NodeID, data []byte) {
	if len(data) != 8 {
		return
	}
	revision := binary.BigEndian.Uint64(data)
	_, known := m.Identity.Registry()
	if revision < known {
		m.tellOne(from)
		return
	}
	if revision == known {
		return
	}
	m.heard.mu.Lock()
	if revision > m.heard.revision {
		m.heard.from, m.heard.revision = from, revision
	}
	m.heard.mu.Unlock()
	select {
	case m.heard.news <- struct{}{}:
	default:
	}
}

// tellOne says to one node which registry this one has.
func (m *Member) tellOne(to journal.NodeID) {
	if _, revision := m.Identity.Registry(); revision > 0 {
		m.Mesh.Send(to, m.Channel, binary.BigEndian.AppendUint64(nil, revision))
	}
}

// tellAll says so to all.
func (m *Member) tellAll() {
	m.mu.Lock()
	ids := make([]journal.NodeID, 0, len(m.up))
	for id := range m.up {
		ids = append(ids, id)
	}
	m.mu.Unlock()
	for _, id := range ids {
		m.tellOne(id)
	}
}

// keep has the node know the registry. Its goroutine is the only one that changes what is known.
func (m *Member) keep(ctx context.Context) error {
	tell, look := time.NewTicker(tellEvery), time.NewTicker(lookEvery)
	defer tell.Stop()
	defer look.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-m.offers:
			err = m.adopt(o)
			close(o.done)
		case <-m.heard.news:
			from, _ := m.heard.take()
			_, err = m.fetch(ctx, func(ctx context.Context, service string, request []byte) ([]byte, error) {
				return m.Mesh.Call(ctx, from, service, request)
			})
		case <-tell.C:
			if m.drives() {
				m.tellAll()
			}
		case <-look.C:
			err = m.lookAround(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// fetch adopts the registry of another node, and reports whether that is connected with a process that is this node. A failure is nothing:
// the news comes again.
func (m *Member) fetch(ctx context.Context, call caller) (connected bool, err error) {
	_, known := m.Identity.Registry()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var got news
	if err := ask(ctx, call, serviceRegistry, wanted{Have: known, Node: m.id}, &got); err != nil {
		m.log.Debug("registry not fetched", "err", err)
		return false, nil
	}
	return got.Up, m.adopt(offer{registry: got.Registry, revision: got.Revision})
}

// twiceLooks is after how many looks in a row at nodes that are connected with this one, and are not reached, it ends.
const twiceLooks = 3

// lookAround asks a node that is not reached, another one each time, since it may be this one that was removed: then the others
// refuse its connections and still say who is a member. So they do while another process is this node, as when two copies of a directory are
// started at once: the one that nobody lets in ends.
func (m *Member) lookAround(ctx context.Context) error {
	r, _ := m.Identity.Registry()
	for i := range r.Nodes {
		n := &r.Nodes[(m.looked+i)%len(r.Nodes)]
		if _, up := m.upSince(n.ID); up {
			continue
		}
		m.looked = (m.looked + i + 1) % len(r.Nodes)
		ctx, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		other, err := m.fetch(ctx, func(ctx context.Context, service string, request []byte) ([]byte, error) {
			return m.Mesh.CallAt(ctx, n.Address, service, request)
		})
		if _, up := m.upSince(n.ID); !other || up {
			m.twice = 0
			return err
		}
		if m.twice++; err == nil && m.twice == twiceLooks {
			err = fmt.Errorf("%w: node %d is connected with node %d %q", ErrTwice, n.ID, m.id, m.Identity.Name())
		}
		return err
	}
	m.twice = 0
	return nil
}

// learn has the node adopt a registry, and returns when it has.
func (m *Member) learn(ctx context.Context, r cluster.Registry, revision uint64) {
	done := make(chan struct{})
	select {
	case m.offers <- offer{registry: r, revision: revision, tell: true, done: done}:
		<-done
	case <-ctx.Done():
	}
}

// refresh learns the registry as it is now.
func (m *Member) refresh(ctx context.Context, cursor *wire.Cursor) error {
	r, revision, err := m.entity.view(ctx, cursor)
	switch {
	case errors.Is(err, errSame):
		return nil
	case err != nil:
		return err
	case r.Cluster == "":
		return refuse(CodeUnavailable, "the cluster has not been founded")
	}
	m.learn(ctx, r, revision)
	return nil
}

// adopt makes a newer registry the one that is known, on disk as well. What is not newer, or no registry of this cluster, changes
// nothing. The error is ErrStale, or of the disk.
func (m *Member) adopt(o offer) error {
	if _, known := m.Identity.Registry(); o.revision <= known {
		return nil
	}
	if err := m.Identity.accepts(&o.registry); err != nil {
		m.log.Warn("registry refused", "err", err)
		return nil
	}
	if err := m.Identity.learn(o.registry, o.revision); err != nil {
		return err
	}
	if o.tell {
		m.tellAll()
	}
	m.agent.recheck(&o.registry)
	m.apply(o.registry)
	m.wake()
	return m.Identity.stale()
}

// apply brings the mesh and the rest of the node in line with a registry.
func (m *Member) apply(r cluster.Registry) {
	set, gone := make(map[journal.NodeID]string), []journal.NodeID(nil)
	m.mu.Lock()
	for id := range m.peers {
		if r.Node(id) == nil {
			gone = append(gone, id)
			delete(m.peers, id)
		}
	}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if n.ID != m.id && m.peers[n.ID] != n.Address {
			m.peers[n.ID] = n.Address
			set[n.ID] = n.Address
		}
	}
	m.mu.Unlock()
	for _, id := range gone {
		m.Mesh.RemovePeer(id)
	}
	for id, address := range set {
		m.Mesh.SetPeer(id, address)
	}
	m.Changed(r)
	m.needsHome(&r)
}

// letIn brings a node into the cluster.
func (m *Member) letIn(ctx context.Context, _ journal.NodeID, request []byte) (any, error) {
	var j joining
	if err := json.Unmarshal(request, &j); err != nil {
		return nil, refuse(CodeBadRequest, "no request to join: %v", err)
	}
	select {
	case m.joins <- struct{}{}:
		defer func() { <-m.joins }()
	default:
		return nil, refuse(CodeBusy, "others are joining")
	}
	var got joined
	revision, err := m.entity.command(ctx, "join", j, &got.Welcome)
	if err != nil {
		return nil, err
	}
	got.Revision = revision
	m.learn(ctx, got.Welcome.Registry, revision)
	return got, nil
}

// tellRegistry gives whoever asks the registry, takes note of edges that do, and says to a node that is about to start whether it runs.
func (m *Member) tellRegistry(_ context.Context, _ journal.NodeID, request []byte) (any, error) {
	var w wanted
	if err := json.Unmarshal(request, &w); err != nil {
		return nil, refuse(CodeBadRequest, "no request for the registry: %v", err)
	}
	if w.Edge != nil {
		if err := m.edges.note(*w.Edge, m.id); err != nil {
			return nil, err
		}
	}
	r, revision := m.Identity.Registry()
	if revision == 0 {
		return nil, refuse(CodeUnavailable, "the node does not know the registry yet")
	}
	up := false
	if w.Node != 0 {
		_, up = m.upSince(w.Node)
	}
	if revision <= w.Have {
		return news{Revision: revision, Up: up}, nil
	}
	return news{Revision: revision, Registry: r, Up: up}, nil
}
