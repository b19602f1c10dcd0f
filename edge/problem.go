package edge

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// problem is a refusal, as RFC 9457 has it.
type problem struct {
	status int
	code   string // of a rejection; "": there is none
	detail string
	header http.Header // nil: nothing special
	stops  bool        // the node does
}

func refuse(status int, detail string) *problem { return &problem{status: status, detail: detail} }

// coded gives the problem the code of a rejection.
func (p *problem) coded(code string) *problem {
	p.code = code
	return p
}

func (p *problem) with(name, value string) *problem {
	if p.header == nil {
		p.header = make(http.Header)
	}
	p.header.Add(name, value)
	return p
}

// retry says when it makes sense to come back.
func (p *problem) retry(after time.Duration) *problem {
	seconds := int64((after + time.Second - 1) / time.Second)
	return p.with("Retry-After", strconv.FormatInt(max(seconds, 1), 10))
}

type problemBody struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code,omitempty"`
}

func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	body, err := json.Marshal(problemBody{"about:blank", http.StatusText(p.status), p.status, p.detail, p.code})
	if err != nil {
		body = nil // a struct of strings and a number always encodes
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}
