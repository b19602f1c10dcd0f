package state

import (
	"cmp"
	"slices"

	"github.com/tutti-rt/tutti/internal/turn"
)

// outbox is an entity's messages for others that these have not confirmed, by receiver and in order of number.
// Nil is empty.
type outbox struct {
	queues few[turn.Entity, []tell]
	n      int
}

// tell is a message for another entity.
type tell struct {
	number uint64
	name   string
	data   []byte
	sent   bool // since the entity was activated
}

// addressed is a message with its receiver.
type addressed struct {
	to turn.Entity
	tell
}

func (o *outbox) len() int {
	if o == nil {
		return 0
	}
	return o.n
}

// add puts a message behind those to the same receiver.
func (o *outbox) add(to turn.Entity, t tell) {
	queue, _ := o.queues.get(to)
	o.queues.set(to, append(queue, t))
	o.n++
}

// to returns the messages to a receiver. The caller may mark them as sent.
func (o *outbox) to(receiver turn.Entity) []tell {
	if o == nil {
		return nil
	}
	queue, _ := o.queues.get(receiver)
	return queue
}

// confirm forgets the messages to the receiver up to number.
func (o *outbox) confirm(to turn.Entity, number uint64) (changed bool) {
	queue := o.to(to)
	n := 0
	for n < len(queue) && queue[n].number <= number {
		queue[n] = tell{} // what is behind it shares its memory
		n++
	}
	switch {
	case n == 0:
		return false
	case n == len(queue):
		o.queues.remove(to)
	default:
		o.queues.set(to, queue[n:])
	}
	o.n -= n
	return true
}

// receivers returns to whom there are messages, in the order of the first to each.
func (o *outbox) receivers() []turn.Entity {
	if o == nil {
		return nil
	}
	return slices.SortedFunc(o.queues.keys(), func(a, b turn.Entity) int {
		return cmp.Compare(o.to(a)[0].number, o.to(b)[0].number)
	})
}

// inOrder returns all messages in order of number.
func (o *outbox) inOrder() []addressed {
	if o == nil {
		return nil
	}
	all := make([]addressed, 0, o.n)
	for to, queue := range o.queues.all() {
		for _, t := range queue {
			all = append(all, addressed{to, t})
		}
	}
	slices.SortFunc(all, func(a, b addressed) int { return cmp.Compare(a.number, b.number) })
	return all
}
