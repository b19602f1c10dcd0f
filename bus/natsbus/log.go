package natsbus

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// warnEvery is how often the same is a warning; in between it is said for debugging.
	warnEvery = time.Minute
	// maxSaid bounds how much is remembered of what was said. When it is full, all is forgotten.
	maxSaid = 256
	// patientAttempts is how many attempts to make a route may fail without a warning. There is one each second, and a node
	// that is replaced is back by then.
	patientAttempts = 2
)

// says is the logger of a server.
type says struct {
	log    *slog.Logger
	secret *strings.Replacer // routes are logged with their password
	fatal  atomic.Pointer[error]

	mu   sync.Mutex
	said map[string]time.Time // when something was a warning
}

func newSays(l *slog.Logger, password string) *says {
	return &says{log: l, secret: strings.NewReplacer(password, "xxxxx")}
}

func (s *says) text(format string, v []any) string {
	return s.secret.Replace(fmt.Sprintf(format, v...))
}

// Noticef logs what is of interest when something is amiss, and that a connection is closed since it takes too little.
func (s *says) Noticef(format string, v ...any) {
	text := s.text(format, v)
	if strings.Contains(text, "Slow Consumer") {
		s.warn(text)
		return
	}
	s.log.Debug("nats", "says", text)
}

// Warnf logs what heals itself.
func (s *says) Warnf(format string, v ...any) {
	text := s.text(format, v)
	if strings.HasPrefix(text, "Plaintext passwords") {
		return // they are derived and in no file
	}
	s.warn(text)
}

// Errorf logs what heals itself as well: routes that cannot be made are tried again.
func (s *says) Errorf(format string, v ...any) { s.warn(s.text(format, v)) }

var (
	attempt = regexp.MustCompile(`^Error trying to connect to route \(attempt (\d+)\)`)
	// varying is what differs each time that the same is said: the number of an attempt or a connection, and the port that one
	// side of it happened to get.
	varying = regexp.MustCompile(`\(attempt \d+\)|:\d+ - [a-z_]+:\d+|:\d+->`)
)

// warn logs a warning, if it was none within the last minute. What every lane has to say of the same route is the same.
func (s *says) warn(text string) {
	say := s.log.Debug
	if s.due(text, time.Now()) {
		say = s.log.Warn
	}
	say("nats", "says", text)
}

func (s *says) due(text string, now time.Time) bool {
	if m := attempt.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n <= patientAttempts {
			return false
		}
	}
	about := varying.ReplaceAllString(text, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.said[about]; ok && now.Sub(last) < warnEvery {
		return false
	}
	if s.said == nil || len(s.said) >= maxSaid {
		s.said = make(map[string]time.Time)
	}
	s.said[about] = now
	return true
}

// Fatalf keeps why the server cannot run.
func (s *says) Fatalf(format string, v ...any) {
	err := errors.New(s.text(format, v))
	s.fatal.CompareAndSwap(nil, &err)
	s.log.Error("nats", "says", err.Error())
}

// Debugf and Tracef are off.
func (s *says) Debugf(string, ...any) {}

// Tracef is off.
func (s *says) Tracef(string, ...any) {}
