package main

import (
	"testing"
	"time"

	"github.com/tutti-rt/tutti/tuttitest"
)

// TestAnEvening runs an auction on the whole platform, with a crash in the middle.
func TestAnEvening(t *testing.T) {
	tuttitest.Run(t, func(t *testing.T, p *tuttitest.Platform) {
		for _, who := range []string{"ann", "ben"} {
			mine := p.Connect(Accounts, who, as(who))
			mine.Send(Deposit{Amount: 100}).Acked()
			p.Refuses(Accounts, who, "refused", as("eve"))
		}
		sue := p.Connect(Auctions, "lamp", as("sue"))
		sue.Send(Offer{Lot: "a lamp", Minutes: 60}).Acked()
		ann, ben := p.Connect(Auctions, "lamp", as("ann")), p.Connect(Auctions, "lamp", as("ben"))
		ends := time.Now().Add(time.Hour)

		ann.SeesState(Auction{Seller: "sue", Lot: "a lamp", Ends: ends})
		ann.Send(Bid{Amount: 30}).Acked()
		ann.Sees(Outbid{Bidder: "ann", Amount: 30, Ends: ends})
		ben.Send(Bid{Amount: 200}).Acked()
		ben.Hears(tuttitest.Raw{Name: "refused", Data: `{"Bidder":"ben","Amount":200}`})
		ben.Send(Bid{Amount: 40}).Acked()
		ann.Sees(Outbid{Bidder: "ben", Amount: 40, Ends: ends})

		p.Advance(30 * time.Minute)
		p.Restart()
		ann.Send(Bid{Amount: 50}).Acked()
		ann.Sees(Outbid{Bidder: "ann", Amount: 50, Ends: ends})

		p.Advance(30 * time.Minute)
		ann.Sees(Sold{Bidder: "ann", Amount: 50})
		ben.Send(Bid{Amount: 60}).Rejected("closed")
		p.Advance(time.Second)
		p.StoredState(Accounts, "ann", Account{Balance: 50})
		p.StoredState(Accounts, "ben", Account{Balance: 100})
		p.StoredState(Accounts, "sue", Account{Balance: 50})
	}, Auctions, Accounts)
}
