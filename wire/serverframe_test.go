package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-rt/tutti/wire"
)

func TestDecodeServerFrame(t *testing.T) {
	for line, want := range map[string]wire.ServerFrame{
		`{"type":"welcome","member":"m1","epoch":"e","rev":42,"resumed":false,"acked":3,"known":true,"state":{"n":1},"heartbeat":25000}`: {Type: "welcome", Member: "m1", Epoch: "e", Revision: 42, Acked: 3, Known: true, Data: []byte(`{"n":1}`), Heartbeat: 25000},
		`{"type":"welcome","member":"m1","epoch":"e","rev":42,"resumed":true,"acked":3,"known":true,"heartbeat":1,"state":"serving"}`:    {Type: "welcome", Member: "m1", Epoch: "e", Revision: 42, Acked: 3, Known: true, Resumed: true, Heartbeat: 1, Data: []byte(`"serving"`)},
		`{"type":"event","rev":43,"name":"said","data":{"a":1},"at":-5,"by":"m","cmd":17,"later":{}}`:                                    {Type: "event", Revision: 43, Prev: 42, Name: "said", Data: []byte(`{"a":1}`), At: -5, By: "m", Command: 17},
		`{"type":"event","rev":43,"prev":0,"name":"said","data":null,"at":0}`:                                                            {Type: "event", Revision: 43, Name: "said", Data: []byte(`null`)},
		`{"type":"ack","id":17,"rev":43,"reply":[1],"trace":{"edge":1,"bus":2,"mailbox":3,"handler":4,"journal":5,"fanout":6,"at":7}}`:   {Type: "ack", ID: 17, Revision: 43, Data: []byte(`[1]`), Hops: &wire.Hops{Edge: 1, Bus: 2, Mailbox: 3, Handler: 4, Journal: 5, Fanout: 6, At: 7}},
		`{"type":"reject","id":17,"code":"invalid","message":"no\n"}`:                                                                    {Type: "reject", ID: 17, Code: "invalid", Message: "no\n"},
		`{"type":"answer","id":18,"rev":43,"data":7}`:                                                                                    {Type: "answer", ID: 18, Revision: 43, Data: []byte("7")},
		`{"type":"message","name":"typing","data":7,"by":"m"}`:                                                                           {Type: "message", Name: "typing", By: "m", Data: []byte("7")},
		`{"type":"presence","count":2,"joined":[{"member":"a","who":{"n":1},"data":2}],"left":["b"],"updated":[{"member":"c"}]}`:         {Type: "presence", Presence: &wire.PresenceChange{Count: 2, Joined: []wire.Present{{Member: "a", Who: json.RawMessage(`{"n":1}`), Data: json.RawMessage("2")}}, Left: []string{"b"}, Updated: []wire.Present{{Member: "c"}}}},
		`{"state":"recovering","type":"status"}`:                                                                                         {Type: "status", Code: "recovering"},
		`{"type":"pong","t":"x","edge_us":30,"state_us":12,"at":1700000000000007}`:                                                       {Type: "pong", Data: []byte(`"x"`), EdgeUS: 30, StateUS: 12, At: 1700000000000007},
		`{"type":"terminate","code":"draining","message":"m","reconnect":true,"after":1500}`:                                             {Type: "terminate", Code: "draining", Message: "m", Reconnect: true, After: 1500},
		`{"type":"from a later version","x":1}`:                                                                                          {Type: "from a later version"},
	} {
		got, err := wire.DecodeServerFrame([]byte(line))
		if err != nil {
			t.Errorf("DecodeServerFrame(%s) = %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("DecodeServerFrame(%s): -want +got\n%s", line, diff)
		}
	}
}

func TestDecodeServerFrameRefuses(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{`{}`, "type has to be"},
		{`{"type":1}`, "type has to be"},
		{`{"type":"event","rev":"1"}`, "rev has to be"},
		{`{"type":"event","at":1.5}`, "at has to be"},
		{`{"type":"welcome","known":1}`, "known has to be"},
		{`{"type":"reject","code":null}`, "code has to be"},
		{`{"type":"status"}`, "state has to be"},
		{`{"type":"presence","left":7}`, "left"},
		{`{"type":"ack","trace":7}`, "trace has to be"},
		{`{"type":"ack"`, "expected"},
	} {
		_, err := wire.DecodeServerFrame([]byte(c.line))
		if !errors.Is(err, wire.ErrFrame) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("DecodeServerFrame(%s) = %v, want ErrFrame that says %q", c.line, err, c.says)
		}
	}
}

func FuzzDecodeServerFrame(f *testing.F) {
	f.Add([]byte(`{"type":"event","rev":43,"prev":40,"name":"said","data":{"a":1},"at":-5,"by":"m","cmd":17}`))
	f.Add([]byte(`{"type":"presence","count":2,"joined":[{"member":"a","who":{"n":1},"data":2}]}`))
	f.Add([]byte(`{"type":"ack","id":1,"rev":2,"trace":{"edge":-1}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		frame, err := wire.DecodeServerFrame(line)
		if err != nil {
			return
		}
		if !json.Valid(line) {
			t.Fatalf("DecodeServerFrame(%q) accepted what is no JSON", line)
		}
		if frame.Type != wire.TypeEvent {
			return
		}
		e := wire.Envelope{
			Kind: wire.KindEvent, Flags: wire.HasPrev, Revision: frame.Revision, Prev: frame.Prev, Name: frame.Name,
			Data: frame.Data, At: frame.At, Member: frame.By, Command: frame.Command,
		}
		again, err := wire.DecodeServerFrame(wire.AppendFrame(nil, &e, wire.FrameOptions{}))
		if err != nil {
			t.Fatalf("after %q: DecodeServerFrame(AppendFrame) = %v", line, err)
		}
		if again.Name != frame.Name || again.Prev != frame.Prev || again.At != frame.At || again.By != frame.By {
			t.Fatalf("after %q: DecodeServerFrame(AppendFrame) = %+v, want %+v", line, again, frame)
		}
	})
}

func BenchmarkDecodeServerFrame(b *testing.B) {
	line := []byte(`{"type":"event","rev":43,"name":"said","data":{"text":"a line of some length"},"at":1700000000000,"by":"m1","cmd":17}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeServerFrame(line); err != nil {
			b.Fatal(err)
		}
	}
}
