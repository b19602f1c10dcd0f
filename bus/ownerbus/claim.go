package ownerbus

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/tutti-rt/tutti/bus"
)

// claim is one ownership of a partition, and claims are ordered: the greater one is newer.
type claim struct {
	term  uint64
	began int64 // Unix ns of the owner's clock
	node  string
}

func (c claim) compare(o claim) int {
	return cmp.Or(cmp.Compare(c.term, o.term), cmp.Compare(c.began, o.began), cmp.Compare(c.node, o.node))
}

// everybody is the address at which nodes tell each other what they own.
const everybody bus.Address = "owners"

// physical is the address of a partition at a node.
func physical(at bus.Address, node string) bus.Address { return at + "@" + bus.Address(node) }

// last is the address there for what has been passed on.
func last(at bus.Address, node string) bus.Address { return physical(at, node) + "!" }

// partition returns which partition an address of an owner is of.
func partition(at bus.Address) (pool string, n int, ok bool) {
	rest, ok := strings.CutPrefix(string(at), "owner.")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(rest[dot+1:])
	return rest[:dot], n, err == nil && n >= 0 && bus.Owner(rest[:dot], n) == at
}
