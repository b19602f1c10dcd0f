package state

// What things cost in memory, in bytes: measured with many of them, with what maps and the allocator add.
const (
	entityBytes  = 240 // an entity, whether its state is here or not
	liveBytes    = 250 // when it is, without the state itself
	connBytes    = 150 // a connection that is remembered, without its outcomes
	receiptBytes = 120 // an entity whose last message is remembered
	keyBytes     = 200 // a key that is remembered
	noteBytes    = 200 // a timer, a message that waits or an audience
	hereBytes    = 900 // who is here, without the two
	memberBytes  = 400 // a member, or a link
)

// usage is the order in which a partition's entities were last used, and what they weigh. It is guarded
// by the partition's mutex.
type usage struct {
	oldest, newest *entity
	bytes          int64

	// The next one that is looked at: by who drops what entities at rest need not have, by who lets go of those
	// idle for long, and by who makes room.
	fresh, looked, shedding *entity
}

// place is an entity's place in that order.
type place struct {
	older, newer *entity
	bytes        int64
	used         int64 // time passed
}

func (u *usage) add(e *entity, now int64) {
	e.place = place{bytes: entityBytes, used: now}
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
	if u.fresh == nil {
		u.fresh = e
	}
}

func (u *usage) unlink(e *entity) {
	for _, cursor := range []**entity{&u.fresh, &u.looked, &u.shedding} {
		if *cursor == e {
			*cursor = e.place.newer
		}
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
func (u *usage) touch(e *entity, bytes, now int64) {
	u.unlink(e)
	u.append(e)
	u.bytes += bytes - e.place.bytes
	e.place.bytes, e.place.used = bytes, now
}

func (u *usage) remove(e *entity) {
	u.unlink(e)
	u.bytes -= e.place.bytes
}
