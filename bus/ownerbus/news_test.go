package ownerbus_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/bus"
	"github.com/tutti-rt/tutti/bus/ownerbus"
	"github.com/tutti-rt/tutti/wire"
)

func TestNewcomersAskAndGoneNodesOwnNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		var owner, next tape
		n.own("a", room, owner.take)
		time.Sleep(150 * time.Millisecond)
		n.begin("c")
		time.Sleep(150 * time.Millisecond) // much less than owners tell by themselves
		if s := n.by["c"].Stats(); s.Partitions != 1 || s.Nodes == 0 {
			t.Errorf("Stats of a newcomer = %+v, want one partition", s)
		}
		n.by["c"].Gone("a")
		n.inner.loseWhatIsTold(true)
		_ = n.send("c", room, 1)
		owner.want(t, "who is gone")
		n.inner.loseWhatIsTold(false)
		n.own("b", room, next.take)
		next.want(t, "the next owner", 1)
	})
}

// TestSilentNodesOwnNothing has a node be cut off without a word.
func TestSilentNodesOwnNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		var owner tape
		n.own("a", room, owner.take)
		n.inner.loseWhatIsTold(true)
		time.Sleep(9 * time.Second)
		_ = n.send("b", room, 1)
		owner.want(t, "the owner", 1)
		heard := func(want bool) {
			t.Helper()
			if b := n.by["b"]; b.Heard("a") != want || b.Heard("nobody") {
				t.Errorf("Heard(a) = %t, want %t", !want, want)
			}
		}
		heard(true)
		time.Sleep(4 * time.Second)
		heard(false)
		_ = n.send("b", room, 2)
		owner.want(t, "the owner, silent for long", 1)
		n.inner.loseWhatIsTold(false)
		time.Sleep(1900 * time.Millisecond)
		owner.want(t, "the owner, heard of again", 1, 2)
		heard(true)
	})
}

// TestOwnerWhoseNodeDoesNotListenYet has word of an owner come before the way to it is there.
func TestOwnerWhoseNodeDoesNotListenYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		n.inner.beDeaf(func(bus.Address) bool { return true })
		var owner tape
		n.own("a", room, owner.take)
		for i := range 3 {
			if err := n.send("b", room, uint64(i+1)); err != nil {
				t.Errorf("Send = %v, want it to wait", err)
			}
		}
		n.inner.beDeaf(nil)
		time.Sleep(50 * time.Millisecond)
		_ = n.send("b", room, 4)
		owner.want(t, "the owner", 1, 2, 3, 4)
	})
}

// TestOwnersAreTold has somebody send to each owner that comes, from within what it is told by.
func TestOwnersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		var told []bus.Address
		number := uint64(100)
		b := n.by["b"]
		end := b.Owners(func(at bus.Address) {
			told = append(told, at)
			number++
			if err := b.Send("default", at, &wire.Envelope{Kind: wire.KindAttach, Number: number}); err != nil {
				t.Errorf("Send = %v", err)
			}
		})
		_ = n.send("b", room, 1)
		var first, second, here tape
		stop := n.own("a", room, first.take)
		first.want(t, "the first owner", 1, 101)
		stop()
		synctest.Wait()
		stop = n.own("a", room, second.take)
		second.want(t, "the same under a new term", 102)
		stop()
		stop = n.own("b", room, here.take)
		here.want(t, "the owner at the same node", 103)
		stop()
		time.Sleep(10 * time.Second)
		if len(told) != 3 {
			t.Errorf("told of %v, want three owners", told)
		}
		end()
		n.own("a", room, func(*wire.Envelope) {})
		if len(told) != 3 {
			t.Errorf("told of %v after the end", told)
		}
	})
}

func TestGarbageChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		var owner tape
		n.own("a", room, owner.take)
		for _, e := range []*wire.Envelope{
			{Kind: wire.KindEvent, From: "x"},
			{Kind: wire.KindOwners},
			{Kind: wire.KindOwners, From: "x", Number: 1, Data: []byte{255, 255}},
			{Kind: wire.KindOwners, From: string(make([]byte, 100)), Number: 1},
			{Kind: wire.KindOwners, From: "x", Number: 1, Data: append(wire.AppendOwned(nil, wire.Owned{Pool: "room", Partition: 3, Term: 99}), 1)},
			{Kind: wire.KindOwners, From: "x", Number: 1, Data: wire.AppendOwned(nil, wire.Owned{Pool: "room", Partition: 3, Term: 1 << 50})},
		} {
			n.by["b"].Hear(e)
		}
		_ = n.send("b", room, 1)
		owner.want(t, "the owner", 1)
		if g := n.by["b"].Stats().Garbage; g != 6 {
			t.Errorf("counted %d, want 6", g)
		}
	})
}

// TestUnknownNodesOwnNothing has one that is no node claim a partition, in a term that is higher.
func TestUnknownNodesOwnNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a")
		b := run(t, ownerbus.Config{Bus: n.inner, Node: "b", Knows: func(node string) bool { return node == "a" }})
		n.by["b"] = b
		synctest.Wait()
		var owner tape
		n.own("a", room, owner.take)
		b.Hear(&wire.Envelope{Kind: wire.KindOwners, From: "x", Number: 1, Data: wire.AppendOwned(nil, wire.Owned{Pool: "room", Partition: 3, Term: 99})})
		b.Hear(&wire.Envelope{Kind: wire.KindOwners, From: "y", Number: 1}) // which is true
		_ = n.send("b", room, 1)
		owner.want(t, "the owner", 1)
		if s := b.Stats(); s.Garbage != 1 || s.Nodes != 1 {
			t.Errorf("Stats = %+v, want one piece of garbage and one node", s)
		}
	})
}

// FuzzHear has a router hear whatever comes from nodes that it does not know, and what is no announcement from one that it does.
func FuzzHear(f *testing.F) {
	claim := wire.AppendOwned(nil, wire.Owned{Pool: "room", Partition: 3, Term: 99})
	f.Add(byte(wire.KindOwners), "x", "e", uint64(1), claim)
	f.Add(byte(wire.KindOwners), "a", "", uint64(1), append(claim, 1))
	f.Add(byte(wire.KindOwners), "a", "e", uint64(1<<63), wire.AppendOwned(nil, wire.Owned{Pool: "room", Partition: 3, Term: 1 << 63}))
	f.Add(byte(wire.KindWhoOwns), "x", "", uint64(0), []byte(nil))
	f.Add(byte(wire.KindMissed), "a", "", uint64(0), claim)
	f.Add(byte(wire.KindMissed), "a", "", uint64(0), append(claim, 255))
	f.Fuzz(func(t *testing.T, kind byte, from, epoch string, number uint64, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			n := newNodes(t, "a")
			b := run(t, ownerbus.Config{Bus: n.inner, Node: "b", Knows: func(node string) bool { return node == "a" }})
			n.by["b"] = b
			synctest.Wait()
			var owner tape
			n.own("a", room, owner.take)
			if from == "a" && wire.Kind(kind) == wire.KindOwners && wellFormed(data) {
				return // the owner may say what it likes
			}
			b.Hear(&wire.Envelope{Kind: wire.Kind(kind), From: from, Epoch: epoch, Number: number, Data: data})
			_ = n.send("b", room, 1)
			owner.want(t, "the owner", 1)
			if s := b.Stats(); s.Nodes > 1 {
				t.Errorf("Stats = %+v, want one node", s)
			}
		})
	})
}

func wellFormed(data []byte) bool {
	for o, err := range wire.DecodeOwned(data) {
		if err != nil || o.Term > 1<<40 {
			return false
		}
	}
	return true
}

// TestWhatWaitsGoesFirst has more be sent while what has waited is being handed over, and the way break off in between.
func TestWhatWaitsGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t, "a", "b")
		for i := range 3 {
			_ = n.send("b", room, uint64(i+1))
		}
		calls := 0
		n.inner.beDeaf(func(to bus.Address) bool {
			if !strings.Contains(string(to), "@a") {
				return false
			}
			calls++
			if calls <= 2 { // while 1 and 2 are being handed over
				number := uint64(3 + calls)
				done := make(chan struct{})
				go func() {
					defer close(done)
					if err := n.by["b"].Send("default", room, &wire.Envelope{Kind: wire.KindCommand, Number: number}); err != nil {
						t.Errorf("Send = %v", err)
					}
				}()
				<-done
			}
			return calls == 2
		})
		var owner tape
		n.own("a", room, owner.take)
		time.Sleep(100 * time.Millisecond)
		owner.want(t, "the owner", 1, 2, 3, 4, 5)
	})
}
