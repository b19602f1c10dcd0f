package edge

import (
	"strconv"
	"strings"
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
