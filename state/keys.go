package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/tutti-rt/tutti/wire"
)

// Bounds of the keys that an entity remembers. Beyond them those that came first are forgotten, some at a time.
const (
	maxCallerKeys = 10_000   // of one caller, kept at least
	maxKeys       = 1 << 16  // of all
	maxKeyReplies = 4 << 20  // bytes of replies of an ephemeral entity
	maxKeptReply  = 64 << 10 // bytes of one of these
	keySlack      = 8        // 1/keySlack more than are kept may gather
)

// keyID is a caller's key, and callDigest what it was used for, each as a hash: neither is shown to anybody again.
type (
	keyID      [16]byte
	callDigest [16]byte
)

func newKeyID(key string) keyID {
	sum := sha256.Sum256([]byte(key))
	return keyID(sum[:16])
}

// newCallDigest is the same for calls that ask for the same: of that name and expectation, with data that differs at most in
// the space between its tokens.
func newCallDigest(env *wire.Envelope) callDigest {
	h := sha256.New()
	var expect [9]byte
	if env.Has(wire.HasExpect) {
		expect[0] = 1
		binary.BigEndian.PutUint64(expect[1:], env.Expect)
	}
	h.Write(expect[:])
	h.Write(appendString(nil, env.Name))
	h.Write(env.Data)
	return callDigest(h.Sum(nil)[:16])
}

// keyed is what became of a call with a key that was carried out.
type keyed struct {
	digest        callDigest
	seq, revision uint64 // of its record
	at            int64  // Unix ms
	replied       bool   // there was a reply: its record has it
	reply         []byte // of an ephemeral entity, which has no record; nil when it is too long to be kept
}

// keys are those that callers used at an entity. Except for the replies they are a fold of its records. The zero value has none.
type keys struct {
	by      few[string, *few[keyID, keyed]] // by caller
	n       int                             // of all callers
	replies int                             // bytes
}

func (k *keys) find(caller string, key keyID) (keyed, bool) {
	of, _ := k.by.get(caller)
	return of.get(key)
}

// add remembers a key.
func (k *keys) add(caller string, key keyID, of keyed) {
	mine, ok := k.by.get(caller)
	if !ok {
		mine = &few[keyID, keyed]{}
		k.by.set(caller, mine)
	}
	before := mine.len()
	mine.set(key, of)
	k.n += mine.len() - before
	if n := mine.len(); n > maxCallerKeys+maxCallerKeys/keySlack {
		k.forgetFirst(n-maxCallerKeys, caller)
	}
	if k.n > maxKeys {
		k.forgetFirst(maxKeys/keySlack, "")
	}
}

// hold keeps the reply to the call with that key, of an ephemeral entity.
func (k *keys) hold(caller string, key keyID, reply []byte) {
	of, _ := k.by.get(caller)
	o, ok := of.get(key)
	if !ok || len(reply) == 0 || len(reply) > maxKeptReply {
		return
	}
	o.reply = reply
	of.set(key, o)
	k.replies += len(reply)
	for k.replies > maxKeyReplies {
		k.forgetFirst(k.n/keySlack+1, "")
	}
}

// forgetFirst forgets those n keys, of a caller unless that is empty, that came first.
func (k *keys) forgetFirst(n int, of string) {
	type used struct {
		caller string
		key    keyID
		seq    uint64
	}
	all := make([]used, 0, k.n)
	for caller, mine := range k.by.all() {
		if of != "" && caller != of {
			continue
		}
		for key, o := range mine.all() {
			all = append(all, used{caller, key, o.seq})
		}
	}
	slices.SortFunc(all, func(a, b used) int { return cmp.Compare(a.seq, b.seq) })
	for _, u := range all[:min(n, len(all))] {
		k.forget(u.caller, u.key)
	}
}

func (k *keys) forget(caller string, key keyID) {
	mine, _ := k.by.get(caller)
	o, ok := mine.get(key)
	if !ok {
		return
	}
	mine.remove(key)
	k.n--
	k.replies -= len(o.reply)
	if mine.len() == 0 {
		k.by.remove(caller)
	}
}

// prune forgets the keys that were used before the time given.
func (k *keys) prune(before int64) {
	for caller, mine := range k.by.all() {
		for key, o := range mine.all() {
			if o.at < before {
				k.forget(caller, key)
			}
		}
	}
}

// bytes estimates what the keys cost in memory.
func (k *keys) bytes() int64 { return int64(k.n)*keyBytes + int64(k.replies) }

// append appends the keys as a snapshot keeps them.
func (k *keys) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(k.by.len()))
	for _, caller := range slices.Sorted(k.by.keys()) {
		mine, _ := k.by.get(caller)
		dst = appendString(dst, caller)
		dst = binary.AppendUvarint(dst, uint64(mine.len()))
		inOrder := func(a, b keyID) int {
			x, _ := mine.get(a)
			y, _ := mine.get(b)
			return cmp.Compare(x.seq, y.seq)
		}
		for _, key := range slices.SortedFunc(mine.keys(), inOrder) {
			o, _ := mine.get(key)
			dst = append(append(dst, key[:]...), o.digest[:]...)
			dst = binary.AppendUvarint(dst, o.seq)
			dst = binary.AppendUvarint(dst, o.revision)
			dst = binary.AppendVarint(dst, o.at)
			replied := byte(0)
			if o.replied {
				replied = 1
			}
			dst = append(dst, replied)
		}
	}
	return dst
}

// read takes in what append has written.
func (k *keys) read(r *reader) {
	for range r.count() {
		caller := r.string()
		for range r.count() {
			var key keyID
			var o keyed
			copy(key[:], r.take(len(key)))
			copy(o.digest[:], r.take(len(o.digest)))
			o.seq, o.revision, o.at = r.uvarint(), r.uvarint(), r.varint()
			o.replied = r.byte() == 1
			if r.bad {
				return
			}
			k.add(caller, key, o)
		}
	}
}

// callNote is the note of a call that has that key; without one it says that the record is by a caller.
func callNote(key keyID, digest callDigest, has bool) note {
	n := note{kind: noteCall}
	if has {
		n.data = append(key[:], digest[:]...)
	}
	return n
}

func splitCall(data []byte) (key keyID, digest callDigest, has bool) {
	if len(data) != len(key)+len(digest) {
		return key, digest, false
	}
	copy(key[:], data)
	copy(digest[:], data[len(key):])
	return key, digest, true
}

// byCaller reports whether a record with these notes is by a caller.
func byCaller(notes []byte) bool { return len(notes) > 0 && noteKind(notes[0]) == noteCall }
