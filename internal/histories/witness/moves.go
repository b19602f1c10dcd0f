package witness

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
)

// firstMoney is what an account begins with.
const firstMoney = 10_000

type (
	by struct {
		By int64 `json:"by"`
	}
	n struct {
		N int64 `json:"n"`
	}
	amount struct {
		Amount int64 `json:"amount"`
	}
	transfer struct {
		Key    string `json:"key"`
		To     string `json:"to"`
		Amount int64  `json:"amount"`
	}
)

// Deposit gives an account something to send.
func (w *Witness) Deposit(ctx context.Context) {
	w.Command(ctx, client.Command{Name: "deposit", Data: amount{firstMoney}})
}

// Move sends a command that fits the category, by chance. An account sends money to another one of ids, of which it is one.
func (w *Witness) Move(ctx context.Context, rng *rand.Rand, ids []string) {
	c := client.Command{}
	switch w.Category {
	case histories.Counter:
		c.Name, c.Data = "add", by{1 + rng.Int64N(1000)}
	case histories.Cell:
		c.Name, c.Data = "put", n{rng.Int64N(1 << 40)}
		if rng.IntN(2) == 0 {
			c.HasExpect, c.Expect = true, w.Shown()
		}
	default:
		to := ids[(slices.Index(ids, w.ID)+1+rng.IntN(len(ids)-1))%len(ids)]
		c.Name, c.Data = "transfer", transfer{w.Name + "-" + strconv.FormatInt(rng.Int64(), 36), to, 1 + rng.Int64N(300)}
	}
	w.Command(ctx, c)
}
