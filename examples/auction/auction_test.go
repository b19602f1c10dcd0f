package main

import (
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/tuttitest"
)

var (
	noon    = time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC)
	offered = Offered{Seller: "sue", Lot: "a lamp", Ends: noon.Add(time.Hour)}
	at      = tuttitest.At
	as      = tuttitest.As
	tells   = tuttitest.Tells
)

func TestOffering(t *testing.T) {
	tuttitest.Given(t, Auctions).
		When(Bid{Amount: 1}, as("ann")).ThenRejects("closed").
		When(Offer{Lot: "a lamp"}, as("sue")).ThenRejects("invalid").
		When(Offer{Lot: "a lamp", Minutes: 60}, as("sue"), at(noon)).
		Then(offered).
		ThenEffects(tuttitest.Schedules("hammer", noon.Add(time.Hour), Hammer{})).
		When(Offer{Lot: "a vase", Minutes: 60}, as("sue")).ThenRejects("conflict")
}

func TestABidCountsOnceItsMoneyIsHeld(t *testing.T) {
	tuttitest.Given(t, Auctions, offered).
		When(Bid{Amount: 10}, as("ann"), at(noon)).
		Then().ThenEffects(tells(account("ann"), Hold{Amount: 10})).
		WhenTold(account("ann"), Secure{Bidder: "ann", Amount: 10}).
		Then(Outbid{Bidder: "ann", Amount: 10, Ends: offered.Ends}).ThenEffects().
		When(Bid{Amount: 10}, as("ben")).ThenRejects("too_low")
}

func TestMoneyThatIsNotThere(t *testing.T) {
	tuttitest.Given(t, Auctions, offered).
		WhenTold(account("ann"), Refuse{Bidder: "ann", Amount: 10}).
		Then().ThenEffects(tuttitest.Broadcasts(Refuse{Bidder: "ann", Amount: 10}).Named("refused"))
}

func TestWhoIsOutbidGetsTheMoneyBack(t *testing.T) {
	tuttitest.Given(t, Auctions, offered, Outbid{Bidder: "ann", Amount: 10, Ends: offered.Ends}).
		WhenTold(account("ben"), Secure{Bidder: "ben", Amount: 12}, at(noon)).
		Then(Outbid{Bidder: "ben", Amount: 12, Ends: offered.Ends}).
		ThenEffects(tells(account("ann"), Release{Amount: 10})).
		WhenTold(account("cid"), Secure{Bidder: "cid", Amount: 11}).
		Then().ThenEffects(tells(account("cid"), Release{Amount: 11}))
}

func TestABidInTheLastMinuteGainsTime(t *testing.T) {
	late := offered.Ends.Add(-time.Second)
	tuttitest.Given(t, Auctions, offered).
		WhenTold(account("ann"), Secure{Bidder: "ann", Amount: 10}, at(late)).
		Then(Outbid{Bidder: "ann", Amount: 10, Ends: late.Add(time.Minute)}).
		ThenEffects(tuttitest.Schedules("hammer", late.Add(time.Minute), Hammer{}))
}

func TestTheHammerFalls(t *testing.T) {
	tuttitest.Given(t, Auctions, offered).
		WhenDue(Hammer{}).Then(Unsold{}).ThenEffects().
		When(Bid{Amount: 10}, as("ann")).ThenRejects("closed")
	tuttitest.Given(t, Auctions, offered, Outbid{Bidder: "ann", Amount: 10}).
		WhenDue(Hammer{}).
		Then(Sold{Bidder: "ann", Amount: 10}).
		ThenEffects(tells(account("ann"), Pay{Amount: 10, To: "sue"}))
}

func TestClientsCannotSpeakForAccounts(t *testing.T) {
	tuttitest.Given(t, Auctions, offered).
		When(Secure{Bidder: "eve", Amount: 10}, as("eve")).ThenRejects("forbidden").
		When(Refuse{Bidder: "eve", Amount: 10}, as("eve")).ThenRejects("forbidden")
	tuttitest.Given(t, Accounts).
		When(Deposit{Amount: 5}, as("eve"), tuttitest.ID("ann")).ThenRejects("forbidden").
		When(Hold{Amount: 1}, as("ann"), tuttitest.ID("ann")).ThenRejects("forbidden").
		When(Release{Amount: 1}, as("ann")).ThenRejects("forbidden").
		When(Pay{Amount: 1, To: "eve"}, as("ann")).ThenRejects("forbidden").
		When(Receive{Amount: 1}, as("ann")).ThenRejects("forbidden")
}

func TestAnAccount(t *testing.T) {
	auction := tutti.Entity{Category: "auction", ID: "lamp"}
	tuttitest.Given(t, Accounts).
		When(Deposit{Amount: -1}, tuttitest.ID("ann"), as("ann")).ThenRejects("invalid").
		When(Deposit{Amount: 15}, as("ann")).Then(Deposited{Amount: 15}).
		WhenTold(auction, Hold{Amount: 10}).Then(Held{Amount: 10, By: "lamp"}).
		ThenEffects(tells(auction, Secure{Bidder: "ann", Amount: 10})).
		WhenTold(auction, Hold{Amount: 6}).Then().
		ThenEffects(tells(auction, Refuse{Bidder: "ann", Amount: 6})).
		WhenTold(auction, Hold{Amount: 5}).Then(Held{Amount: 5, By: "lamp"}).
		WhenTold(auction, Release{Amount: 5}).Then(Released{Amount: 5}).
		WhenTold(auction, Pay{Amount: 10, To: "sue"}).Then(Paid{Amount: 10, To: "sue"}).
		ThenEffects(tells(account("sue"), Receive{Amount: 10})).
		ThenState(Account{Balance: 5}).
		WhenTold(account("bob"), Receive{Amount: 3}).Then(Received{Amount: 3, From: "bob"}).
		ThenState(Account{Balance: 8})
}
