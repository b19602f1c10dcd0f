package histories

import (
	"encoding/json"
	"fmt"
	"maps"
)

// fold is an entity's state as the judge folds it from events.
type fold interface {
	apply(e *Event) error
	// is returns an error unless state, in JSON, is the fold's.
	is(state []byte) error
}

// The categories that can be judged. A command's event has the command's data.
const (
	Cell    = "cell"    // a number that is put
	Counter = "counter" // a number that is added to
	Account = "account" // money that is sent about
)

// eventOf has the event that each command causes, by category.
var eventOf = map[string]map[string]string{
	Cell:    {"put": "stored"},
	Counter: {"add": "added"},
	Account: {"deposit": "deposited", "transfer": "transferred"},
}

// newFold returns the fold of no events.
func newFold(category, id string, b *books) (fold, error) {
	switch category {
	case Cell, Counter:
		return &number{}, nil
	case Account:
		return &account{id: id, books: b, Waiting: make(map[string]pending)}, nil
	}
	return nil, fmt.Errorf("histories: nobody knows what a %s is", category)
}

// number is the state of a cell or counter.
type number struct {
	N int64 `json:"n"`
}

func (n *number) apply(e *Event) error {
	v, err := operand(e.Data)
	if err != nil {
		return err
	}
	switch e.Name {
	case "added":
		n.N += v
	case "stored":
		n.N = v
	default:
		return fmt.Errorf("an event %s", e.Name)
	}
	return nil
}

func (n *number) is(state []byte) error {
	var told number
	if err := json.Unmarshal(state, &told); err != nil {
		return err
	}
	if told != *n {
		return fmt.Errorf("n is %d", n.N)
	}
	return nil
}

// operand is the number in a command of a cell or counter, and in its event.
func operand(data []byte) (int64, error) {
	var v struct {
		By int64 `json:"by"`
		N  int64 `json:"n"`
	}
	err := json.Unmarshal(data, &v)
	return v.By + v.N, err
}

// account is money here, and on its way from here.
type account struct {
	id    string
	books *books

	Balance int64              `json:"balance"`
	Waiting map[string]pending `json:"waiting"`
	Late    int64              `json:"late"`
}

type pending struct {
	Amount int64 `json:"amount"`
	Late   bool  `json:"late"`
}

func (a *account) is(state []byte) error {
	var told account
	if err := json.Unmarshal(state, &told); err != nil {
		return err
	}
	if told.Balance != a.Balance || told.Late != a.Late || !maps.Equal(told.Waiting, a.Waiting) {
		return fmt.Errorf("balance %d, late %d, waiting %v", a.Balance, a.Late, a.Waiting)
	}
	return nil
}

func (a *account) apply(e *Event) error {
	var d struct {
		Key, From, To string
		Amount        int64
	}
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return err
	}
	wait, waits := a.Waiting[d.Key]
	switch e.Name {
	case "deposited":
		a.Balance += d.Amount
		a.books.paid += d.Amount
		return nil
	case "transferred":
		if waits || d.Amount > a.Balance {
			return fmt.Errorf("a transfer that had to be refused with a balance of %d", a.Balance)
		}
		a.Balance -= d.Amount
		a.Waiting[d.Key] = pending{Amount: d.Amount}
		a.books.send(d.Key, move{a.id, d.To, d.Amount})
		return nil
	case "credited":
		a.Balance += d.Amount
		a.books.receive(d.Key, move{d.From, a.id, d.Amount})
		return nil
	}
	if !waits {
		return fmt.Errorf("transfer %s is %s and does not wait for it", d.Key, e.Name)
	}
	switch e.Name {
	case "settled":
		delete(a.Waiting, d.Key)
	case "returned":
		a.Balance += wait.Amount
		delete(a.Waiting, d.Key)
		a.books.returned[d.Key]++
	case "overdue":
		if wait.Late {
			return fmt.Errorf("transfer %s is overdue twice", d.Key)
		}
		a.Waiting[d.Key] = pending{wait.Amount, true}
		a.Late++
	default:
		return fmt.Errorf("an event %s", e.Name)
	}
	return nil
}

// books are what accounts have to do with each other.
type books struct {
	paid, held     int64
	sent, received map[string][]move
	returned       map[string]int
}

type move struct {
	from, to string
	amount   int64
}

func newBooks() *books {
	return &books{sent: make(map[string][]move), received: make(map[string][]move), returned: make(map[string]int)}
}

func (b *books) send(key string, m move)    { b.sent[key] = append(b.sent[key], m) }
func (b *books) receive(key string, m move) { b.received[key] = append(b.received[key], m) }

// close returns what does not add up once all accounts are at rest.
func (b *books) close() (broken []string) {
	for key, moves := range b.sent {
		got, back := b.received[key], b.returned[key]
		if len(moves) != 1 || len(got)+back != 1 || len(got) == 1 && got[0] != moves[0] {
			broken = append(broken, fmt.Sprintf("transfer %s was sent as %v, received as %v and returned %d times", key, moves, got, back))
		}
	}
	for key, moves := range b.received {
		if len(b.sent[key]) == 0 {
			broken = append(broken, fmt.Sprintf("transfer %s was received as %v and nobody sent it", key, moves))
		}
	}
	if b.paid != b.held {
		broken = append(broken, fmt.Sprintf("%d were deposited and accounts hold %d", b.paid, b.held))
	}
	return broken
}
