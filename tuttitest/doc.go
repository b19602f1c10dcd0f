// Package tuttitest tests categories in the words of their specification, and whole applications in
// one process under a test's clock.
//
// # One message
//
// [Given] needs no platform. It folds some events, hands one message to its handler and compares
// what that decided:
//
//	tuttitest.Given(t, Rooms, Opened{By: "ann"}).
//		When(Say{Text: "hi"}, tuttitest.As("ben")).
//		Then(Said{Who: "ben", Text: "hi"})
//
// On the way it checks what every category must keep to, and a test that passes may still miss: that
// a handler changes nothing itself, that it decides the same when the same turn is run again, and
// that a state which was stored and restored between two events goes on as one that was not.
//
// # The whole platform
//
// [Run] starts a node with edge, state node and journal, and gives the test clients on a network of
// its own: real ones, that speak the real protocol. All of it runs in a bubble of testing/synctest,
// so that an hour passes in no time, and a test that passes once passes always:
//
//	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
//		ann := p.Connect(Rooms, "lobby", tuttitest.As("ann"))
//		ann.SeesState(Room{})
//		ann.Send(Say{Text: "hi"}).Acked()
//		ann.Sees(Said{Who: "ann", Text: "hi"})
//
//		p.Advance(time.Hour)
//		p.Crash()
//		p.Start()
//		ann.Ask(Count{}).Answered(Number{1})
//	}, Rooms)
//
// What can go wrong can be made to: [Platform.Crash], [Platform.HoldAppends], [Platform.Inject],
// [Client.Drop], [Client.Offline]. What is in the journal in the end is compared by
// [Platform.Stored] and [Platform.StoredState].
package tuttitest
