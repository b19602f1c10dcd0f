package tutti_test

import (
	"fmt"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/tuttitest"
)

// Account is the state of one account: a number, and nothing that could not be computed from its
// events.
type Account struct {
	Balance int `json:"balance"`
}

// Commands are requests, events are facts.
type (
	Withdraw struct {
		Amount int `json:"amount"`
	}
	Withdrawn struct {
		Amount int       `json:"amount"`
		At     time.Time `json:"at"`
	}
	Deposited struct {
		Amount int `json:"amount"`
	}
	Balance struct{}
)

var accounts = tutti.NewCategory("account",
	tutti.OnCommand(withdraw, tutti.Emits(Withdrawn{})),
	tutti.OnEvent(func(a *Account, e Withdrawn) { a.Balance -= e.Amount }),
	tutti.OnEvent(func(a *Account, e Deposited) { a.Balance += e.Amount }),
	tutti.OnQuery(func(t *tutti.Turn[Account], _ Balance) (int, error) { return t.State().Balance, nil }),
)

func withdraw(t *tutti.Turn[Account], c Withdraw) error {
	switch {
	case c.Amount <= 0:
		return tutti.Reject("invalid", "the amount must be positive")
	case c.Amount > t.State().Balance:
		return tutti.Reject("overdrawn", "there is not so much")
	}
	t.Emit(Withdrawn{c.Amount, t.Now()})
	t.ReplyWith(func(a *Account) any { return a.Balance })
	return nil
}

// A category is a set of plain functions, so its specification needs no platform.
func ExampleNewCategory() {
	t := printer{}
	tuttitest.Given(t, accounts, Deposited{Amount: 10}).
		When(Withdraw{Amount: 7}).
		Then(Withdrawn{Amount: 7, At: tuttitest.Start}).
		ThenReply(3).
		When(Withdraw{Amount: 7}).
		ThenRejects("overdrawn").
		WhenAsked(Balance{}).
		ThenAnswer(3)
	fmt.Println("errors:", accounts.Err())
	// Output: errors: <nil>
}

// All mistakes in the declarations come at once.
func ExampleCategory_Err() {
	c := tutti.NewCategory("account",
		tutti.OnCommand(withdraw, tutti.Emits(Withdrawn{}, Deposited{})),
		tutti.OnEvent(func(a *Account, e Withdrawn) { a.Balance -= e.Amount }),
		tutti.OnEvent(func(a *Account, e Withdrawn) { a.Balance += e.Amount }),
		tutti.OnTimer(func(t *tutti.Turn[Account], p struct{ Done chan bool }) error { return nil }, tutti.Name("alarm")),
	)
	fmt.Println(c.Err())
	// Output:
	// category "account": event withdrawn is declared twice, with tutti_test.Withdrawn and tutti_test.Withdrawn
	// category "account": timer alarm: it.Done: a chan does not encode
	// category "account": command withdraw emits tutti_test.Deposited, which has no OnEvent
}

// When the shape of an event changes, the new one gets a name of its own, and those that are stored
// already are read as new ones.
func ExampleUpcast() {
	type withdrawn struct{ Cents int } // the type as it was, and so its name on the wire
	accounts := tutti.NewCategory("account",
		tutti.OnEvent(func(a *Account, e Withdrawn) { a.Balance -= e.Amount }, tutti.Name("withdrawn_2")),
		tutti.Upcast(func(old withdrawn) Withdrawn { return Withdrawn{Amount: old.Cents / 100} }),
	)
	tuttitest.Given(printer{}, accounts, withdrawn{Cents: 500}).ThenState(Account{Balance: -5})
	fmt.Println("errors:", accounts.Err())
	// Output: errors: <nil>
}

// Audiences see the same entity differently.
func ExampleViewEvent() {
	accounts := tutti.NewCategory("account",
		tutti.OnCommand(withdraw),
		tutti.OnEvent(func(a *Account, e Withdrawn) { a.Balance -= e.Amount }),
		tutti.OnEvent(func(a *Account, e Deposited) { a.Balance += e.Amount }),
		tutti.Audience(func(c tutti.Claims) string { return c.String("role") }),
		tutti.View(func(a *Account, audience string) any {
			if audience == "owner" {
				return a
			}
			return struct{}{}
		}),
		tutti.ViewEvent(func(e Withdrawn, audience string) (any, bool) {
			return map[string]time.Time{"at": e.At}, audience != "stranger"
		}),
	)
	tuttitest.Given(printer{}, accounts, Deposited{Amount: 10}).
		ThenView("owner", Account{Balance: 10}).
		ThenView("clerk", struct{}{}).
		When(Withdraw{Amount: 7}).
		ThenSeen("clerk", map[string]time.Time{"at": tuttitest.Start}).
		ThenSeen("stranger")
	fmt.Println("errors:", accounts.Err())
	// Output: errors: <nil>
}

// Timers are durable: this one comes whatever crashes in between.
func ExampleTurn_Schedule() {
	type Start struct{ Seconds int }
	type Over struct{ Round int }
	type Started struct{ Round int }
	rounds := tutti.NewCategory("round",
		tutti.OnCommand(func(t *tutti.Turn[Account], c Start) error {
			t.Emit(Started{Round: 1})
			t.Schedule("end", t.Now().Add(time.Duration(c.Seconds)*time.Second), Over{Round: 1})
			return nil
		}),
		tutti.OnTimer(func(t *tutti.Turn[Account], p Over) error {
			t.Broadcast(p)
			return nil
		}),
		tutti.OnEvent(func(a *Account, e Started) {}),
	)
	tuttitest.Given(printer{}, rounds).
		When(Start{Seconds: 30}).
		Then(Started{Round: 1}).
		ThenEffects(tuttitest.Schedules("end", tuttitest.Start.Add(30*time.Second), Over{Round: 1})).
		WhenDue(Over{Round: 1}).
		ThenEffects(tuttitest.Broadcasts(Over{Round: 1}))
	fmt.Println("errors:", rounds.Err())
	// Output: errors: <nil>
}

// printer reports to the example's output; a test gives its *testing.T.
type printer struct{}

func (printer) Helper()                             {}
func (printer) Errorf(format string, args ...any)   { fmt.Printf(format+"\n", args...) }
func (p printer) Fatalf(format string, args ...any) { p.Errorf(format, args...) }
