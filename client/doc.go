// Package client is the Go client of the protocol: one connection to one entity, which survives
// the links that carry it.
//
// Open returns once the entity has accepted the connection. From then on Updates yields what
// happens there, in order and without gaps, and Send returns when a command is durable. When the
// link breaks the client comes back by itself: it resumes the stream after the last event it has,
// and sends every command again that has had no answer, under its old id, so that each has its
// effect once. Where no WebSocket passes, it takes server-sent events or long polls and sends by POST: every promise
// is kept over each of them, and across a change from one to another.
//
//	c, err := client.Open(ctx, "ws://127.0.0.1:8080/v1/room/lobby", client.Config{Token: token})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	if _, err := c.Send(ctx, "say", map[string]string{"text": "hello"}); err != nil {
//		return err
//	}
//	for u, err := range c.Updates(ctx) {
//		if err != nil {
//			return err
//		}
//		switch u := u.(type) {
//		case client.State:
//			… // everything as of u.Revision
//		case client.Event:
//			… // what changed
//		}
//	}
package client
