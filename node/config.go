package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/localbus"
	"github.com/tutti-rt/tutti/edge"
	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/diskjournal"
)

// Config says what a node serves, to whom, and where. Zero fields mean the defaults named there.
type Config struct {
	// Categories are the application; at least one.
	Categories []*tutti.Category

	// Listen is the address for clients (default ":8080"). Listener is used instead where there is
	// one; Run closes it.
	Listen   string
	Listener net.Listener
	// CertFile and KeyFile make the listener speak TLS. They are read again when they change, which
	// is looked for every CertPoll (default 10 s).
	CertFile, KeyFile string
	CertPoll          time.Duration
	// Connections is how many TCP connections without a WebSocket may be open at once
	// (default 16,384). For more, those make room that have waited longest without a request; when all have one, the
	// newest are closed.
	Connections int
	// Handler serves what is not the platform's, such as an application's page. Nil: nothing.
	Handler http.Handler

	// Auth says which tokens are accepted; its Keys are required.
	Auth auth.Config
	// Origins are those that pages of other hosts may come from, as "https://app.example".
	Origins []string
	// TicketSecret seals tickets, 32 bytes at least. Nil: one derived from the journal's ID, which whoever reads the
	// journal, or a copy of it, knows.
	TicketSecret []byte
	// OnlineClaim is the claim that lets its bearer ask which subjects are online, as "name=value": a claim of that value, or
	// a list that has it. Empty: nobody may ask, and nobody keeps count.
	OnlineClaim string
	// Limits bound what clients may do.
	Limits edge.Limits
	// DrainSpread is the time over which clients are told to come back when the node ends (default 5 s).
	DrainSpread time.Duration

	// Heartbeat is how often clients are pinged (default 25 s).
	Heartbeat time.Duration

	// Data is the directory of the journal. Empty: everything is in memory, and gone with the node.
	// Journal is used instead where there is one; Run does not close it.
	Data    string
	Journal journal.Journal
	// Disk are settings of the journal in Data, such as its file system. Logger, ID and Cluster are the node's own.
	Disk diskjournal.Config
	// Bus joins edge and state node. Nil: one of the node's own.
	Bus bus.Bus
	// Cluster makes the node one of several; its journal is then in Data, and its bus its own. Nil: it is alone.
	Cluster *Cluster
	// Partitions of each pool (default 16); fixed once there is data.
	Partitions int
	// Memory is how many bytes of entities stay in memory, as estimated (default 1 GiB).
	Memory int64

	// Admin is the address for the operator. Empty: none. AdminToken is what the operator's requests
	// carry, 16 bytes at least; AdminHosts are further names that the address is called by.
	Admin      string
	AdminToken string
	AdminHosts []string
	// Replicas returns the operator's URLs of the nodes that have a replica of a partition, for consumers of the feed that ask a
	// node without one. Nil: none is known.
	Replicas func(p journal.Partition) []string

	// Clock tells the time of day (default time.Now): what is stored, when timers are due, whether tokens have
	// expired. How long something takes is measured without it.
	Clock func() time.Time

	// Name is the edge's name on the bus (default "edge"). Nodes that share a bus have different ones.
	Name string
	// Logger gets what an operator must know; nil discards it.
	Logger *slog.Logger
}

// ErrNoKeys means that a node was made without keys to check tokens with.
var ErrNoKeys = errors.New("node: no keys to check tokens with")

// withDefaults fills in c and reports every mistake that needs no component to find it.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if len(c.Auth.Keys) == 0 {
		errs = append(errs, ErrNoKeys)
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("node: TLS needs a certificate and its key, only one is there"))
	}
	if c.Admin != "" && len(c.AdminToken) < minAdminToken {
		errs = append(errs, fmt.Errorf("node: the operator's token has %d bytes, at least %d are needed", len(c.AdminToken), minAdminToken))
	}
	if c.Data != "" && c.Journal != nil {
		errs = append(errs, errors.New("node: there is a journal and a directory for one"))
	}
	for _, k := range c.Categories {
		if k != nil && platform.Reserved(k.Name()) {
			errs = append(errs, fmt.Errorf("node: category %q: names with %q are the platform's own", k.Name(), platform.Prefix))
		}
	}
	if n := len(c.TicketSecret); n > 0 && n < auth.MinSecretBytes {
		errs = append(errs, fmt.Errorf("node: the secret of tickets has %d bytes, at least %d are needed", n, auth.MinSecretBytes))
	}
	if c.Connections < 0 || c.DrainSpread < 0 || c.CertPoll < 0 {
		errs = append(errs, errors.New("node: a number or a duration is negative"))
	}
	if c.Cluster != nil {
		joined, err := c.Cluster.withDefaults()
		errs = append(errs, err)
		c.Cluster = &joined
		if joined.State && c.Data == "" || c.Journal != nil || c.Bus != nil {
			errs = append(errs, errors.New("node: a node of a cluster has a directory for its journal, and a bus of its own"))
		}
	}
	if c.Listen == "" {
		c.Listen = ":8080"
	}
	if c.Connections == 0 {
		c.Connections = 16384
	}
	if c.CertPoll == 0 {
		c.CertPoll = 10 * time.Second
	}
	if c.DrainSpread == 0 {
		c.DrainSpread = 5 * time.Second
	}
	if c.Bus == nil {
		c.Bus = localbus.New()
	}
	if c.Clock != nil && c.Auth.Now == nil {
		c.Auth.Now = c.Clock
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Auth.Logger == nil {
		c.Auth.Logger = c.Logger
	}
	return c, errors.Join(errs...)
}
