package edge

import (
	"strconv"
	"strings"
	"time"
)

// The media types that an entity is served in.
const (
	mediaEvents = "text/event-stream"
	mediaJSON   = "application/json"
)

// preferred returns the media type that the Accept headers want most, or "". Server-sent events have to be named; JSON is
// what everything accepts that accepts applications' types. What is malformed is passed over.
func preferred(accept []string) string {
	var events, json float64
	for _, line := range accept {
		for element := range strings.SplitSeq(line, ",") {
			media, params, _ := strings.Cut(element, ";")
			switch strings.ToLower(strings.TrimSpace(media)) {
			case mediaEvents:
				events = max(events, quality(params))
			case mediaJSON, "application/*", "*/*":
				json = max(json, quality(params))
			}
		}
	}
	switch {
	case events == 0 && json == 0:
		return ""
	case events >= json:
		return mediaEvents
	}
	return mediaJSON
}

// quality returns the weight among the parameters of a media range, from 0 to 1.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}

// maxWait is how long a poll waits at most.
const maxWait = 60 * time.Second

// preferredWait returns for how long the Prefer headers want to wait, at most maxWait, and whether they say so. ok is false
// for what is no number of seconds. Of several the first counts.
func preferredWait(prefer []string) (wait time.Duration, asked, ok bool) {
	for _, line := range prefer {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, ok := digits(strings.Trim(strings.TrimSpace(value), `"`), int(maxWait/time.Second))
			return time.Duration(seconds) * time.Second, true, ok
		}
	}
	return 0, false, true
}

// digits returns the number that s says, or most where that is less.
func digits(s string, most int) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = min(10*n+int(s[i]-'0'), most)
	}
	return n, s != ""
}
