package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// accountFold is an account as a careful bank clerk keeps it.
type accountFold struct {
	id    string
	books *books
	last  map[string]transferKey // the last key that came from each account

	Balance int64              `json:"balance"`
	Waiting map[string]pending `json:"waiting"`
	Late    int64              `json:"late"`
}

type pending struct {
	Amount int64 `json:"amount"`
	Late   bool  `json:"late"`
}

type deposit struct {
	Amount int64 `json:"amount"`
}

type transfer struct {
	Key    string `json:"key"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`
}

// transferKey is the key of a transfer, taken apart.
type transferKey struct {
	conn uint32
	id   uint64
}

func (a *accountFold) apply(f *fact) error {
	var e struct {
		Key, From, To string
		Amount        int64
	}
	if err := f.decode(&e); err != nil {
		return err
	}
	if commanded := f.name == "deposited" || f.name == "transferred"; commanded != f.commanded {
		return fmt.Errorf("an event %s of nobody who may cause it", f.name)
	}
	wait, waits := a.Waiting[e.Key]
	switch f.name {
	case "deposited":
		a.Balance += e.Amount
		a.books.deposited(e.Amount)
		return nil
	case "transferred":
		if waits || e.Amount > a.Balance {
			return fmt.Errorf("a transfer that had to be refused with a balance of %d", a.Balance)
		}
		a.Balance -= e.Amount
		if a.Waiting == nil {
			a.Waiting = make(map[string]pending)
		}
		a.Waiting[e.Key] = pending{Amount: e.Amount}
		a.books.sent(e.Key, move{from: a.id, to: e.To, amount: e.Amount})
		return nil
	case "credited":
		a.Balance += e.Amount
		a.books.received(e.Key, move{from: e.From, to: a.id, amount: e.Amount})
		return a.inOrder(e.From, e.Key)
	case "settled", "returned", "overdue":
		if !waits {
			return fmt.Errorf("transfer %s is %s and does not wait for it", e.Key, f.name)
		}
	}
	switch f.name {
	case "settled":
		delete(a.Waiting, e.Key)
	case "returned":
		a.Balance += wait.Amount
		delete(a.Waiting, e.Key)
		a.books.returned(e.Key)
	case "overdue":
		if wait.Late {
			return fmt.Errorf("transfer %s is overdue twice", e.Key)
		}
		wait.Late = true
		a.Waiting[e.Key] = wait
		a.Late++
	default:
		return fmt.Errorf("an event %s", f.name)
	}
	return nil
}

// inOrder checks that what one account tells another arrives in order. Each account has one connection that
// makes its transfers.
func (a *accountFold) inOrder(from, key string) error {
	var k transferKey
	if _, err := fmt.Sscanf(key, "c%d-%d", &k.conn, &k.id); err != nil {
		return fmt.Errorf("transfer %q: %w", key, err)
	}
	last := a.last[from]
	a.last[from] = k
	if last.conn == k.conn && last.id >= k.id {
		return fmt.Errorf("transfer %s of %s arrives after %d", key, from, last.id)
	}
	return nil
}

func (a *accountFold) view() ([]byte, error) { return encode(a), nil }

func (a *accountFold) quiet() error {
	if len(a.Waiting) > 0 {
		return fmt.Errorf("%d transfers have no answer", len(a.Waiting))
	}
	return nil
}

// startMoney is what each account begins with.
const startMoney = 10_000

// pay is a command to an account: first a deposit, then transfers.
func pay(s *session, r *rand.Rand, id uint64) order {
	if id == 1 {
		return newOrder("deposit", deposit{startMoney}, "deposited", deposit{startMoney})
	}
	if oneIn(r, 40) {
		return wrong("transfer", transfer{Key: "k", To: "x"})
	}
	t := transfer{Key: token(s.number, id), Amount: 1 + r.Int64N(200)}
	for t.To = s.place.id; t.To == s.place.id; {
		t.To = s.place.peers[r.IntN(len(s.place.peers))]
	}
	return newOrder("transfer", t, "transferred", t).refusable("funds")
}

// books check what accounts have to do with each other. They belong to one goroutine.
type books struct {
	paid, held int64
	open       map[string]move // sent and neither received nor returned, or received and not yet seen to be sent
	wrong      []string
	Transfers  int
	Returned   int
}

// move is money on its way.
type move struct {
	from, to string
	amount   int64
	arrived  bool
}

func newBooks() *books { return &books{open: make(map[string]move)} }

func (b *books) deposited(amount int64) {
	if b != nil {
		b.paid += amount
	}
}

func (b *books) sent(key string, m move) { b.match(key, m) }

func (b *books) received(key string, m move) {
	m.arrived = true
	b.match(key, m)
}

// match closes a transfer when its other side is known. Accounts are read one after the other, so that either
// side may come first.
func (b *books) match(key string, m move) {
	if b == nil {
		return
	}
	other, ok := b.open[key]
	if !ok {
		b.open[key] = m
		return
	}
	if other.arrived == m.arrived || other.from != m.from || other.to != m.to || other.amount != m.amount {
		b.wrong = append(b.wrong, fmt.Sprintf("transfer %s is %+v here and %+v there", key, other, m))
		return
	}
	delete(b.open, key)
	b.Transfers++
}

// returned closes a transfer that was not taken. It stands in the sender's own events, after the sending.
func (b *books) returned(key string) {
	if b == nil {
		return
	}
	if m, ok := b.open[key]; !ok || m.arrived {
		b.wrong = append(b.wrong, fmt.Sprintf("transfer %s is returned and was received as well", key))
		return
	}
	delete(b.open, key)
	b.Returned++
}

// balance takes what an account has in the end.
func (b *books) balance(amount int64) { b.held += amount }

// close returns what does not add up.
func (b *books) close() error {
	for key, m := range b.open {
		b.wrong = append(b.wrong, fmt.Sprintf("transfer %s has one side only: %+v", key, m))
		if len(b.wrong) > maxFailures {
			break
		}
	}
	if b.paid != b.held {
		b.wrong = append(b.wrong, fmt.Sprintf("%d were deposited and accounts hold %d", b.paid, b.held))
	}
	if len(b.wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(b.wrong, "; "))
}
