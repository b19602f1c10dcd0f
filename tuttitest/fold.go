package tuttitest

import (
	"errors"
	"fmt"

	"github.com/tutti-rt/tutti/internal/turn"
)

// apply folds one event into both states.
func (s *Spec) apply(name string, data []byte) {
	s.t.Helper()
	name, data, err := s.today(name, data)
	if err == nil {
		err = s.fold(name, data)
	}
	if err != nil {
		s.t.Fatalf("%sevent %s %s cannot be applied: %v", s.preface(), name, data, err)
		return
	}
	s.revision++
	if !s.restores() {
		return
	}
	if live, restored := s.encodeState(s.state), s.encodeState(s.restored); live != restored {
		s.t.Fatalf("%safter event %s a state that was stored and restored before differs from one that was not; "+
			"OnEvent uses something that the state's JSON does not have, or that changes from run to run\nlive:     %s\nrestored: %s",
			s.preface(), name, live, restored)
	}
}

// restores reports whether the state is stored and restored at this revision: at each one at first, and at
// some of a long history.
func (s *Spec) restores() bool { return s.revision <= 100 || s.revision%100 == 0 }

// today upcasts an event.
func (s *Spec) today(name string, data []byte) (string, []byte, error) {
	for range len(s.c.Upcasts) {
		up, ok := s.c.Upcasts[name]
		if !ok {
			break
		}
		err := guard(func() (err error) { data, err = up.Convert(data); return err })
		if err != nil {
			return name, data, err
		}
		name = up.Name
	}
	if _, ok := s.c.Events[name]; !ok {
		return name, data, fmt.Errorf("category %s has neither OnEvent nor Upcast for it", s.c.Name)
	}
	return name, data, nil
}

func (s *Spec) fold(name string, data []byte) error {
	if s.restores() {
		stored, err := s.c.EncodeState(s.restored)
		if err != nil {
			return err
		}
		if s.restored, err = s.c.DecodeState(stored); err != nil {
			return fmt.Errorf("restore state %s: %w", stored, err)
		}
	}
	apply := s.c.Events[name].Apply
	if err := guard(func() error { return apply(s.state, data) }); err != nil {
		return err
	}
	return guard(func() error { return apply(s.restored, data) })
}

func (s *Spec) encodeState(state any) string {
	s.t.Helper()
	data, err := s.c.EncodeState(state)
	if err != nil {
		s.t.Fatalf("%sthe state does not encode: %v", s.preface(), err)
	}
	return string(data)
}

// guard turns a panic of application code into an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

// refused returns the rejection of a client that is not admitted.
func refused(err error) error {
	if r, ok := errors.AsType[*turn.Rejection](err); ok {
		return r
	}
	return &turn.Rejection{Code: "forbidden", Message: err.Error()}
}
