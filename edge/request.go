package edge

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// request is what a client asks for with its URL and headers.
type request struct {
	category Category
	id       string
	conn     string
	cursor   *wire.Cursor // nil: none
	attempt  uint64       // which of the connection's requests for a link this is; 0: the client does not count them
	watch    bool
	presence bool
	flags    wire.Flags // of the attachment, besides those
	terse    bool       // a welcome that resumes is not shown

	number   uint64        // of a poll: which of its link's it is; 0: the client does not count them
	welcome  bool          // of a poll: the client wants to see one
	patience time.Duration // of a poll: how long it waits
}

// parseLink reads what the query says of a link. required means that it has to name its connection.
func (x *exchange) parseLink(required bool) *problem {
	return x.parseQuery(x.r.URL.RawQuery, required)
}

func (q *request) parseQuery(raw string, required bool) *problem {
	bad := func(detail string) *problem { return refuse(http.StatusBadRequest, detail) }
	values, err := url.ParseQuery(raw)
	if err != nil {
		return bad("the query is malformed")
	}
	q.conn = values.Get("conn")
	if (required || values.Has("conn")) && !wire.ValidConn(q.conn) {
		return bad("conn has to be 16 to 64 of A-Z a-z 0-9 _ -")
	}
	if values.Has("cursor") {
		c, err := wire.ParseCursor(values.Get("cursor"))
		if err != nil {
			return bad("cursor has to be <epoch>:<rev>")
		}
		q.cursor = &c
	}
	var ok1, ok2, ok3 bool
	q.attempt, ok1 = ordinal(values, "attempt")
	q.number, ok2 = ordinal(values, "poll")
	if !ok1 || !ok2 {
		return bad("attempt and poll have to be integers from 1 to 2^53-1")
	}
	q.watch, ok1 = flag(values, "watch", true)
	q.presence, ok2 = flag(values, "presence", false)
	q.welcome, ok3 = flag(values, "welcome", false)
	if !ok1 || !ok2 || !ok3 {
		return bad("watch, presence and welcome have to be 0 or 1")
	}
	return nil
}

// ordinal returns the number of that name, 0 where there is none.
func ordinal(values url.Values, name string) (n uint64, ok bool) {
	if !values.Has(name) {
		return 0, true
	}
	n, err := strconv.ParseUint(values.Get(name), 10, 64)
	return n, err == nil && n > 0 && n <= wire.MaxInteger
}

func flag(values url.Values, name string, absent bool) (value, ok bool) {
	switch values.Get(name) {
	case "":
		return absent, !values.Has(name)
	case "0":
		return false, true
	case "1":
		return true, true
	}
	return false, false
}
