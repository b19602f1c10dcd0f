// Package tutti is what an application writes: the categories of its entities.
//
// An entity is a thing with identity, state and history, shared by many users at once: a chat room,
// a document, a game, an auction. It is named by category and id, such as room/lobby. The platform
// keeps its connections, puts what everybody sends into one order, stores what was decided and
// shows it to everybody.
//
// # A category
//
// A category is declared with plain functions over plain types:
//
//	// Room is the state of one chat room.
//	type Room struct{ Lines []Said }
//
//	type Say struct{ Text string }                      // command: a request
//	type Said struct{ Who, Text string; At time.Time }  // event: a fact
//
//	var Rooms = tutti.NewCategory("room",
//		tutti.OnCommand(func(t *tutti.Turn[Room], c Say) error {
//			if c.Text == "" {
//				return tutti.Reject("invalid", "empty line")
//			}
//			t.Emit(Said{Who: t.Claims().Subject, Text: c.Text, At: t.Now()})
//			return nil
//		}),
//		tutti.OnEvent(func(r *Room, e Said) { r.Lines = append(r.Lines, e) }),
//	)
//
//	func main() { node.Main(Rooms) }
//
// The names on the wire come from the types, say and said, unless [Name] gives another. Commands,
// events, states, replies and all the rest are encoded by encoding/json, so that struct tags and a
// type's own marshalers work as anywhere.
//
// What is wrong with the declarations is found when the category is made, all of it: see
// [Category.Err]. That includes types that could not be stored. The zero value of each type that
// is stored must encode and decode again.
//
// # Turns
//
// An entity takes one message at a time: a turn. A handler reads [Turn.State], decides, and asks the
// turn for what shall happen: [Turn.Emit], [Turn.Reply], [Turn.Broadcast], [Turn.Tell],
// [Turn.Schedule]. When it returns nil the events are applied, in order; once they are durable the
// rest happens. When it returns an error or panics, nothing has happened.
//
//	what came                  declared with   emit, tell, schedule   reply   broadcast, send, terminate
//	a command, or a told one   OnCommand       yes                    yes     yes
//	a timer                    OnTimer         yes                    no      yes
//	a connection comes         OnConnect       yes                    no      yes
//	a connection is gone       OnDisconnect    yes                    no      yes
//	a signal                   OnSignal        no                     no      yes
//	a query                    OnQuery         no                     no      no
//
// To say no, a handler returns [Reject]; that is an answer. Every other error is a failure: the client
// learns only that there was one, and the log has the rest.
//
// # Events are for ever
//
// The state is the fold of the events, from the zero value, as [OnEvent] applies them. It is rebuilt
// on other nodes and after years, so apply is a function of state and event alone, and a handler
// takes the time, randomness and everything else that varies from its turn and puts it into events.
// What is not in the state's JSON does not survive: an unexported field is only good for what can be
// computed from the others at any time.
//
// When events change, [Upcast] turns those that are stored already into today's.
//
// # Who sees what
//
// [Admit] decides who may come at all, [OnConnect] whether the entity takes a connection just now.
// [Audience] sorts clients into groups; [View] and [ViewEvent] say what a group sees of state and
// events, [Who] what others see of a client's claims. [Relay] hands signals, such as pointers and
// typing marks, from client to client.
//
// # Clients in TypeScript
//
// Every application has the verb gen ts, which writes what clients of its categories send and see as types of
// TypeScript. They come from the types that the declarations name: a [View], [ViewEvent] or [Who] that returns a
// type of its own and not any, [Replies], [RelayOf] and [Sends]; what these leave open is unknown there. Types
// that encode themselves are strings where they have MarshalText, and else what their method
// TypeScript() string says, or unknown.
//
// # Tests
//
// Package tuttitest runs a category without a platform, in the words of its specification (given
// these events, when this command, then those events), and the whole platform in one process under
// a test's clock.
package tutti
