package control

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/journal"
)

var (
	// ErrStale means that the cluster has removed the node: what its disk holds is nobody's any more.
	ErrStale = errors.New("control: the cluster has removed this node")
	// ErrForeign means that a directory is another node's or another cluster's.
	ErrForeign = errors.New("control: the directory belongs to another node")
	// ErrOutdated means that the node has started since from another copy of the directory, or wrote more than it holds: what
	// the node has promised to others since is not known here.
	ErrOutdated = errors.New("control: the directory is an old copy")
	// ErrTwice means that another process is the node.
	ErrTwice = errors.New("control: another process is this node")
	// ErrDamaged means that the file that says who a node is is not what was written.
	ErrDamaged = errors.New("control: the node's identity is damaged")
)

// identityFile is where a data directory says whose it is.
const identityFile = "node.json"

// maxIdentityBytes bounds what is read of it.
const maxIdentityBytes = 64 << 20

// Identity is who a node is, and the last it knew of its cluster. It is on disk whenever it changes, and safe for
// concurrent use.
type Identity struct {
	path     string // empty: in memory alone
	instance string // another one at each start

	mu   sync.Mutex
	data identityData
}

// identityData is what the file holds.
type identityData struct {
	Cluster string         `json:"cluster"`
	Journal string         `json:"journal,omitempty"` // empty: the journal has not been made
	Node    journal.NodeID `json:"node,omitempty"`    // 0: the node has not joined yet
	Name    string         `json:"name"`
	Key     string         `json:"key,omitempty"` // with which it joins
	// Starts is how often the node has started from the directory or what it is a copy of.
	Starts uint64 `json:"starts,omitempty"`
	// Outdated says why nothing starts from the directory any more.
	Outdated string `json:"outdated,omitempty"`
	// Made are the pools whose partitions this node has made. It makes none of them again.
	Made     []string         `json:"made,omitempty"`
	Revision uint64           `json:"revision,omitempty"` // of Registry
	Registry cluster.Registry `json:"registry,omitzero"`
}

// sealed is the file's content.
type sealed struct {
	Checksum string          `json:"checksum"` // SHA-256 of Identity as it stands there
	Identity json.RawMessage `json:"identity"`
}

// Cluster returns the name of the cluster.
func (i *Identity) Cluster() string { return i.read().Cluster }

// Journal returns the ID that the node's journal has, or is to have; empty: one of its own.
func (i *Identity) Journal() string { return i.read().Journal }

// Node returns the node's ID.
func (i *Identity) Node() journal.NodeID { return i.read().Node }

// Name returns the node's name.
func (i *Identity) Name() string { return i.read().Name }

// Registry returns the last that the node knew of its cluster, and its revision. Nobody changes what it holds.
func (i *Identity) Registry() (cluster.Registry, uint64) {
	d := i.read()
	return d.Registry, d.Revision
}

// Condemn has nothing start from the directory any more, for the reason given, and returns it as ErrOutdated.
func (i *Identity) Condemn(why string) error {
	err := i.change(func(d *identityData) { d.Outdated = why })
	return errors.Join(i.outdated(), err)
}

// outdated returns ErrOutdated when the directory is known to be an old copy.
func (i *Identity) outdated() error {
	if why := i.read().Outdated; why != "" {
		return fmt.Errorf("%w: %s: have the others remove the node, and start it with an empty directory", ErrOutdated, why)
	}
	return nil
}

// started returns n as it is at this start.
func (i *Identity) started(n cluster.Node) cluster.Node {
	n.Starts, n.Instance = i.read().Starts, i.instance
	return n
}

func (i *Identity) made(pool string) bool { return slices.Contains(i.read().Made, pool) }

func (i *Identity) read() identityData {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.data
}

// change stores the identity as f makes it. The file is whole and synced when change returns nil; else nothing has changed.
func (i *Identity) change(f func(*identityData)) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	then := i.data
	then.Made = slices.Clone(then.Made)
	f(&then)
	if i.path != "" {
		if err := writeIdentity(i.path, &then); err != nil {
			return err
		}
	}
	i.data = then
	return nil
}

// readIdentity returns what the directory says, and fs.ErrNotExist if it says nothing.
func readIdentity(dir string) (*Identity, error) {
	path := filepath.Join(dir, identityFile)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read node identity: %w", err)
	case info.Size() > maxIdentityBytes:
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrDamaged, path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read node identity: %w", err)
	}
	data, err := decodeIdentity(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w: have the others remove the node, and start it with an empty directory", ErrDamaged, path, err)
	}
	return &Identity{path: path, instance: rand.Text(), data: data}, nil
}

func decodeIdentity(text []byte) (identityData, error) {
	var s sealed
	if err := json.Unmarshal(text, &s); err != nil {
		return identityData{}, err
	}
	if s.Checksum != checksum(s.Identity) {
		return identityData{}, errors.New("the checksum is another")
	}
	var d identityData
	if err := json.Unmarshal(s.Identity, &d); err != nil {
		return identityData{}, err
	}
	if d.Cluster == "" || !cluster.ValidName(d.Name) {
		return identityData{}, errors.New("it names no node of a cluster")
	}
	return d, nil
}

// encodeIdentity returns what decodeIdentity reads.
func encodeIdentity(d *identityData) ([]byte, error) {
	inner, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return json.Marshal(sealed{Checksum: checksum(inner), Identity: inner})
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// writeIdentity puts the file in place of the one before.
func writeIdentity(path string, d *identityData) error {
	text, err := encodeIdentity(d)
	if err == nil {
		err = replaceFile(path, text)
	}
	if err != nil {
		return fmt.Errorf("write node identity: %w", err)
	}
	return nil
}

func replaceFile(path string, text []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, identityFile+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreAbsent(os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
