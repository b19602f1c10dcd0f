package state

import (
	"container/list"
	"sync"

	"github.com/tutti-rt/tutti/internal/turn"
)

// Bounds of the rejections of keyed calls that a partition remembers. Beyond them the oldest are forgotten.
const (
	maxCallerRefusals = 1_000
	maxRefusals       = 1 << 14
)

// refusals are the rejections of keyed calls. They changed nothing, so that no record has them: they are remembered for as
// long as the partition is owned, also while their entities are passivated.
type refusals struct {
	mu       sync.Mutex
	by       map[refusalKey]*refusal
	oldest   list.List             // of *refusal
	byCaller map[string]*list.List // the same by caller, whose name is another at each entity
}

type refusalKey struct {
	caller string
	key    keyID
}

type refusal struct {
	refusalKey
	digest  callDigest
	why     *turn.Rejection
	of, all *list.Element // its places in the two lists
}

func (r *refusals) find(caller string, key keyID) (callDigest, *turn.Rejection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.by[refusalKey{caller, key}]; f != nil {
		return f.digest, f.why
	}
	return callDigest{}, nil
}

func (r *refusals) add(caller string, key keyID, digest callDigest, why *turn.Rejection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by, r.byCaller = make(map[refusalKey]*refusal), make(map[string]*list.List)
	}
	k := refusalKey{caller, key}
	if r.by[k] != nil {
		return
	}
	mine := r.byCaller[caller]
	if mine == nil {
		mine = list.New()
		r.byCaller[caller] = mine
	}
	f := &refusal{refusalKey: k, digest: digest, why: &turn.Rejection{Code: shorten(why.Code), Message: why.Message}}
	f.of, f.all = mine.PushBack(f), r.oldest.PushBack(f)
	r.by[k] = f
	if mine.Len() > maxCallerRefusals {
		r.remove(mine.Front().Value.(*refusal))
	}
	if len(r.by) > maxRefusals {
		r.remove(r.oldest.Front().Value.(*refusal))
	}
}

// remove forgets one. The caller holds r.mu.
func (r *refusals) remove(f *refusal) {
	delete(r.by, f.refusalKey)
	r.oldest.Remove(f.all)
	mine := r.byCaller[f.caller]
	if mine.Remove(f.of); mine.Len() == 0 {
		delete(r.byCaller, f.caller)
	}
}
