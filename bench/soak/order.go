package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// order is a command to be sent, and what it is known to do.
type order struct {
	name string
	data []byte // JSON
	// event is the one event that it causes, and fact that event's data.
	event string
	fact  []byte
	// expect is the revision that the command expects, when conditional.
	conditional bool
	expect      uint64
	// valid says that the entity may accept it; refusals has the codes that it may be rejected with.
	valid    bool
	refusals string
}

// may reports whether the order may be rejected with this code.
func (o *order) may(code string) bool {
	for allowed := range strings.FieldsSeq(o.refusals) {
		if allowed == code {
			return true
		}
	}
	return false
}

// newOrder is an order that is never refused.
func newOrder(name string, data any, event string, fact any) order {
	return order{name: name, data: encode(data), event: event, fact: encode(fact), valid: true}
}

// refusable is an order that may be refused with the code. What was refused leaves nothing in the journal, so that
// a crash may take the memory of it.
func (o order) refusable(code string) order {
	o.refusals = code + " forgotten"
	return o
}

// wrong is an order that the entity has to refuse.
func wrong(name string, data any) order {
	return order{name: name, data: encode(data), refusals: "invalid forgotten"}
}

// oneIn reports true once in n times.
func oneIn(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("soak: encode %T: %v", v, err)) // the types here can all be encoded
	}
	return data
}

// token names a command among all of a run.
func token(conn uint32, id uint64) string { return fmt.Sprintf("c%d-%d", conn, id) }
