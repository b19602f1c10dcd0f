package state

import (
	"iter"
	"slices"
)

// maxFew is up to how many keys a few is a list: one that is not longer than this is searched as fast as a map, and
// costs a tenth of one.
const maxFew = 8

// few is a map for what mostly has one key or none. The zero value is empty, and so, for reading, is nil.
type few[K comparable, V any] struct {
	list []pair[K, V] // while there are at most maxFew
	by   map[K]V      // once there were more; then list is nil
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func (f *few[K, V]) get(key K) (V, bool) {
	var none V
	if f == nil {
		return none, false
	}
	if f.by != nil {
		v, ok := f.by[key]
		return v, ok
	}
	for i := range f.list {
		if f.list[i].key == key {
			return f.list[i].value, true
		}
	}
	return none, false
}

func (f *few[K, V]) set(key K, v V) {
	if f.by != nil {
		f.by[key] = v
		return
	}
	for i := range f.list {
		if f.list[i].key == key {
			f.list[i].value = v
			return
		}
	}
	if len(f.list) < maxFew {
		f.list = append(f.list, pair[K, V]{key, v})
		return
	}
	f.by = make(map[K]V, 2*maxFew)
	for _, p := range f.list {
		f.by[p.key] = p.value
	}
	f.by[key], f.list = v, nil
}

// remove forgets a key. It may be called while all is being read.
func (f *few[K, V]) remove(key K) {
	if f.by != nil {
		if delete(f.by, key); len(f.by) == 0 {
			f.by = nil
		}
		return
	}
	i := slices.IndexFunc(f.list, func(p pair[K, V]) bool { return p.key == key })
	if i < 0 {
		return
	}
	if len(f.list) == 1 {
		f.list = nil
		return
	}
	f.list = slices.Delete(slices.Clone(f.list), i, i+1) // whoever reads all has the old list
}

func (f *few[K, V]) len() int {
	if f == nil {
		return 0
	}
	return len(f.list) + len(f.by)
}

// all yields the keys and their values in no order.
func (f *few[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if f == nil {
			return
		}
		for _, p := range f.list {
			if !yield(p.key, p.value) {
				return
			}
		}
		for k, v := range f.by {
			if !yield(k, v) {
				return
			}
		}
	}
}

// keys yields the keys in no order.
func (f *few[K, V]) keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		for k := range f.all() {
			if !yield(k) {
				return
			}
		}
	}
}
