package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/wire"
)

// plainHTTP is what links without WebSockets share: requests with a token, and POSTs for what the client says.
type plainHTTP struct {
	s      *session
	ctx    context.Context
	cancel context.CancelFunc
	client *http.Client
	entity string // URL
	token  string
	over   atomic.Bool // a deadline has passed

	anonymous bool // a ticket says who reads

	mu      sync.Mutex
	end     *time.Timer // of read
	queue   [][]byte
	waiting chan struct{} // holds one token while something may be in the queue
}

// newPlain makes the requests of a link possible. Its goroutine ends with close.
func (s *session) newPlain(ctx context.Context, base, token string) *plainHTTP {
	p := &plainHTTP{
		s: s, token: token, waiting: make(chan struct{}, 1),
		entity: base + "/v1/" + s.place.category + "/" + url.PathEscape(s.place.id),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}},
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.s.clients.Go(p.post)
	return p
}

func (p *plainHTTP) close() {
	p.cancel()
	p.client.CloseIdleConnections()
}

func (p *plainHTTP) until(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		p.end.Stop()
	}
	p.end = time.AfterFunc(time.Until(t), func() {
		p.over.Store(true)
		p.cancel()
	})
	return p.ctx.Err()
}

// failed is the error of a read.
func (p *plainHTTP) failed(err error) error {
	if p.over.Load() {
		return os.ErrDeadlineExceeded
	}
	return err
}

func (p *plainHTTP) get(query url.Values, header map[string]string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(p.ctx, http.MethodGet, p.entity+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	if !p.anonymous {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	return p.client.Do(r)
}

// say queues a frame for the next POST.
func (p *plainHTTP) say(frame []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, frame)
	select {
	case p.waiting <- struct{}{}:
	default: // it will look anyway
	}
	return p.ctx.Err()
}

// post sends what is queued, one POST at a time, until the link ends or a POST fails, which ends the link.
func (p *plainHTTP) post() {
	defer p.close()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.waiting:
		}
		p.mu.Lock()
		frames := p.queue[:min(len(p.queue), mostPosted)]
		if p.queue = p.queue[len(frames):]; len(p.queue) > 0 {
			p.waiting <- struct{}{} // there is room, this goroutine has just taken one
		}
		p.mu.Unlock()
		if len(frames) == 0 {
			continue
		}
		p.s.counts.posts.Add(1)
		if err := p.postOnce(frames); err != nil {
			return
		}
	}
}

// mostPosted is how many frames a POST has at most.
const mostPosted = 256

// postTime is how long a POST may take.
const postTime = 30 * time.Second

func (p *plainHTTP) postOnce(frames [][]byte) error {
	ctx, cancel := context.WithTimeout(p.ctx, postTime)
	defer cancel()
	address := p.entity + "/commands?conn=" + p.s.conn
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(bytes.Join(frames, []byte{'\n'})))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/x-ndjson")
	response, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // for the record
		switch response.StatusCode {
		case http.StatusConflict, http.StatusServiceUnavailable, http.StatusTooManyRequests:
		default:
			p.s.fail(p.s.place, 0, "a POST of frames is taken", fmt.Sprintf("%s to connection %d: %s", response.Status, p.s.number, body))
		}
		return errors.New(response.Status)
	}
	return p.answered(frames, response.Body)
}

// answered checks that a POST is answered for each of its commands and queries, once. What the answers say comes
// through the link, too, which is where it is taken from.
func (p *plainHTTP) answered(frames [][]byte, body io.Reader) error {
	open := make(map[uint64]bool)
	for _, line := range frames {
		f, err := wire.DecodeClientFrame(line)
		if err != nil {
			return err
		}
		if f.ID > 0 {
			open[f.ID] = true
		}
	}
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil {
			return err // a line without its end was cut off
		}
		text := string(line)
		f, err := wire.DecodeServerFrame(bytes.TrimSpace(line))
		if err != nil {
			p.s.fail(p.s.place, 0, "every line of an answer can be decoded: "+err.Error(), text)
			return err
		}
		switch f.Type {
		case wire.TypeAck, wire.TypeReject, wire.TypeAnswer:
			if !open[f.ID] {
				p.s.fail(p.s.place, f.Revision, "a POST is answered for its own commands, once", text)
			}
			delete(open, f.ID)
		case wire.TypePong:
		case wire.TypeTerminate:
			return errors.New(f.Code)
		default:
			p.s.fail(p.s.place, f.Revision, "the answer to a POST has only answers", text)
		}
	}
	if len(open) > 0 {
		// Whoever took over, or drained, has ended the answer early. The link ends: then all is sent again.
		return errors.New("a POST without all its answers")
	}
	return nil
}

// events is a stream of server-sent events.
type events struct {
	*plainHTTP
	response *http.Response
	r        *bufio.Reader
	line     []byte
	last     string // id of the last event with one
}

func (s *session) dialEvents(ctx context.Context, base, token string, query url.Values) (way, error) {
	header := map[string]string{"Accept": "text/event-stream"}
	if cursor := query.Get("cursor"); cursor != "" && oneIn(s.rng, 2) { // as an EventSource does that comes back
		epoch, _, _ := strings.Cut(cursor, ":")
		header["Last-Event-ID"] = cursor
		query.Set("cursor", epoch+":0")
	}
	e := &events{plainHTTP: s.newPlain(ctx, base, token)}
	if err := e.until(time.Now().Add(dialTime)); err != nil {
		return nil, err
	}
	var shown *ticket
	var err error
	if s.number%2 == 0 { // as in a browser
		if shown, err = e.ticketFor(base); err != nil {
			e.close()
			return nil, err
		}
		query.Set("ticket", shown.text)
		e.anonymous = true
	}
	if e.response, err = e.get(query, header); err != nil {
		e.close()
		return nil, err
	}
	if e.response.StatusCode != http.StatusOK {
		e.close()
		return nil, s.refused(e.response)
	}
	if got := e.response.Header.Get("Content-Type"); got != "text/event-stream" {
		s.fail(s.place, 0, "a stream of events says that it is one", got)
	}
	if shown != nil {
		shown.bound = true
	}
	e.r = bufio.NewReaderSize(e.response.Body, socketBuffer)
	return e, nil
}

// refused takes note of an answer that is not what was asked for.
func (s *session) refused(response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // for the record
	_ = response.Body.Close()                                   // nothing else of it is wanted
	switch response.StatusCode {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
	case http.StatusConflict: // a request that was given up has come late, after this one
	default:
		s.fail(s.place, s.last, "a link is accepted", fmt.Sprintf("%s to connection %d: %s", response.Status, s.number, body))
	}
	return errors.New(response.Status)
}

// read reads one event, or a comment.
func (e *events) read() ([]byte, error) {
	var data []byte
	id := ""
	for {
		line, err := e.readLine()
		if err != nil {
			return nil, e.failed(err)
		}
		switch {
		case line == "" && data != nil:
			return data, e.check(data, id)
		case line == "" || line[0] == ':':
			if data == nil {
				return nil, nil // a sign of life
			}
		case strings.HasPrefix(line, "data: ") && data == nil:
			data = []byte(line[len("data: "):])
		case strings.HasPrefix(line, "id: "):
			id = line[len("id: "):]
		case strings.HasPrefix(line, "retry: "):
		default:
			e.s.fail(e.s.place, e.s.last, "a frame is one data line", line[:min(len(line), 300)])
			return nil, errParted
		}
	}
}

func (e *events) readLine() (string, error) {
	e.line = e.line[:0]
	for {
		piece, err := e.r.ReadSlice('\n')
		e.line = append(e.line, piece...)
		if err == nil {
			return strings.TrimSuffix(string(e.line), "\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) || len(e.line) > maxMessage {
			return "", err
		}
	}
}

// check checks the id of an event: what an EventSource comes back with.
func (e *events) check(data []byte, id string) error {
	f, err := wire.DecodeServerFrame(data)
	if err != nil {
		return nil // whoever takes the frame says so
	}
	want := ""
	switch f.Type {
	case wire.TypeWelcome:
		want = wire.Cursor{Epoch: f.Epoch, Revision: f.Revision}.String()
	case wire.TypeEvent:
		epoch, _, _ := strings.Cut(e.last, ":")
		want = epoch + ":" + strconv.FormatUint(f.Revision, 10)
	}
	if id != want {
		e.s.fail(e.s.place, f.Revision, "welcome and event have their cursor as id: "+want, f.Type+" with "+id)
	}
	if id != "" {
		e.last = id
	}
	return nil
}

func (e *events) close() {
	e.plainHTTP.close()
	if e.response != nil {
		_ = e.response.Body.Close() // it only reads
	}
}
