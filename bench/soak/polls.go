package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tutti-rt/tutti/wire"
)

// polls is one long poll after the other.
type polls struct {
	*plainHTTP
	query  url.Values
	cursor wire.Cursor // after what has come
	number uint64      // of polls that were answered
}

// longestPoll is how long a poll waits at most, in seconds.
const longestPoll = 20

func (s *session) dialPolls(ctx context.Context, base, token string, query url.Values) (way, error) {
	p := &polls{plainHTTP: s.newPlain(ctx, base, token), query: query}
	p.query.Set("welcome", "1") // or nobody would say what has become of commands
	return p, nil
}

// read polls once.
func (p *polls) read() ([]byte, error) {
	wait := strconv.Itoa(p.s.rng.IntN(longestPoll + 1))
	response, err := p.get(p.query, map[string]string{"Accept": "application/json", "Prefer": "wait=" + wait})
	if err != nil {
		return nil, p.failed(err)
	}
	defer response.Body.Close()
	p.s.counts.polls.Add(1)
	switch response.StatusCode {
	case http.StatusNoContent, http.StatusOK:
	default:
		return nil, p.s.refused(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxMessage))
	if err != nil {
		return nil, p.failed(err)
	}
	if got := response.Header.Get("Preference-Applied"); got != "wait="+wait {
		p.s.fail(p.s.place, p.cursor.Revision, "a poll says how long it waits: wait="+wait, got)
	}
	var frames []json.RawMessage
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, &frames); err != nil || len(frames) == 0 {
			p.s.fail(p.s.place, p.cursor.Revision, fmt.Sprintf("a poll brings an array of frames: %v", err), string(body[:min(len(body), 300)]))
			return nil, errParted
		}
	}
	return p.follow(frames, response.Header.Get("Tutti-Cursor"))
}

// follow takes the frames' cursor, with which the next poll goes on.
func (p *polls) follow(frames []json.RawMessage, told string) ([]byte, error) {
	if _, first := p.query["welcome"]; first && len(frames) == 0 {
		return nil, errors.New("no welcome")
	}
	var message bytes.Buffer
	ends := false
	for _, raw := range frames {
		message.Write(raw)
		message.WriteByte('\n')
		f, err := wire.DecodeServerFrame(raw)
		if err != nil {
			continue // whoever takes the frame says so
		}
		switch f.Type {
		case wire.TypeWelcome:
			p.cursor = wire.Cursor{Epoch: f.Epoch, Revision: f.Revision}
		case wire.TypeEvent:
			p.cursor.Revision = f.Revision
		case wire.TypeTerminate:
			ends = true
		}
	}
	if want := p.cursor.String(); told != want && !ends && p.cursor.Epoch != "" {
		p.s.fail(p.s.place, p.cursor.Revision, "a poll says with which cursor to come back: "+want, told+" with "+strings.TrimSpace(message.String()[:min(message.Len(), 300)]))
	}
	p.query.Del("welcome")
	p.number++
	p.query.Set("poll", strconv.FormatUint(p.number, 10))
	p.query.Set("cursor", told)
	return message.Bytes(), nil
}
