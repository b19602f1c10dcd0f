package tuttitest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/memjournal"
	"github.com/tutti-rt/tutti/tuttitest"
)

var (
	as    = tuttitest.As
	staff = tuttitest.Claim("role", "staff")
)

// opened is a platform with a room that sam, of the staff, has opened and watches.
func opened(t *testing.T, f func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client)) {
	t.Helper()
	rooms := newRooms()
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		lobby := func(opts ...tuttitest.Option) *tuttitest.Client { return p.Connect(rooms, "lobby", opts...) }
		sam := lobby(as("sam"), staff)
		sam.SeesState(map[string]int{"lines": 0})
		sam.Send(Open{}).Acked()
		sam.Sees(Opened{"sam"})
		f(t, p, lobby, sam)
	}, rooms)
}

func TestCommandsEventsAndAnswers(t *testing.T) {
	rooms := newRooms()
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		p.Refuses(rooms, "lobby", "closed", as("ben"))
		p.Refuses(rooms, "vault", "refused", as("ben"))
		sam := p.Connect(rooms, "lobby", as("sam"), staff)
		sam.SeesState(map[string]int{"lines": 0})
		sam.Send(Open{}).Acked()
		ben := p.Connect(rooms, "lobby", as("ben"))
		ben.SeesState([]string(nil))

		if rev := ben.Send(Say{"hi"}).Replied(Number{1}).Revision(); rev != 2 {
			t.Errorf("revision %d, want 2", rev)
		}
		sam.Sees(Opened{"sam"}, Said{"ben", "hi"})
		ben.Sees(Said{"ben", "hi"})
		ben.Send(Say{""}).Rejected("invalid")
		ben.Send(Crash{}).Rejected("internal")
		ben.Send(tuttitest.Raw{Name: "sing", Data: "{}"}).Rejected("unknown_command")
		ben.Send(Say{"late"}, tuttitest.Expect(1)).Rejected("conflict")
		sam.Ask(Count{}).Answered(Number{1})
		sam.SeesNothing()
		ben.SeesNothing()
	}, rooms)
}

func TestTimersComeOnTheTestsClock(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		ben := lobby(as("ben"))
		ben.SeesState([]string(nil))
		p.Advance(time.Hour - time.Second)
		sam.SeesNothing()
		p.Advance(time.Second)
		sam.Sees(Closed{"time is up"})
		ben.Sees(Closed{"time is up"})
	})
}

func TestAudiencesAndMessages(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		ann, ben := lobby(as("ann")), lobby(as("ben"))
		ann.SeesState([]string(nil))
		ben.SeesState([]string(nil))
		ann.Send(Whisper{ben.Member(), "psst"}).Acked()
		ben.Hears(Said{"ann", "psst"})
		sam.Hears(tuttitest.Raw{Name: "whispering", Data: `{"Who":"","Hand":""}`})
		sam.Sees(tuttitest.Raw{Name: "whispered", Data: `"` + ben.Member() + `"`})
		ann.HearsNothing()
		ben.SeesNothing()

		ann.Signal(Wave{"left"})
		ben.Hears(Waved{"ann", "left"})
		ben.Signal(tuttitest.Raw{Name: "typing", Data: `true`})
		ann.Hears(tuttitest.Raw{Name: "typing", Data: `true`})
		ben.HearsNothing()
	})
}

func TestTellingReachesAnotherEntity(t *testing.T) {
	rooms := newRooms()
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		echo := p.Connect(rooms, "echo", as("sam"), staff)
		ann := p.Connect(rooms, "lobby", as("ann"), staff)
		echo.SeesState(map[string]int{"lines": 0})
		ann.Send(Whisper{"", "psst"}).Acked()
		echo.Sees(Said{"lobby", "psst"})
		p.Stored(rooms, "echo", Said{"lobby", "psst"})
	}, rooms)
}

func TestLinksThatBreakAreResumed(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		ben := lobby(as("ben"))
		ben.SeesState([]string(nil))
		ben.Offline()
		sent := ben.Send(Say{"from afar"}).Unanswered()
		sam.Send(Say{"1"}).Acked()
		sam.Send(Say{"2"}).Acked()
		ben.SeesNothing()
		ben.Online()
		sent.Acked()
		ben.Sees(Said{"sam", "1"}, Said{"sam", "2"}, Said{"ben", "from afar"})

		cursor := ben.Cursor()
		ben.Drop()
		sam.Send(Say{"3"}).Acked()
		ben.Sees(Said{"sam", "3"})

		later := lobby(as("ben"), tuttitest.From(cursor))
		later.Sees(Said{"sam", "3"})
		sam.Sees(Said{"sam", "1"}, Said{"sam", "2"}, Said{"ben", "from afar"}, Said{"sam", "3"})
	})
}

func TestAConnectionThatIsOpenedAgain(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		ben := lobby(as("ben"))
		ben.SeesState([]string(nil))
		member := ben.Member()
		ben.Close()
		sam.Send(Say{"hi"}).Acked()
		ben.Reopen()
		ben.Sees(Said{"sam", "hi"})
		if ben.Member() != member {
			t.Errorf("member %s has become %s", member, ben.Member())
		}
	})
}

func TestPresence(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		ann := lobby(as("ann"), tuttitest.WithPresence())
		ann.SeesHere(ann, sam)
		ben := lobby(as("ben"))
		ann.SeesHere(ann, ben, sam)
		ben.Leave()
		ann.SeesHere(ann, sam)
		sam.Close()
		p.Advance(time.Second) // within the grace period
		ann.SeesHere(ann, sam)
		p.Advance(10 * time.Second)
		ann.SeesHere(ann)
		ann.SeesState([]string(nil))
		ann.Sees(Closed{"the host has left"})
	})
}

func TestReplacedConnections(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		name := tuttitest.Conn("0123456789abcdef")
		first := lobby(as("ben"), name)
		second := lobby(as("ben"), name)
		first.Ends("replaced")
		second.Send(Say{"hi"}).Acked()
		p.Refuses(newRooms(), "lobby", "403", as("eve"), name)
	})
}

func TestConnectionsThatOnlySend(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		ben := lobby(as("ben"), tuttitest.SendOnly())
		ben.Send(Say{"hi"}).Replied(Number{1})
		ben.SeesNothing()
		sam.Sees(Said{"ben", "hi"})
	})
}

func TestNothingIsShownBeforeItIsDurable(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		ben := lobby(as("ben"))
		release := p.HoldAppends()
		sent := ben.Send(Say{"hi"})
		asked := ben.Ask(Count{})
		sent.Unanswered()
		asked.Unanswered()
		sam.SeesNothing()
		release()
		sent.Replied(Number{1})
		asked.Answered(Number{1})
		sam.Sees(Said{"ben", "hi"})
	})
}

func TestACrashKeepsWhatWasDurable(t *testing.T) {
	rooms := newRooms()
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		sam := p.Connect(rooms, "lobby", as("sam"), staff)
		sam.Send(Open{}).Acked()
		sam.Send(Say{"kept"}).Acked()
		p.HoldAppends()
		lost := sam.Send(Say{"not yet kept"}).Unanswered()
		p.Crash()
		p.Stored(rooms, "lobby", Opened{"sam"}, Said{"sam", "kept"})
		p.Start()
		lost.Replied(Number{2}) // the client has sent it again
		p.Stored(rooms, "lobby", Opened{"sam"}, Said{"sam", "kept"}, Said{"sam", "not yet kept"})
		sam.SeesState(map[string]int{"lines": 0})
		sam.Sees(Opened{"sam"}, Said{"sam", "kept"}, Said{"sam", "not yet kept"})

		p.Advance(time.Hour) // the timer was kept, too
		sam.Sees(Closed{"time is up"})
		p.StoredState(rooms, "lobby", Room{"", []string{"sam: kept", "sam: not yet kept"}})
	}, rooms)
}

func TestAnOperatorsRestart(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		p.Stop()
		sent := sam.Send(Say{"hi"})
		p.Start()
		sent.Replied(Number{1})
		sam.Sees(Said{"sam", "hi"})
		p.Restart()
		sam.Ask(Count{}).Answered(Number{1})
	})
}

func TestJournalFailures(t *testing.T) {
	for name, fault := range map[string]memjournal.Fault{
		"not stored":          {Err: errors.New("disk on fire")},
		"unknown, not stored": {Err: journal.ErrUnknown},
		"unknown, but stored": {Err: journal.ErrUnknown, Stored: true},
	} {
		t.Run(name, func(t *testing.T) {
			rooms := newRooms()
			tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
				sam := p.Connect(rooms, "lobby", as("sam"), staff)
				var appends atomic.Int64
				p.Inject(memjournal.Faults{Append: func(context.Context, journal.Partition, journal.Batch) memjournal.Fault {
					if appends.Add(1) <= 2 {
						return fault
					}
					return memjournal.Fault{}
				}})
				sam.Send(Open{}).Acked()
				p.Stored(rooms, "lobby", Opened{"sam"})
				if n := appends.Load(); n < 3 && !fault.Stored {
					t.Errorf("%d appends were tried, want 3", n)
				}
			}, rooms)
		})
	}
}

func TestWhatHappensToUnfinishedCommands(t *testing.T) {
	opened(t, func(t *testing.T, p *tuttitest.Platform, lobby func(...tuttitest.Option) *tuttitest.Client, sam *tuttitest.Client) {
		p.HoldAppends()
		sent := sam.Send(Say{"hi"}).Unanswered()
		sam.Close()
		if err := sent.Err(); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Err() = %v, want %v", err, client.ErrClosed)
		}
	})
}

func TestWhoIsTooFarBehindGetsTheState(t *testing.T) {
	ledgers := newLedgers()
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		ann := p.Connect(ledgers, "1", as("ann"))
		ben := p.Connect(ledgers, "1", as("ben"))
		ann.SeesState(Ledger{[]string{"came ann"}})
		ann.Sees(Noted{"came ben"})
		for _, test := range []struct {
			puts  int
			state bool
		}{{5, false}, {6, true}} {
			ann.Offline()
			p.Advance(0)
			want := p.Events(ledgers, "1")
			for range test.puts {
				ben.Send(Put{"x"}).Acked()
			}
			p.Restart() // which empties the rings
			ann.Online()
			var missed []any
			for _, e := range p.Events(ledgers, "1")[len(want):] {
				missed = append(missed, e)
			}
			if !test.state {
				ann.Sees(missed...)
				continue
			}
			ann.Ask(Read{}).Acked()
			if seen := ann.Seen(); len(seen) != 1 || seen[0].Name != "" {
				t.Errorf("after %d events ann sees %v, want one state", test.puts, seen)
			}
		}
	}, ledgers)
}
