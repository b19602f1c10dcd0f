package edge

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/online"
	"github.com/tutti-rt/tutti/wire"
)

// maxSubjects is how many subjects one request may ask for.
const maxSubjects = 1000

// Online says who may ask which subjects are online. The zero value: nobody, and nobody is told that the edge's are.
type Online struct {
	Agent *online.Agent
	// May reports whether somebody with these claims may ask.
	May func(tutti.Claims) bool
}

// onlineSubject is a subject that is online, since then in Unix ms.
type onlineSubject struct {
	Sub   string `json:"sub"`
	Since int64  `json:"since"`
}

// postOnline answers which of the subjects are online, or tells of them until the client has enough.
func (x *exchange) postOnline() *problem {
	e := x.edge
	claims, p := e.authenticate(x.r.Context(), token(x.r))
	if p == nil {
		p = e.notTerminated(x.r.Context(), x.bearer(claims))
	}
	if p != nil {
		return p
	}
	if e.online.Agent == nil || e.online.May == nil || !e.online.May(claims) {
		return refuse(http.StatusForbidden, "the token does not say that its bearer may ask who is online")
	}
	if !e.subjects.takeHandshake(claims.Subject, e.now(), &e.limits) {
		e.count.rateLimit.Add(1)
		return refuse(http.StatusTooManyRequests, "too many requests of the subject").retry(time.Second)
	}
	stream := false
	if accept := x.r.Header.Values("Accept"); len(accept) > 0 {
		x.w.Header().Add("Vary", "Accept")
		switch preferred(accept) {
		case mediaEvents:
			stream = true
		case mediaJSON:
		default:
			return refuse(http.StatusNotAcceptable, "there are text/event-stream and application/json")
		}
	}
	subjects, p := x.subjects()
	if p != nil {
		return p
	}
	if stream {
		return x.follow(claims, subjects)
	}
	return x.look(subjects)
}

// subjects reads whom the client asks for.
func (x *exchange) subjects() ([]string, *problem) {
	bad := func(detail string) *problem { return refuse(http.StatusBadRequest, detail) }
	body, p := x.readBody()
	if p != nil {
		return nil, p
	}
	defer body.free()
	var question struct {
		Subs *[]string `json:"subs"`
	}
	if err := json.Unmarshal(body.data, &question); err != nil || question.Subs == nil {
		return nil, bad(`the body has to be {"subs":["…",…]}`)
	}
	if len(*question.Subs) > maxSubjects {
		return nil, bad("there are more than 1,000 subs")
	}
	return *question.Subs, nil
}

// look answers which of the subjects are online, in the order in which they were asked for.
func (x *exchange) look(subjects []string) *problem {
	ctx, cancel := context.WithTimeout(x.r.Context(), x.edge.timing.Verdict)
	defer cancel()
	found, err := x.edge.online.Agent.Look(ctx, subjects)
	if err != nil {
		return unavailable("the directory does not know just now who is online")
	}
	since := make(map[string]int64, len(found))
	for _, s := range found {
		since[s.Name] = s.Since
	}
	answer := struct {
		Online []onlineSubject `json:"online"`
	}{[]onlineSubject{}}
	for _, name := range subjects {
		if at := since[name]; at != 0 {
			answer.Online = append(answer.Online, onlineSubject{name, at})
			delete(since, name) // once, whoever asks twice
		}
	}
	x.w.Header().Set("Content-Type", mediaJSON)
	x.w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(x.w).Encode(answer) // a client that is gone needs no answer
	return nil
}

// isOnline tells the directory of a link, unless it is nobody's connection or a passing one. hub.mu is held.
func (l *link) isOnline() {
	if a := l.edge.online.Agent; a != nil && l.flags&(wire.Observer|wire.Sender) == 0 && !l.online {
		l.online = true
		a.Came(l.sub.name)
	}
}

// isGone tells it when the link has gone. Nothing comes for the link any more.
func (l *link) isGone() {
	if l.online {
		l.edge.online.Agent.Gone(l.sub.name)
	}
}
