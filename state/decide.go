package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"github.com/tutti-rt/tutti/internal/turn"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// cause is what a turn is about.
type cause struct {
	kind    turn.Kind
	name    string
	by      string // member
	command uint64
	claims  turn.Claims
	sentAt  time.Time
	from    turn.Entity
	notes   []byte // that the record begins with
	// must says that there is a record even if the handler decides nothing.
	must bool
	key  bool // its reply is kept, whatever its size
	// began is when the entity turned to it; zero: as decide is called.
	began time.Time
	// reply is filled in by decide: what the handler replied.
	reply []byte
}

// decide runs a handler and carries out what it decided: events are applied, the record is made and
// effects are queued in e.out. It returns the record, nil when there is none. After an error
// nothing has happened: a *turn.Rejection says why not, any other error is a failure that has been logged.
// The caller adds effects of its own and calls conclude.
func (e *entity) decide(c *cause, handle func(t *turn.Turn, state any) error) (*journal.Record, error) {
	if c.began.IsZero() {
		c.began = time.Now()
	}
	r, err := e.carryOut(c, handle)
	e.decided = time.Now()
	e.part.meters.handler.Add(e.decided.Sub(c.began))
	return r, err
}

func (e *entity) carryOut(c *cause, handle func(t *turn.Turn, state any) error) (*journal.Record, error) {
	l := e.live
	t := e.newTurn(c, e.part.node.wall(c.began))
	e.begin(t, c.began)
	err := guard(func() error { return handle(t, l.state) })
	if err == nil {
		err = t.Err()
	}
	e.finish(t, c.began)
	if err != nil {
		return nil, e.failed(t, err)
	}
	if !t.Writes() && !c.must {
		if c.reply, err = e.reply(t); err != nil {
			return nil, e.failed(t, err)
		}
		e.queueEffects(t)
		return nil, nil
	}
	r, err := e.record(c, t)
	if err != nil {
		return nil, e.failed(t, err)
	}
	events, err := e.applyTurn(c, t, r)
	if err != nil {
		e.forget() // the state may be changed in part; what is stored is not
		return nil, e.failed(t, err)
	}
	e.out = append(e.out, events...)
	e.queueEffects(t)
	e.written = r.Mark()
	if e.cat.opt.Ephemeral {
		return nil, nil
	}
	return r, nil
}

func (e *entity) newTurn(c *cause, now time.Time) *turn.Turn {
	if c.sentAt.IsZero() {
		c.sentAt = now
	}
	return &turn.Turn{
		Category: e.cat.Category, Entity: e.id, Kind: c.kind, Name: c.name,
		Revision: e.live.mark.Revision, Now: now, SentAt: c.sentAt,
		Claims: c.claims, Member: c.by, From: c.from,
		Seed:    [2]uint64{rand.Uint64(), rand.Uint64()},
		Members: e.membersHere,
	}
}

// record makes the turn's record, without the reply.
func (e *entity) record(c *cause, t *turn.Turn) (*journal.Record, error) {
	r := &journal.Record{
		Entity: e.id, At: t.Now.UnixMilli(), By: c.by, Command: c.command, Notes: c.notes,
		Seq: e.live.mark.Seq + 1, Revision: e.live.mark.Revision + uint64(len(t.Events)),
	}
	for _, ev := range t.Events {
		r.Events = append(r.Events, journal.Event{Name: ev.Name, Data: ev.Data})
	}
	for _, change := range t.Timers {
		n := note{kind: noteTimerGone, key: change.Key}
		if !change.Due.IsZero() {
			n = note{kind: noteTimer, key: change.Key, due: change.Due.Add(time.Millisecond - 1).UnixMilli(), name: change.Name, data: change.Data}
		}
		r.Notes = appendNote(r.Notes, n)
	}
	if len(t.Tells) > 0 && len(t.Tells)+e.live.ledger.outbox.len() > maxOutbox {
		return nil, &turn.Rejection{Code: wire.CodeOverloaded, Message: "too many messages to other entities wait"}
	}
	for _, tell := range t.Tells {
		if e.part.node.categories[tell.To.Category] == nil {
			return nil, fmt.Errorf("tell to %s: no such category", tell.To)
		}
		r.Notes = appendNote(r.Notes, note{kind: noteTell, entity: tell.To, name: tell.Name, data: tell.Data})
	}
	if n := recordBytes(r); n > maxRecordBytes {
		return nil, &turn.Rejection{Code: wire.CodeTooLarge, Message: fmt.Sprintf(
			"the turn would write %d bytes, at most %d are allowed", n, maxRecordBytes)}
	}
	return r, nil
}

// applyTurn folds the record into the state and the ledger, as a replay would, computes the
// reply, and returns the event effects for those who watch.
func (e *entity) applyTurn(c *cause, t *turn.Turn, r *journal.Record) ([]effect, error) {
	l := e.live
	var out []effect
	for i := range r.Events {
		ev := &r.Events[i]
		if err := applyEvent(e.cat, l.state, ev.Name, ev.Data); err != nil {
			return nil, fmt.Errorf("apply event %q: %w", ev.Name, err)
		}
		var err error
		if out, err = e.eventEffects(out, r, i); err != nil {
			return nil, fmt.Errorf("view of event %q: %w", ev.Name, err)
		}
		l.bytes += len(ev.Data)
		l.size += len(ev.Data)
		if l.shadow != nil {
			l.shadow.grown += len(ev.Data)
		}
	}
	var err error
	if c.reply, err = e.reply(t); err != nil {
		return nil, err
	}
	if c.key && len(c.reply) > maxRecordBytes && !e.cat.opt.Ephemeral {
		return nil, &turn.Rejection{Code: wire.CodeTooLarge, Message: fmt.Sprintf(
			"the reply has %d bytes, at most %d are kept for a key", len(c.reply), maxRecordBytes)}
	}
	if len(c.reply) > 0 && (len(c.reply) <= keptReplyBytes && c.command > 0 || c.key) {
		r.Notes = appendNote(r.Notes, note{kind: noteReply, data: c.reply})
	}
	e.noteState(r)
	if err := l.ledger.apply(r); err != nil {
		return nil, err
	}
	r.Wake = l.ledger.wake()
	l.events += max(len(r.Events), 1)
	l.bytes += len(r.Notes)
	l.mark = r.Mark()
	if len(t.Timers) > 0 {
		for i := range t.Timers {
			delete(l.retries, t.Timers[i].Key) // another timer by now
		}
		e.remindTimers()
	}
	if len(t.Tells) > 0 {
		e.tellSoon(t.Tells)
	}
	return out, nil
}

func (e *entity) reply(t *turn.Turn) (data []byte, err error) {
	if t.Reply == nil {
		return nil, nil
	}
	err = guard(func() (err error) {
		data, err = t.Reply(e.live.state)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reply: %w", err)
	}
	return data, nil
}

// failed logs a failure, and returns what the client is told: the handler's rejection, or that the
// platform does not say.
func (e *entity) failed(t *turn.Turn, err error) error {
	if rejection, ok := errors.AsType[*turn.Rejection](err); ok {
		return brief(rejection)
	}
	log := e.part.log.With("entity", e.id.String(), "name", t.Name, "err", err)
	if p, ok := errors.AsType[*panicked](err); ok {
		log = log.With("stack", string(p.stack))
	}
	log.Error("turn failed")
	return &turn.Rejection{Code: wire.CodeInternal, Message: "the command failed"}
}

// maxMessage bounds the message of a rejection, in bytes. Messages repeat what clients sent, and outcomes are kept.
const maxMessage = 512

// brief returns the rejection, with its message cut when it is longer than what is kept.
func brief(r *turn.Rejection) *turn.Rejection {
	if len(r.Message) <= maxMessage {
		return r
	}
	const more = "…"
	end := maxMessage - len(more)
	for end > 0 && !utf8.RuneStart(r.Message[end]) {
		end--
	}
	return &turn.Rejection{Code: r.Code, Message: r.Message[:end] + more}
}
