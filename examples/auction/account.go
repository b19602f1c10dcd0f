package main

import "github.com/tutti-rt/tutti"

// Account is the state of one account. Its id is the subject that it belongs to.
type Account struct {
	Balance int `json:"balance"`
	Held    int `json:"held"` // of the balance, for bids
}

// The commands: Deposit is the owner's, the others are told by auctions and accounts.
type (
	Deposit struct {
		Amount int `json:"amount"`
	}
	Hold    struct{ Amount int }
	Release struct{ Amount int }
	Pay     struct {
		Amount int
		To     string
	}
	Receive struct{ Amount int }
)

// The events.
type (
	Deposited struct {
		Amount int `json:"amount"`
	}
	Held struct {
		Amount int    `json:"amount"`
		By     string `json:"by"`
	}
	Released struct {
		Amount int `json:"amount"`
	}
	Paid struct {
		Amount int    `json:"amount"`
		To     string `json:"to"`
	}
	Received struct {
		Amount int    `json:"amount"`
		From   string `json:"from"`
	}
)

// Accounts are all accounts. Each is open to its owner alone.
var Accounts = tutti.NewCategory("account",
	tutti.Admit(func(c tutti.Claims, id string) error {
		if c.Subject != id {
			return tutti.Reject("forbidden", "this is somebody else's account")
		}
		return nil
	}),
	tutti.OnCommand(deposit),
	tutti.OnCommand(hold),
	tutti.OnCommand(release),
	tutti.OnCommand(pay),
	tutti.OnCommand(receive),

	tutti.OnEvent(func(a *Account, e Deposited) { a.Balance += e.Amount }),
	tutti.OnEvent(func(a *Account, e Held) { a.Held += e.Amount }),
	tutti.OnEvent(func(a *Account, e Released) { a.Held -= e.Amount }),
	tutti.OnEvent(func(a *Account, e Paid) { a.Held -= e.Amount; a.Balance -= e.Amount }),
	tutti.OnEvent(func(a *Account, e Received) { a.Balance += e.Amount }),
)

// account names the account of a subject.
func account(subject string) tutti.Entity { return tutti.Entity{Category: "account", ID: subject} }

// deposit stands for a payment from outside.
func deposit(t *tutti.Turn[Account], c Deposit) error {
	if c.Amount <= 0 || c.Amount > 1_000_000 {
		return tutti.Reject("invalid", "a deposit is 1 to 1,000,000")
	}
	t.Emit(Deposited(c))
	return nil
}

func hold(t *tutti.Turn[Account], c Hold) error {
	if err := fromAuction(t); err != nil {
		return err
	}
	if free := t.State().Balance - t.State().Held; c.Amount > free {
		t.Tell(t.From(), Refuse{Bidder: t.ID(), Amount: c.Amount})
		return nil
	}
	t.Emit(Held{Amount: c.Amount, By: t.From().ID})
	t.Tell(t.From(), Secure{Bidder: t.ID(), Amount: c.Amount})
	return nil
}

func release(t *tutti.Turn[Account], c Release) error {
	if err := fromAuction(t); err != nil {
		return err
	}
	t.Emit(Released(c))
	return nil
}

func pay(t *tutti.Turn[Account], c Pay) error {
	if err := fromAuction(t); err != nil {
		return err
	}
	t.Emit(Paid(c))
	t.Tell(account(c.To), Receive{Amount: c.Amount})
	return nil
}

func receive(t *tutti.Turn[Account], c Receive) error {
	if t.From().Category != "account" {
		return tutti.Reject("forbidden", "only accounts pay")
	}
	t.Emit(Received{Amount: c.Amount, From: t.From().ID})
	return nil
}

func fromAuction(t *tutti.Turn[Account]) error {
	if t.From().Category != "auction" {
		return tutti.Reject("forbidden", "only auctions do that")
	}
	return nil
}
