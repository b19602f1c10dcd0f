package tuttitest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/tuttitest"
)

// check compares, once everything has come to rest.
func (h *history) check() {
	h.faults.Store(nil)
	h.settle()
	for _, c := range h.clients {
		c.Online()
	}
	for _, s := range h.sent {
		_ = s.Err() // waits for the outcome
	}
	h.p.Advance(10 * time.Second) // beyond every timer
	tokens := make(map[string][]string)
	for i := range 3 {
		id := fmt.Sprint(i)
		for _, stored := range h.p.Events(h.ledgers, id) {
			var e Noted
			decode(h.t, stored.Data, &e)
			tokens[id] = append(tokens[id], e.Token)
		}
		h.p.StoredState(h.ledgers, id, Ledger{tokens[id]})
	}
	for _, s := range h.sent {
		h.checkSent(s, tokens)
	}
	for _, c := range h.clients {
		c.Ask(Read{}).Answered(tokens[c.ledger])
		c.look(h.t)
		h.checkClient(c, visible(tokens[c.ledger], c.audience))
		h.checkComing(c, tokens[c.ledger])
		c.SeesHere(h.at(c.ledger)...)
	}
	h.p.Restart()
	for _, c := range h.clients {
		c.Ask(Read{}).Answered(tokens[c.ledger])
	}
}

// checkSent compares the outcome of a command with what was stored.
func (h *history) checkSent(s sentToken, tokens map[string][]string) {
	noted := count(tokens[s.ledger], s.token)
	err := s.Err()
	rejected, isRejected := errors.AsType[*client.Rejected](err)
	switch {
	case s.never && noted > 0:
		h.t.Errorf("%s %s was noted", s.do, s.token)
	case err == nil && noted != 1:
		h.t.Errorf("%s %s was acknowledged and noted %d times", s.do, s.token, noted)
	case err == nil && s.do == "put":
		s.Replied(slices.Index(tokens[s.ledger], s.token) + 1)
	case isRejected && noted > 0:
		h.t.Errorf("%s %s was rejected with %s and noted %d times", s.do, s.token, rejected.Code, noted)
	case isRejected && !s.mayReject(rejected.Code):
		h.t.Errorf("%s %s was rejected: %v", s.do, s.token, rejected)
	case err != nil && !isRejected && !s.by.reopened:
		h.t.Errorf("%s %s: %v", s.do, s.token, err)
	case noted > 1:
		h.t.Errorf("%s %s was noted %d times", s.do, s.token, noted)
	}
	if s.do == "pass" {
		if passed := count(tokens[s.by.ledger], strings.TrimSuffix(s.token, " passed")); passed != noted {
			h.t.Errorf("%s was passed %d times and noted %d times", s.token, passed, noted)
		}
	}
}

// mayReject reports whether the command may be rejected with that code.
func (s sentToken) mayReject(code string) bool {
	switch code {
	case "refused":
		return s.do == "refuse"
	case "internal":
		return s.do == "spoil"
	case "forgotten", "unavailable":
		return true
	}
	return false
}

// checkClient compares what a client has seen with what was stored.
func (h *history) checkClient(c *watched, tokens []string) {
	for _, p := range c.prefixes {
		if len(p) > len(tokens) || !slices.Equal(p, tokens[:len(p)]) {
			h.t.Errorf("%s has seen %q\nstored   %q", c.name, p, tokens)
			return
		}
	}
	if !slices.Equal(c.tokens, tokens) {
		h.t.Errorf("%s sees %q\nstored %q", c.name, c.tokens, tokens)
	}
	var mine []string // what it put itself, in the order in which it was sent
	for _, s := range h.sent {
		if s.by == c && s.do == "put" && count(tokens, s.token) > 0 {
			mine = append(mine, s.token)
		}
	}
	var stored []string
	for _, token := range tokens {
		if slices.Contains(mine, token) {
			stored = append(stored, token)
		}
	}
	if !slices.Equal(mine, stored) {
		h.t.Errorf("%s sent %q\nstored %q", c.name, mine, stored)
	}
}

// checkComing expects that a client came, left, came and so on, and is here now.
func (h *history) checkComing(c *watched, tokens []string) {
	here := false
	for _, token := range tokens {
		switch token {
		case came + c.name, left + c.name:
			if is := strings.HasPrefix(token, came); is == here {
				h.t.Errorf("%s twice in %q", token, tokens)
				return
			} else {
				here = is
			}
		}
	}
	if !here {
		h.t.Errorf("%s is not here in %q", c.name, tokens)
	}
}

// at returns the clients at a ledger, all of which are here in the end.
func (h *history) at(ledger string) []*tuttitest.Client {
	var here []*tuttitest.Client
	for _, c := range h.clients {
		if c.ledger == ledger {
			here = append(here, c.Client)
		}
	}
	return here
}

func count(tokens []string, token string) int {
	n := 0
	for _, t := range tokens {
		if t == token {
			n++
		}
	}
	return n
}
