package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// eventStream reads server-sent events. Of their fields only data matters here.
type eventStream struct {
	r     *bufio.Reader
	most  int64  // bytes of an event, and of a line
	heard func() // called for everything that comes, comments included

	data  []byte
	lines int  // of data
	begun bool // something was read
	after byte // the '\r' that ended the last line, whose '\n' may follow
}

// errTooLong means that the server sent more at once than Config.MaxMessage.
var errTooLong = errors.New("client: message is too long")

func newEventStream(r io.Reader, most int64, heard func()) *eventStream {
	return &eventStream{r: bufio.NewReaderSize(hearing{r, heard}, 16<<10), most: most, heard: heard}
}

// hearing tells when something was read.
type hearing struct {
	io.Reader
	heard func()
}

// Read implements io.Reader.
func (h hearing) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.heard()
	}
	return n, err
}

// next returns the data of the next event that has some, valid until the next call. An event that the end of the
// stream cuts off is none.
func (e *eventStream) next() ([]byte, error) {
	e.data, e.lines = e.data[:0], 0
	if cap(e.data) > keepBuffer {
		e.data = nil
	}
	var line []byte
	for {
		var err error
		if line, err = e.line(line[:0]); err != nil {
			return nil, err
		}
		if len(line) == 0 {
			if e.lines > 0 && len(e.data) > 0 {
				return e.data, nil
			}
			e.lines = 0
			continue
		}
		field, value, _ := bytes.Cut(line, []byte{':'})
		if string(field) != "data" {
			continue
		}
		if e.lines++; e.lines > 1 {
			e.data = append(e.data, '\n')
		}
		e.data = append(e.data, bytes.TrimPrefix(value, []byte{' '})...)
		if int64(len(e.data)) > e.most {
			return nil, fmt.Errorf("%w: more than %d bytes", errTooLong, e.most)
		}
	}
}

// line appends the next line, without what ends it: a CR, an LF or both.
func (e *eventStream) line(line []byte) ([]byte, error) {
	if !e.begun {
		e.begun = true
		if mark, _ := e.r.Peek(3); string(mark) == "\ufeff" { // what is shorter is none
			_, _ = e.r.Discard(3) // it is there
		}
	}
	for {
		if _, err := e.r.Peek(1); err != nil {
			return line, err
		}
		chunk, _ := e.r.Peek(e.r.Buffered()) // it is there
		if e.after == '\r' && chunk[0] == '\n' {
			e.after = 0
			_, _ = e.r.Discard(1) // it is there
			continue
		}
		e.after = 0
		end := bytes.IndexAny(chunk, "\r\n")
		if end < 0 {
			end = len(chunk)
		}
		if int64(len(line)+end) > e.most+maxField {
			return line, fmt.Errorf("%w: a line of more than %d bytes", errTooLong, e.most)
		}
		line = append(line, chunk[:end]...)
		if end < len(chunk) {
			e.after = chunk[end]
			_, _ = e.r.Discard(end + 1) // it is there
			return line, nil
		}
		_, _ = e.r.Discard(end) // it is there
	}
}

// maxField is how long a line may be beyond the data in it.
const maxField = 64
