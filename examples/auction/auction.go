package main

import (
	"time"

	"github.com/tutti-rt/tutti"
)

// Auction is the state of one auction.
type Auction struct {
	Seller string    `json:"seller"`
	Lot    string    `json:"lot"`
	Best   Bid       `json:"best"`
	Bidder string    `json:"bidder"`
	Ends   time.Time `json:"ends"`
	Closed bool      `json:"closed"`
}

// What clients ask of an auction.
type (
	Offer struct {
		Lot     string `json:"lot"`
		Minutes int    `json:"minutes"`
	}
	Bid struct {
		Amount int `json:"amount"`
	}
)

// What accounts tell an auction.
type (
	Secure struct {
		Bidder string
		Amount int
	} // the money of a bid is held
	Refuse struct {
		Bidder string
		Amount int
	} // there is not so much
)

// The events, and the timer.
type (
	Offered struct {
		Seller string    `json:"seller"`
		Lot    string    `json:"lot"`
		Ends   time.Time `json:"ends"`
	}
	Outbid struct {
		Bidder string    `json:"bidder"`
		Amount int       `json:"amount"`
		Ends   time.Time `json:"ends"`
	}
	Sold struct {
		Bidder string `json:"bidder"`
		Amount int    `json:"amount"`
	}
	Unsold struct{}
	Hammer struct{}
)

// lastMinute is how long an auction goes on after a bid, at least.
const lastMinute = time.Minute

// Auctions are all auctions.
var Auctions = tutti.NewCategory("auction",
	tutti.OnCommand(offer, tutti.Emits(Offered{})),
	tutti.OnCommand(bid),
	tutti.OnCommand(secured, tutti.Name("secure"), tutti.Emits(Outbid{})),
	tutti.OnCommand(refused, tutti.Name("refuse")),
	tutti.OnTimer(hammer, tutti.Emits(Sold{}, Unsold{})),

	tutti.OnEvent(func(a *Auction, e Offered) { *a = Auction{Seller: e.Seller, Lot: e.Lot, Ends: e.Ends} }),
	tutti.OnEvent(func(a *Auction, e Outbid) { a.Best, a.Bidder, a.Ends = Bid{e.Amount}, e.Bidder, e.Ends }),
	tutti.OnEvent(func(a *Auction, e Sold) { a.Closed = true }),
	tutti.OnEvent(func(a *Auction, e Unsold) { a.Closed = true }),
)

func offer(t *tutti.Turn[Auction], c Offer) error {
	switch {
	case t.State().Lot != "":
		return tutti.Reject("conflict", "this auction has a lot")
	case c.Lot == "" || c.Minutes < 1 || c.Minutes > 1440:
		return tutti.Reject("invalid", "an auction has a lot, and takes 1 to 1,440 minutes")
	}
	ends := t.Now().Add(time.Duration(c.Minutes) * time.Minute)
	t.Emit(Offered{Seller: t.Claims().Subject, Lot: c.Lot, Ends: ends})
	t.Schedule("hammer", ends, Hammer{})
	return nil
}

// bid asks the bidder's account for the money; the bid counts when the account says that it has it.
func bid(t *tutti.Turn[Auction], c Bid) error {
	if err := t.State().takes(c.Amount); err != nil {
		return err
	}
	t.Tell(account(t.Claims().Subject), Hold(c))
	return nil
}

func secured(t *tutti.Turn[Auction], c Secure) error {
	if t.From() != account(c.Bidder) {
		return tutti.Reject("forbidden", "only the bidder's account says that")
	}
	a := t.State()
	if a.takes(c.Amount) != nil { // another bid was faster
		t.Tell(account(c.Bidder), Release{Amount: c.Amount})
		return nil
	}
	if a.Bidder != "" {
		t.Tell(account(a.Bidder), Release(a.Best))
	}
	ends := a.Ends
	if soonest := t.Now().Add(lastMinute); ends.Before(soonest) {
		ends = soonest
		t.Schedule("hammer", ends, Hammer{})
	}
	t.Emit(Outbid{Bidder: c.Bidder, Amount: c.Amount, Ends: ends})
	return nil
}

func refused(t *tutti.Turn[Auction], c Refuse) error {
	if t.From() != account(c.Bidder) {
		return tutti.Reject("forbidden", "only the bidder's account says that")
	}
	t.Broadcast(c, tutti.Name("refused"))
	return nil
}

func hammer(t *tutti.Turn[Auction], _ Hammer) error {
	a := t.State()
	if a.Bidder == "" {
		t.Emit(Unsold{})
		return nil
	}
	t.Emit(Sold{Bidder: a.Bidder, Amount: a.Best.Amount})
	t.Tell(account(a.Bidder), Pay{Amount: a.Best.Amount, To: a.Seller})
	return nil
}

// takes says why an auction does not take a bid, or nil.
func (a *Auction) takes(amount int) error {
	switch {
	case a.Lot == "":
		return tutti.Reject("closed", "nothing is offered")
	case a.Closed:
		return tutti.Reject("closed", "the hammer has fallen")
	case amount <= a.Best.Amount:
		return tutti.Reject("too_low", "the best bid is higher")
	}
	return nil
}
