package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coder/websocket"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/wire"
)

// counterServer is a counter that forgets, in place of a node.
func counterServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.Subprotocol}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		say := func(e wire.Envelope) {
			_ = ws.Write(r.Context(), websocket.MessageText, wire.AppendFrame(nil, &e, wire.FrameOptions{Heartbeat: time.Minute}))
		}
		n := uint64(0)
		say(wire.Envelope{Kind: wire.KindWelcome, Flags: wire.Known, Member: "m1", Epoch: "e1", Data: []byte(`{"n":0}`)})
		for {
			_, message, err := ws.Read(r.Context())
			if err != nil {
				return
			}
			for line := range wire.Frames(message) {
				f, err := wire.DecodeClientFrame(line)
				if err != nil {
					return
				}
				switch {
				case f.Type == wire.TypeQuery:
					say(wire.Envelope{Kind: wire.KindAnswer, Command: f.ID, Revision: n, Data: fmt.Appendf(nil, `{"n":%d}`, n)})
				case string(f.Data) == `{"by":1}`:
					n++
					say(wire.Envelope{Kind: wire.KindEvent, Revision: n, Name: "added", Data: f.Data, Member: "m1", Command: f.ID})
					say(wire.Envelope{Kind: wire.KindAck, Command: f.ID, Revision: n, Data: fmt.Appendf(nil, `{"n":%d}`, n)})
				default:
					say(wire.Envelope{Kind: wire.KindReject, Command: f.ID, Code: wire.CodeInvalid, Message: "by is out of range"})
				}
			}
		}
	}))
}

func ExampleOpen() {
	server := counterServer()
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := client.Open(ctx, client.EntityURL(server.URL, "counter", "clicks"), client.Config{Token: "…"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	ack, err := c.Send(ctx, "add", map[string]int{"by": 1})
	fmt.Println("durable:", ack.Revision, string(ack.Reply), err)

	for u, err := range c.Updates(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch u := u.(type) {
		case client.State:
			fmt.Println("state:", u.Revision, string(u.Data))
		case client.Event:
			fmt.Println("event:", u.Revision, u.Name, string(u.Data))
			return
		}
	}
	// Output:
	// durable: 1 {"n":1} <nil>
	// state: 0 {"n":0}
	// event: 1 added {"by":1}
}

func ExampleClient_Start() {
	server := counterServer()
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Open(ctx, client.EntityURL(server.URL, "counter", "clicks"), client.Config{SendOnly: true})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	// Many commands on their way at once, in this order.
	var calls []*client.Call
	for range 100 {
		call, err := c.Start(ctx, client.Command{Name: "add", Data: map[string]int{"by": 1}})
		if err != nil {
			log.Fatal(err)
		}
		calls = append(calls, call)
	}
	for _, call := range calls {
		if _, err := call.Wait(ctx); err != nil {
			log.Fatal(err)
		}
	}
	answer, err := c.Query(ctx, "get", nil)
	fmt.Println(string(answer.Data), err)
	// Output: {"n":100} <nil>
}

func ExampleClient_Send_rejected() {
	server := counterServer()
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Open(ctx, client.EntityURL(server.URL, "counter", "clicks"), client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	_, err = c.Send(ctx, "add", map[string]int{"by": 0})
	fmt.Println(err)
	// Output: rejected: invalid: by is out of range
}
