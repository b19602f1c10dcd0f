package ring

import "time"

// Stamp is a moment in µs, as far as 31 bits tell, which is half an hour. Zero: none.
type Stamp uint32

// StampOf returns the stamp of a moment in Unix µs; that of 0 is none.
func StampOf(us int64) Stamp {
	if us == 0 {
		return 0
	}
	return max(Stamp(us)&stampBits, 1)
}

const stampBits = 1<<31 - 1

// Age returns how long before now s was, and 0 where it seems to come after: clocks are set, and differ.
func (s Stamp) Age(now Stamp) time.Duration {
	us := (now - s) & stampBits
	if us > stampBits/2 {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}

// Oldest returns the one of two stamps that came first; none counts as later than any.
func Oldest(a, b Stamp) Stamp {
	if a == 0 || b != 0 && (a-b)&stampBits <= stampBits/2 {
		return b
	}
	return a
}
