package natsbus

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// says is the logger of a server.
type says struct {
	log    *slog.Logger
	secret *strings.Replacer // routes are logged with their password
	fatal  atomic.Pointer[error]
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
		s.log.Warn("nats", "says", text)
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
	s.log.Warn("nats", "says", text)
}

// Errorf logs what heals itself as well: routes that cannot be made are tried again.
func (s *says) Errorf(format string, v ...any) { s.log.Warn("nats", "says", s.text(format, v)) }

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
