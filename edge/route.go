package edge

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tutti-rt/tutti/edge/internal/websock"
	"github.com/tutti-rt/tutti/wire"
)

// A serving answers an exchange, or says why not.
type serving func(x *exchange) *problem

// route returns who answers the exchange, whose entity it reads from the path:
//
//	POST /v1/tickets
//	POST /v1/online
//	GET  /v1/{category}/{id}            over the transport that its headers ask for
//	POST /v1/{category}/{id}/commands
func (x *exchange) route() (serving, *problem) {
	path, ok := strings.CutPrefix(x.r.URL.EscapedPath(), "/v1/")
	if !ok {
		return nil, noSuchPath()
	}
	switch path {
	case "tickets":
		return (*exchange).postTicket, x.method(http.MethodPost)
	case "online":
		return (*exchange).postOnline, x.method(http.MethodPost)
	}
	entity, commands := strings.CutSuffix(path, "/commands")
	if commands = commands && strings.Contains(entity, "/"); !commands {
		entity = path
	}
	if p := x.parseEntity(entity); p != nil {
		return nil, p
	}
	if commands {
		return (*exchange).postCommands, x.method(http.MethodPost)
	}
	if p := x.method(http.MethodGet); p != nil {
		return nil, p
	}
	return x.negotiate()
}

func noSuchPath() *problem {
	return refuse(http.StatusNotFound, "the path is not /v1/{category}/{id}")
}

// method refuses every other method.
func (x *exchange) method(only string) *problem {
	if x.r.Method == only {
		return nil
	}
	return refuse(http.StatusMethodNotAllowed, "only "+only+" is understood here").with("Allow", only)
}

// parseEntity reads {category}/{id}.
func (x *exchange) parseEntity(path string) *problem {
	name, id, ok := strings.Cut(path, "/")
	if !ok {
		return noSuchPath()
	}
	if x.category, ok = x.edge.categories[name]; !ok {
		return refuse(http.StatusNotFound, "there is no such category")
	}
	if strings.Contains(id, "/") {
		return noSuchPath()
	}
	var err error
	if x.id, err = url.PathUnescape(id); err != nil || !wire.ValidID(x.id) {
		return refuse(http.StatusBadRequest, "the id has to be 1 to 128 bytes of UTF-8 without control characters or '/'")
	}
	return nil
}

// negotiate returns who answers a GET of an entity.
func (x *exchange) negotiate() (serving, *problem) {
	if websock.Wanted(x.r) {
		return webSocket{}.serve, nil
	}
	accept := x.r.Header.Values("Accept")
	if len(accept) == 0 {
		return nil, upgradeRequired("there is neither an upgrade to WebSocket nor a media type to accept")
	}
	x.w.Header().Add("Vary", "Accept")
	switch preferred(accept) {
	case mediaEvents:
		return eventStream{}.serve, nil
	case mediaJSON:
		return x.getJSON()
	}
	return nil, refuse(http.StatusNotAcceptable, "there are text/event-stream and application/json")
}

// getJSON returns who answers in JSON: a poll waits for what comes after its cursor, everybody else gets the state.
func (x *exchange) getJSON() (serving, *problem) {
	x.w.Header().Add("Vary", "Prefer")
	wait, asked, ok := preferredWait(x.r.Header.Values("Prefer"))
	switch {
	case !ok:
		return nil, refuse(http.StatusBadRequest, "wait has to be a number of seconds")
	case !asked:
		return (*exchange).getView, nil
	}
	x.patience = wait
	return longPoll{}.serve, nil
}
