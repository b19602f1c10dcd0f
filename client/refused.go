package client

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// mediaProblem is the media type of what the platform refuses, as RFC 9457 has it.
const mediaProblem = "application/problem+json"

// refusal is the error of a response that is not what was asked for.
func refusal(response *http.Response) *Refused {
	r := &Refused{Status: response.StatusCode, elsewhere: elsewhere(response)}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	r.explained = isType(response, mediaProblem)
	var problem struct{ Title, Detail, Code string }
	body, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10)) // what is cut off is no JSON
	if json.Unmarshal(body, &problem) == nil {
		r.Detail, r.code = problem.Detail, problem.Code
		if r.Detail == "" {
			r.Detail = problem.Title
		}
	}
	return r
}

// isType reports whether a response has a body of this media type.
func isType(response *http.Response, want string) bool {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return err == nil && kind == want
}
