package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/tutti-rt/tutti/wire"
)

// endTime is how long the node may take to end a link that it has to end.
const endTime = 15 * time.Second

// offender is a link of an abuser with a subject of its own, which must be accepted.
func offender(ctx context.Context, e *AbuseEnv, subs *subjects, number int) (*intruder, error) {
	token, err := subs.token(number)
	if err != nil {
		return nil, err
	}
	n, err := intrude(ctx, e.Target, fmt.Sprintf("counter/abused-%d?conn=abuser-%s", number, rand.Text()), token, 0)
	if err == nil && !n.accepted() {
		reset(n.Conn)
		if n.status == 429 { // the node has enough of handshakes
			return nil, errTurnedAway
		}
		return nil, fmt.Errorf("a handshake got %d", n.status)
	}
	return n, err
}

var errTurnedAway = errors.New("bench: handshake refused, too many")

// endings counts how links were ended.
type endings struct {
	links, told, broke atomic.Int64
}

// see counts one ending, which must be with that code unless the connection broke first.
func (s *endings) see(code, want int) error {
	s.links.Add(1)
	switch code {
	case want:
		s.told.Add(1)
	case 0:
		s.broke.Add(1)
	default:
		return fmt.Errorf("a link was ended with %d, want %d", code, want)
	}
	return nil
}

func (s *endings) figures(began time.Time, want int) []Figure {
	return []Figure{
		rate("links ended by the node", s.links.Load(), began),
		{Name: fmt.Sprintf("that saw close code %d", want), Value: float64(s.told.Load())},
		{Name: "whose connection broke before", Value: float64(s.broke.Load())},
	}
}

// offend has abusers connect, do what must end the link with that code, and connect again.
func offend(ctx context.Context, e *AbuseEnv, abusers, want int, act func(n *intruder) error) ([]Figure, error) {
	var seen endings
	subs := newSubjects(e.Target)
	began := time.Now()
	err := hammer(ctx, e, abusers, func(ctx context.Context, i int) error {
		n, err := offender(ctx, e, subs, i)
		if errors.Is(err, errTurnedAway) {
			return pause(ctx, 10*time.Millisecond)
		}
		if err != nil {
			return err
		}
		defer reset(n.Conn)
		acting := newCrew()
		acting.add(func() error { return act(n) })
		code, err := n.ending(endTime)
		n.Close()
		_ = acting.wait() // a write that failed is part of it
		if err != nil {
			return err
		}
		return seen.see(code, want)
	})
	if err == nil && seen.links.Load() == 0 {
		err = errors.New("no link was ended")
	}
	return seen.figures(began, want), err
}

// abuseOversized sends frames that are too large, whole, and goes on until the connection ends.
func abuseOversized(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	var sent atomic.Int64
	chunk := make([]byte, 256<<10)
	began := time.Now()
	figures, err := offend(ctx, e, e.Number(16), wire.CloseFrameTooLarge, func(n *intruder) error {
		for {
			for _, b := range [][]byte{appendHead(nil, ws.OpText, 2<<20), chunk, chunk, chunk, chunk, chunk, chunk, chunk, chunk} {
				k, err := n.Write(b)
				sent.Add(int64(k))
				if err != nil {
					return err
				}
			}
		}
	})
	return append(figures, rate("MB sent", sent.Load()/1e6, began)), err
}

// abuseBombs announces more than there is.
func abuseBombs(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	bomb := append(appendHead(nil, ws.OpText, 1<<62), make([]byte, 4<<10)...)
	return offend(ctx, e, e.Number(atOnce), wire.CloseFrameTooLarge, func(n *intruder) error {
		_, err := n.Write(bomb)
		return err
	})
}

// abuseFrames sends more frames a second than a link may.
func abuseFrames(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	const many = 4000
	var sent, slow atomic.Int64
	token, err := e.Target.Token("abuser")
	if err != nil {
		return nil, err
	}
	message := appendFrame(nil, ws.OpText, bytes.Repeat([]byte(`{"type":"ping","t":1}`+"\n"), many))
	var seen endings
	began := time.Now()
	err = hammer(ctx, e, e.Number(16), func(ctx context.Context, _ int) error {
		n, err := intrude(ctx, e.Target, "counter/abused?conn=abuser-"+rand.Text(), token, 0)
		if err != nil {
			return err
		}
		defer reset(n.Conn)
		if !n.accepted() {
			return pause(ctx, 10*time.Millisecond) // the subject has had enough handshakes
		}
		acting := newCrew()
		acting.add(func() error {
			for {
				if _, err := n.Write(message); err != nil {
					return nil
				}
				sent.Add(many)
			}
		})
		code, err := n.ending(endTime)
		n.Close()
		_ = acting.wait()
		if err != nil {
			return err
		}
		if code == wire.CloseSlowConsumer { // each ping is answered, and it does not take the answers fast enough
			slow.Add(1)
			code = wire.CloseRate
		}
		return seen.see(code, wire.CloseRate)
	})
	return append(seen.figures(began, wire.CloseRate), Figure{Name: "of those 4508, for their own answers", Value: float64(slow.Load())},
		rate("frames sent", sent.Load(), began)), err
}

// abuseGarbage sends what is no frame of the protocol, of several kinds.
func abuseGarbage(ctx context.Context, e *AbuseEnv) ([]Figure, error) {
	text := func(s string) []byte { return appendFrame(nil, ws.OpText, []byte(s)) }
	kinds := []struct {
		bytes []byte
		code  int
	}{
		{text(`{"type":"command","id":`), wire.CloseBadFrame},
		{text(`{"type":"nonsense"}`), wire.CloseBadFrame},
		{text(`[1,2,3]`), wire.CloseBadFrame},
		{text(""), wire.CloseBadFrame},
		{text(`{"type":"command","id":1,"name":"add","data":` + string(bytes.Repeat([]byte("["), 60_000))), wire.CloseBadFrame},
		{text("\xff\xfe"), 1007},
		{appendFrame(nil, ws.OpBinary, []byte("x")), wire.CloseBinary},
		{[]byte{0x81, 0x02, 'h', 'i'}, 1002},             // not masked
		{[]byte{0xf1, 0x82, 0, 0, 0, 0, 'h', 'i'}, 1002}, // reserved bits
		{[]byte{0x83, 0x80, 0, 0, 0, 0}, 1002},           // reserved opcode
	}
	var next, broke atomic.Int64
	subs := newSubjects(e.Target)
	began := time.Now()
	err := hammer(ctx, e, e.Number(atOnce), func(ctx context.Context, _ int) error {
		i := int(next.Add(1))
		n, err := offender(ctx, e, subs, i%1000)
		if errors.Is(err, errTurnedAway) {
			return pause(ctx, 10*time.Millisecond)
		}
		if err != nil {
			return err
		}
		defer reset(n.Conn)
		kind := kinds[i%len(kinds)]
		if _, err := n.Write(kind.bytes); err != nil {
			return err
		}
		code, err := n.ending(endTime)
		switch {
		case err != nil:
			return err
		case code == 0:
			broke.Add(1)
		case code != kind.code:
			return fmt.Errorf("%.40q was answered with %d, want %d", kind.bytes, code, kind.code)
		}
		return nil
	})
	return []Figure{rate("links with garbage", next.Load(), began), {Name: "whose connection broke before a close frame", Value: float64(broke.Load())}}, err
}
