package soak

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ticket is what an EventSource shows in place of a token. Its first use binds it to entity and connection.
type ticket struct {
	text  string
	since time.Time
	bound bool // it has been used
}

// firstUse is how long a ticket waits for that, with a margin.
const firstUse = 20 * time.Second

// ticketFor returns the ticket of the session, as an EventSource keeps the one that it has.
func (p *plainHTTP) ticketFor(base string) (*ticket, error) {
	s := p.s
	if t := s.ticket; t != nil && (t.bound || time.Since(t.since) < firstUse) {
		return t, nil
	}
	t := &ticket{since: time.Now()}
	r, err := http.NewRequestWithContext(p.ctx, http.MethodPost, base+"/v1/tickets", http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	response, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, s.refused(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Ticket  string `json:"ticket"`
		Expires int    `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Ticket == "" || answer.Expires != 30 {
		s.fail(s.place, 0, "a ticket is answered, for 30 s", fmt.Sprintf("%.100q: %v", body, err))
		return nil, errParted
	}
	t.text = answer.Ticket
	s.counts.tickets.Add(1)
	s.ticket = t
	return t, nil
}
