package natsbus

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tutti-rt/tutti/bus"
)

// connect makes the connection of a lane.
func (b *Bus) connect(name string) (*lane, error) {
	c := &b.cfg
	l := newLane(name, c.Node, subjectsOf(c.Cluster, name), c.QueueBytes)
	l.queue.check = func(subject string) error { return nil }
	log := c.Logger.With("lane", name)
	options := []nats.Option{
		nats.Name("tutti " + name), nats.NoEcho(), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.ReconnectBufSize(-1), // what cannot be sent is lost at once, and not late
		nats.Timeout(5 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			l.down.Store(true)
			if !b.closed.Load() {
				log.Warn("disconnected from nats", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			l.down.Store(false)
			log.Info("connected to nats again")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) { b.complain(l, s, err) }),
	}
	if len(c.Secret) > 0 {
		user := laneUser(name)
		options = append(options, nats.UserInfo(user, password(c.Secret, c.Cluster, user)))
	}
	if s := c.Server; s != nil {
		options = append(options, nats.InProcessServer(s.nats))
		l.queue.check = func(subject string) error {
			if a, err := s.nats.LookupAccount(laneUser(name)); err == nil && a.Interest(subject) == 0 {
				return bus.ErrNobody
			}
			return nil
		}
	} else {
		// A silent server is noticed soon; within this process there is none.
		options = append(options, nats.PingInterval(2*time.Second), nats.MaxPingsOutstanding(2))
	}
	if c.TLS != nil {
		options = append(options, nats.Secure(c.TLS))
	}
	var err error
	if l.conn, err = nats.Connect(c.URL, options...); err != nil {
		return nil, fmt.Errorf("natsbus: connect lane %s: %w", name, err)
	}
	most := int(l.conn.MaxPayload()) - overhead
	if most < 4096 {
		l.conn.Close()
		return nil, fmt.Errorf("natsbus: connect lane %s: messages of %d bytes are too small", name, l.conn.MaxPayload())
	}
	l.queue.batch = min(batchBytes, most)
	return l, nil
}

// complain counts what a subscription had to drop, and says what else is wrong.
func (b *Bus) complain(l *lane, s *nats.Subscription, err error) {
	if s != nil && errors.Is(err, nats.ErrSlowConsumer) {
		b.dropped.add(1, time.Now(), "lane", l.name, "subject", s.Subject)
		return
	}
	b.cfg.Logger.Warn("nats", "lane", l.name, "err", err)
}
