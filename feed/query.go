package feed

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/wire"
)

// afterEnd stands for the place at the end of the log.
const afterEnd = "end"

// query is what a follower asks for.
type query struct {
	partition journal.Partition
	filter    Filter
	after     Cursor // the zero one: the beginning
	fromEnd   bool
	wait      time.Duration // at the end, for an item; negative: for ever
}

var parameters = []string{"pool", "partition", "category", "id", "event", "after", "wait"}

// parse reads a request. An entity says where it is; without one the partition has to be named.
func (h *Handler) parse(r *http.Request) (*query, *problem) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badQuery("the query does not parse")
	}
	for name, all := range values {
		switch {
		case !slices.Contains(parameters, name):
			return nil, badQuery("there is no parameter %q", name)
		case len(all) > 1 && name != "category" && name != "event":
			return nil, badQuery("%q is there %d times", name, len(all))
		}
	}
	q := &query{filter: Filter{Categories: values["category"], ID: values.Get("id"), Events: values["event"]}, wait: -1}
	if err := q.filter.Check(); err != nil {
		return nil, h.problem(err, q.partition)
	}
	if p := h.place(q, values); p != nil {
		return nil, p
	}
	switch after := values.Get("after"); after {
	case "":
	case afterEnd:
		q.fromEnd = true
	default:
		if q.after, err = ParseCursor(after); err != nil {
			return nil, h.problem(err, q.partition)
		}
	}
	if wait := values.Get("wait"); wait != "" {
		if q.wait, err = time.ParseDuration(wait); err != nil || q.wait < 0 {
			return nil, badQuery("wait %q is no duration, as 10s", wait)
		}
	}
	return q, nil
}

// place finds the partition that is asked for.
func (h *Handler) place(q *query, values url.Values) *problem {
	pool, number := values.Get("pool"), values.Get("partition")
	for _, c := range q.filter.Categories {
		in, ok := h.config.Layout.Pools[c]
		switch {
		case !ok:
			return &problem{status: http.StatusNotFound, Code: codeNoPartition, Detail: fmt.Sprintf("there is no category %q", c)}
		case pool != "" && pool != in:
			return badQuery("category %q is in pool %q", c, in)
		}
		pool = in
	}
	switch {
	case pool == "":
		return badQuery("a pool or a category is missing")
	case number != "":
		n, err := strconv.Atoi(number)
		if err != nil {
			return badQuery("partition %q is no number", number)
		}
		q.partition = journal.Partition{Pool: pool, Number: n}
	case q.filter.ID == "":
		return badQuery("an id or a partition is missing")
	default:
		q.partition = journal.Partition{Pool: pool, Number: wire.Partition(q.filter.Categories[0], q.filter.ID, h.config.Layout.Partitions)}
	}
	if !h.serves(q.partition) {
		return h.problem(fmt.Errorf("%w: %s", ErrNoPartition, q.partition), q.partition)
	}
	return nil
}

func badQuery(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, Code: codeFilter, Detail: fmt.Sprintf(format, args...)}
}
