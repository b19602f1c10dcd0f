package bench

import "bytes"

// The node writes compact JSON with its fields in one order. These scanners read the few fields that a
// load generator needs, and say so when a frame looks otherwise.

var (
	ackHead   = []byte(`{"type":"ack","id":`)
	eventHead = []byte(`{"type":"event","rev":`)
	revField  = []byte(`,"rev":`)
	dataField = []byte(`,"data":`)
)

// ack returns id and revision of an ack frame.
func ack(frame []byte) (id, rev uint64, ok bool) {
	rest, ok := bytes.CutPrefix(frame, ackHead)
	if !ok {
		return 0, 0, false
	}
	id, rest = digits(rest)
	rest, ok = bytes.CutPrefix(rest, revField)
	rev, _ = digits(rest)
	return id, rev, ok
}

// event returns the revision of an event frame, and the rest of the frame from its data on.
func event(frame []byte) (rev uint64, data []byte, ok bool) {
	rest, ok := bytes.CutPrefix(frame, eventHead)
	if !ok {
		return 0, nil, false
	}
	rev, rest = digits(rest)
	i := bytes.Index(rest, dataField)
	if i < 0 {
		return 0, nil, false
	}
	return rev, rest[i+len(dataField):], true
}

// numbers fills in the integers that stand in an object, in the order in which they stand there.
func numbers(object []byte, into []uint64) bool {
	for i := range into {
		colon := bytes.IndexByte(object, ':')
		if colon < 0 || colon+1 == len(object) || object[colon+1] < '0' || object[colon+1] > '9' {
			return false
		}
		into[i], object = digits(object[colon+1:])
	}
	return true
}

func digits(b []byte) (n uint64, rest []byte) {
	for len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		n, b = n*10+uint64(b[0]-'0'), b[1:]
	}
	return n, b
}
