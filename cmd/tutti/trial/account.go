package trial

import (
	"time"

	"github.com/tutti-rt/tutti"
)

// LateAfter is how long a transfer may be without an answer before it counts as late.
const LateAfter = 200 * time.Millisecond

// Account is money that accounts send each other. What has been sent and not yet answered is neither here nor there.
type Account struct {
	Balance int64              `json:"balance"`
	Waiting map[string]Pending `json:"waiting"` // transfers without an answer, by key
	Late    int64              `json:"late"`    // how many were
}

// Pending is a transfer without an answer.
type Pending struct {
	Amount int64 `json:"amount"`
	Late   bool  `json:"late"`
}

type (
	// Deposit is the command to bring money from outside.
	Deposit struct {
		Amount int64 `json:"amount"`
	}
	// Deposited is its event.
	Deposited struct {
		Amount int64 `json:"amount"`
	}
	// Transfer is the command to send money to another account. Key names it and is new.
	Transfer struct {
		Key    string `json:"key"`
		To     string `json:"to"`
		Amount int64  `json:"amount"`
	}
	// Transferred is its event.
	Transferred struct {
		Key    string `json:"key"`
		To     string `json:"to"`
		Amount int64  `json:"amount"`
	}
	// Credit is what the sender tells the receiver.
	Credit struct {
		Key    string `json:"key"`
		Amount int64  `json:"amount"`
	}
	// Credited is the event of a receiver that takes the money.
	Credited struct {
		From   string `json:"from"`
		Key    string `json:"key"`
		Amount int64  `json:"amount"`
	}
	// Receipt is what a receiver that has taken the money tells the sender.
	Receipt struct {
		Key string `json:"key"`
	}
	// Settled is the event of a sender that got the receipt.
	Settled struct {
		Key string `json:"key"`
	}
	// Decline is what a receiver tells that does not take the money.
	Decline struct {
		Key string `json:"key"`
	}
	// Returned is the event of a sender that has its money back.
	Returned struct {
		Key string `json:"key"`
	}
	// Remind is the timer of a transfer.
	Remind struct {
		Key string `json:"key"`
	}
	// Overdue is the event of a transfer that is late.
	Overdue struct {
		Key string `json:"key"`
	}
	// Balance is the query for the account.
	Balance struct{}
)

// Declined reports whether receivers decline this amount.
func Declined(amount int64) bool { return amount%10 == 9 }

// Accounts is the category account.
var Accounts = tutti.NewCategory("account",
	tutti.OnCommand(func(t *tutti.Turn[Account], c Deposit) error {
		if c.Amount < 1 {
			return tutti.Reject("invalid", "amount: want more than nothing")
		}
		t.Emit(Deposited(c))
		return nil
	}, tutti.Emits(Deposited{})),
	tutti.OnCommand(transfer, tutti.Emits(Transferred{})),
	tutti.OnCommand(func(t *tutti.Turn[Account], c Credit) error {
		from := t.From()
		if from.Category != "account" {
			return tutti.Reject("forbidden", "accounts credit each other")
		}
		if Declined(c.Amount) {
			t.Tell(from, Decline{c.Key})
			return nil
		}
		t.Emit(Credited{From: from.ID, Key: c.Key, Amount: c.Amount})
		t.Tell(from, Receipt{c.Key})
		return nil
	}, tutti.Emits(Credited{})),
	tutti.OnCommand(func(t *tutti.Turn[Account], c Receipt) error {
		if t.From().Category != "account" {
			return tutti.Reject("forbidden", "accounts give receipts")
		}
		t.Emit(Settled(c))
		t.Cancel(c.Key)
		return nil
	}, tutti.Emits(Settled{})),
	tutti.OnCommand(func(t *tutti.Turn[Account], c Decline) error {
		if t.From().Category != "account" {
			return tutti.Reject("forbidden", "accounts decline")
		}
		t.Emit(Returned(c))
		t.Cancel(c.Key)
		return nil
	}, tutti.Emits(Returned{})),
	tutti.OnTimer(func(t *tutti.Turn[Account], c Remind) error {
		t.Emit(Overdue(c))
		return nil
	}, tutti.Emits(Overdue{})),
	tutti.OnEvent(func(s *Account, e Deposited) { s.Balance += e.Amount }),
	tutti.OnEvent(func(s *Account, e Transferred) {
		s.Balance -= e.Amount
		if s.Waiting == nil {
			s.Waiting = make(map[string]Pending)
		}
		s.Waiting[e.Key] = Pending{Amount: e.Amount}
	}),
	tutti.OnEvent(func(s *Account, e Credited) { s.Balance += e.Amount }),
	tutti.OnEvent(func(s *Account, e Settled) { delete(s.Waiting, e.Key) }),
	tutti.OnEvent(func(s *Account, e Returned) {
		s.Balance += s.Waiting[e.Key].Amount
		delete(s.Waiting, e.Key)
	}),
	tutti.OnEvent(func(s *Account, e Overdue) {
		p := s.Waiting[e.Key]
		p.Late = true
		s.Waiting[e.Key] = p
		s.Late++
	}),
	tutti.OnQuery(func(t *tutti.Turn[Account], _ Balance) (Account, error) { return *t.State(), nil }, tutti.Name("get")),
)

// transfer sends money, with a timer that notes when the answer is late.
func transfer(t *tutti.Turn[Account], c Transfer) error {
	_, taken := t.State().Waiting[c.Key]
	switch {
	case c.Amount < 1 || c.Key == "" || taken || c.To == t.ID():
		return tutti.Reject("invalid", "want an amount, a new key and another account")
	case c.Amount > t.State().Balance:
		return tutti.Reject("funds", "the account has less")
	}
	t.Emit(Transferred(c))
	t.Tell(tutti.Entity{Category: "account", ID: c.To}, Credit{Key: c.Key, Amount: c.Amount})
	t.Schedule(c.Key, t.Now().Add(LateAfter), Remind{c.Key})
	return nil
}
