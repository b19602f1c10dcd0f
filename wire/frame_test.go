package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

func TestAppendFrame(t *testing.T) {
	for _, c := range []struct {
		name string
		e    wire.Envelope
		o    wire.FrameOptions
		want string
	}{
		{
			"welcome",
			wire.Envelope{Kind: wire.KindWelcome, Flags: wire.Known, Member: "m1", Epoch: "e", Revision: 42, Acked: 3, Data: []byte(`{"n":1}`)},
			wire.FrameOptions{Heartbeat: 25 * time.Second},
			`{"type":"welcome","member":"m1","epoch":"e","rev":42,"resumed":false,"acked":3,"known":true,"state":{"n":1},"heartbeat":25000}`,
		},
		{
			"welcome resumed",
			wire.Envelope{Kind: wire.KindWelcome, Flags: wire.Resumed, Member: "m1", Epoch: "e", Data: []byte(`1`)},
			wire.FrameOptions{Heartbeat: time.Second},
			`{"type":"welcome","member":"m1","epoch":"e","rev":0,"resumed":true,"acked":0,"known":false,"heartbeat":1000}`,
		},
		{
			"event",
			wire.Envelope{Kind: wire.KindEvent, Revision: 43, Name: "said", Data: []byte(`{"text":"<&>"}`), At: 1700000000000, Member: "m", Command: 17},
			wire.FrameOptions{},
			`{"type":"event","rev":43,"name":"said","data":{"text":"<&>"},"at":1700000000000,"by":"m","cmd":17}`,
		},
		{
			"event after hidden ones",
			wire.Envelope{Kind: wire.KindEvent, Revision: 43, Prev: 40, Name: "x", At: -1},
			wire.FrameOptions{},
			`{"type":"event","rev":43,"prev":40,"name":"x","data":null,"at":-1}`,
		},
		{
			"first visible event",
			wire.Envelope{Kind: wire.KindEvent, Flags: wire.HasPrev, Revision: 43, Name: "x"},
			wire.FrameOptions{},
			`{"type":"event","rev":43,"prev":0,"name":"x","data":null,"at":0}`,
		},
		{
			"ack",
			wire.Envelope{Kind: wire.KindAck, Command: 17, Revision: 43},
			wire.FrameOptions{},
			`{"type":"ack","id":17,"rev":43}`,
		},
		{
			"ack with reply and trace",
			wire.Envelope{Kind: wire.KindAck, Command: 17, Revision: 43, Data: []byte(`null`), Hops: &wire.Hops{Bus: 2}},
			wire.FrameOptions{Hops: &wire.Hops{Edge: 1, Bus: 2, Mailbox: 3, Handler: 4, Journal: 5, Fanout: 6, At: 1700000000000007}},
			`{"type":"ack","id":17,"rev":43,"reply":null,"trace":{"edge":1,"bus":2,"mailbox":3,"handler":4,"journal":5,"fanout":6,"at":1700000000000007}}`,
		},
		{
			"reject",
			wire.Envelope{Kind: wire.KindReject, Command: 17, Code: "invalid", Message: "a \"line\"\n\x00\u2028\xff\\é"},
			wire.FrameOptions{},
			`{"type":"reject","id":17,"code":"invalid","message":"a \"line\"\n\u0000\u2028\ufffd\\é"}`,
		},
		{
			"answer",
			wire.Envelope{Kind: wire.KindAnswer, Command: 18, Revision: 43, Data: []byte(`[1]`)},
			wire.FrameOptions{},
			`{"type":"answer","id":18,"rev":43,"data":[1]}`,
		},
		{
			"message",
			wire.Envelope{Kind: wire.KindMessage, Name: "typing", Member: "m"},
			wire.FrameOptions{},
			`{"type":"message","name":"typing","data":null,"by":"m"}`,
		},
		{
			"message of the entity",
			wire.Envelope{Kind: wire.KindMessage, Name: "typing", Data: []byte("7")},
			wire.FrameOptions{},
			`{"type":"message","name":"typing","data":7}`,
		},
		{
			"presence",
			wire.Envelope{Kind: wire.KindPresenceChange, Data: []byte(`{"count":1,"left":["m"]}`)},
			wire.FrameOptions{},
			`{"type":"presence","count":1,"left":["m"]}`,
		},
		{
			"presence without change",
			wire.Envelope{Kind: wire.KindPresenceChange, Data: []byte(`{}`)},
			wire.FrameOptions{},
			`{"type":"presence"}`,
		},
		{
			"pong",
			wire.Envelope{Kind: wire.KindPong, Data: []byte(`"x"`), Spent: 12},
			wire.FrameOptions{EdgeUS: 30, At: 1700000000000007},
			`{"type":"pong","t":"x","edge_us":30,"state_us":12,"at":1700000000000007}`,
		},
		{
			"terminate",
			wire.Envelope{Kind: wire.KindTerminate, Flags: wire.Reconnect, Code: "draining", Message: "m"},
			wire.FrameOptions{After: 1500 * time.Millisecond},
			`{"type":"terminate","code":"draining","message":"m","reconnect":true,"after":1500}`,
		},
		{
			"terminate for good",
			wire.Envelope{Kind: wire.KindTerminate, Code: "replaced"},
			wire.FrameOptions{After: time.Second},
			`{"type":"terminate","code":"replaced","message":"","reconnect":false}`,
		},
		{
			"status",
			wire.Envelope{Kind: wire.KindStatus, Code: "recovering"},
			wire.FrameOptions{},
			`{"type":"status","state":"recovering"}`,
		},
		{"no frame", wire.Envelope{Kind: wire.KindBacklogPart}, wire.FrameOptions{}, ``},
	} {
		got := string(wire.AppendFrame([]byte("x"), &c.e, c.o))
		if got != "x"+c.want {
			t.Errorf("%s: AppendFrame = %s, want x%s", c.name, got, c.want)
		}
		if c.want != "" && !json.Valid([]byte(c.want)) {
			t.Errorf("%s: %s is no JSON", c.name, c.want)
		}
	}
}
