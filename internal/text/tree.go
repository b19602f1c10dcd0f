package text

import (
	"strings"
	"unicode/utf8"
)

// maxLeaf is how many bytes a leaf holds at most. Longer leaves make edits copy more, shorter ones
// make the tree deeper.
const maxLeaf = 512

// node is a subtree that is never empty and never changed. The empty text is a nil *node.
// Inner nodes have both children, whose heights differ by one at most; leaves have neither.
type node struct {
	left, right  *node
	leaf         string
	runes, bytes int
	height       int
}

func newLeaf(s string) *node {
	if s == "" {
		return nil
	}
	return &node{leaf: s, runes: utf8.RuneCountInString(s), bytes: len(s)}
}

// newInner puts two subtrees together whose heights differ by one at most.
func newInner(l, r *node) *node {
	return &node{
		left: l, right: r,
		runes: l.runes + r.runes, bytes: l.bytes + r.bytes,
		height: max(l.height, r.height) + 1,
	}
}

// build makes a tree of s with leaves at least half full.
func build(s string) *node {
	if len(s) <= maxLeaf {
		return newLeaf(s)
	}
	mid := len(s) / 2
	for !utf8.RuneStart(s[mid]) {
		mid--
	}
	return join(build(s[:mid]), build(s[mid:]))
}

// join returns the text of l followed by that of r, and merges the leaves that meet when one of
// the two is a leaf. Either may be nil and of any height.
func join(l, r *node) *node {
	switch {
	case l == nil:
		return r
	case r == nil:
		return l
	case l.height == 0 && r.height == 0:
		if l.bytes+r.bytes <= maxLeaf {
			return newLeaf(l.leaf + r.leaf)
		}
		return newInner(l, r)
	case r.height == 0 || l.height > r.height+1:
		return balance(l.left, join(l.right, r))
	case l.height == 0 || r.height > l.height+1:
		return balance(join(l, r.left), r.right)
	}
	return newInner(l, r)
}

// balance puts two subtrees together whose heights differ by two at most.
func balance(l, r *node) *node {
	switch {
	case l.height > r.height+1:
		if l.left.height >= l.right.height {
			return newInner(l.left, newInner(l.right, r))
		}
		return newInner(newInner(l.left, l.right.left), newInner(l.right.right, r))
	case r.height > l.height+1:
		if r.right.height >= r.left.height {
			return newInner(newInner(l, r.left), r.right)
		}
		return newInner(newInner(l, r.left.left), newInner(r.left.right, r.right))
	}
	return newInner(l, r)
}

// insert returns n with s before the code point at position at.
func insert(n *node, at int, s string) *node {
	switch {
	case s == "":
		return n
	case n == nil:
		return build(s)
	case n.height == 0:
		i := n.offset(at)
		return build(n.leaf[:i] + s + n.leaf[i:])
	case at <= n.left.runes:
		return join(insert(n.left, at, s), n.right)
	}
	return join(n.left, insert(n.right, at-n.left.runes, s))
}

// remove returns n without the code points in [from, to).
func remove(n *node, from, to int) *node {
	switch {
	case from >= to:
		return n
	case from <= 0 && to >= n.runes:
		return nil
	case n.height == 0:
		return newLeaf(n.leaf[:n.offset(from)] + n.leaf[n.offset(to):])
	}
	mid := n.left.runes
	return join(
		remove(n.left, min(from, mid), min(to, mid)),
		remove(n.right, max(from-mid, 0), max(to-mid, 0)),
	)
}

// offset returns the byte offset of the code point at position at of a leaf.
func (n *node) offset(at int) int {
	if at >= n.runes {
		return n.bytes
	}
	if n.runes == n.bytes {
		return at
	}
	i := 0
	for range at {
		_, size := utf8.DecodeRuneInString(n.leaf[i:])
		i += size
	}
	return i
}

// walk calls yield for each leaf in order until it returns false.
func (n *node) walk(yield func(string) bool) bool {
	if n == nil {
		return true
	}
	if n.height == 0 {
		return yield(n.leaf)
	}
	return n.left.walk(yield) && n.right.walk(yield)
}

// valid returns s with each byte that is not UTF-8 replaced by U+FFFD, as encoding/json does.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}
