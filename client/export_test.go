package client

import "io"

// ReadEvents returns the data of the events in r, as the client reads a stream of server-sent events.
func ReadEvents(r io.Reader, most int64) ([]string, error) {
	var all []string
	e := newEventStream(r, most, func() {})
	for {
		data, err := e.next()
		if err != nil {
			return all, err
		}
		all = append(all, string(data))
	}
}
