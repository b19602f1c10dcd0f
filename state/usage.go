package state

import "time"

// entityBytes is what an entity in memory costs beside its state.
const entityBytes = 600

// usage is the order in which a partition's entities were last used, and what they weigh. It is guarded
// by the partition's mutex.
type usage struct {
	oldest, newest *entity
	looked         *entity // the next one that passivation looks at; nil to begin with the oldest
	bytes          int64
}

// place is an entity's place in that order.
type place struct {
	older, newer *entity
	bytes        int64
	used         time.Time
}

func (u *usage) add(e *entity) {
	e.place = place{bytes: entityBytes, used: time.Now()}
	u.bytes += e.place.bytes
	u.append(e)
}

func (u *usage) append(e *entity) {
	e.place.older, e.place.newer = u.newest, nil
	if u.newest != nil {
		u.newest.place.newer = e
	} else {
		u.oldest = e
	}
	u.newest = e
}

func (u *usage) unlink(e *entity) {
	if u.looked == e {
		u.looked = e.place.newer
	}
	if e.place.older != nil {
		e.place.older.place.newer = e.place.newer
	} else {
		u.oldest = e.place.newer
	}
	if e.place.newer != nil {
		e.place.newer.place.older = e.place.older
	} else {
		u.newest = e.place.older
	}
}

// touch makes e the newest, weighing so many bytes.
func (u *usage) touch(e *entity, bytes int64, now time.Time) {
	u.unlink(e)
	u.append(e)
	u.bytes += bytes - e.place.bytes
	e.place.bytes, e.place.used = bytes, now
}

func (u *usage) remove(e *entity) {
	u.unlink(e)
	u.bytes -= e.place.bytes
}
