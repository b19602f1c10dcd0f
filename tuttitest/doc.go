// Package tuttitest tests categories in the words of their specification.
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
package tuttitest
