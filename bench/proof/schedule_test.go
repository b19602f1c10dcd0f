package proof_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tutti-rt/tutti/bench/proof"
)

// TestScheduleIsText: what a seed chooses can be done, and read again.
func TestScheduleIsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, network := rapid.IntRange(1, 5).Draw(t, "nodes"), rapid.Bool().Draw(t, "network")
		seed := rapid.Uint64().Draw(t, "seed")
		choose := func() proof.Schedule {
			return proof.Choose(rand.New(rand.NewPCG(seed, 0)), nodes, network, 10*time.Minute, time.Second, nil)
		}
		s := choose()
		if err := s.Check(nodes, 0, network); err != nil || len(s) < 5 {
			t.Fatalf("Check = %v of %v", err, s)
		}
		again, err := proof.ParseSchedule(s.String())
		if err != nil || !reflect.DeepEqual(again, s) || !reflect.DeepEqual(choose(), s) {
			t.Fatalf("read again %v, %v, chosen again %v, want %v", again, err, choose(), s)
		}
	})
}

func TestScheduleOfKinds(t *testing.T) {
	s := proof.Choose(rand.New(rand.NewPCG(1, 0)), 3, true, time.Minute, time.Second, []proof.Kind{proof.Roll})
	if len(s) == 0 || s[0].Kind != proof.Roll {
		t.Errorf("Choose of rolls = %v", s)
	}
	if s := proof.Choose(rand.New(rand.NewPCG(1, 0)), 1, false, time.Minute, time.Second, []proof.Kind{proof.Cut}); s != nil {
		t.Errorf("Choose of cuts without a network = %v, want none", s)
	}
}

func TestTries(t *testing.T) {
	s := proof.Tries(3, true, 4, time.Second, []proof.Kind{proof.Kill, proof.CutPair, proof.Join})
	var got []string
	for _, step := range s {
		got = append(got, step.String())
	}
	want := []string{
		"after 1s kill n1 for 1.5s", "after 1s cut-pair n1 n2 for 2.25s", "after 1s kill n2 for 1.5s", "after 1s cut-pair n2 n3 for 2.25s",
		"after 1s kill n3 for 1.5s", "after 1s cut-pair n3 n1 for 2.25s", "after 1s kill n1 for 1.5s", "after 1s cut-pair n1 n2 for 2.25s",
	}
	if !slices.Equal(got, want) || s.Check(3, 0, true) != nil {
		t.Errorf("Tries = %q, want %q", got, want)
	}
}

func TestNoSuchStep(t *testing.T) {
	for _, text := range []string{
		"after", "after 1s", "kill", "kill 2", "kill n4", "kill n0", "kill n1 n2", "kill n1 for", "kill n1 for x", "explode n1", "cut-pair n1 n1",
		"slow n1", "kill n1 by 1s", "kill n1 for -1s", "cut n1 for 1s", "roll n1", "kill n1 nobody",
	} {
		s, err := proof.ParseSchedule("after 1s kill n1 for 1s;" + text)
		if err == nil {
			err = s.Check(3, 0, false)
		}
		if !errors.Is(err, proof.ErrStep) {
			t.Errorf("%q: %v, want %v", text, err, proof.ErrStep)
		}
	}
}

// TestSpares: spare nodes join in their order, and fail once they are there.
func TestSpares(t *testing.T) {
	for text, ok := range map[string]bool{
		"join n4; kill n4 for 1s; join n5": true,
		"kill n4 for 1s; join n4":          false,
		"join n5":                          false,
		"join n4; join n5; join n6":        false,
		"join n4; join n4":                 false,
	} {
		s, err := proof.ParseSchedule(text)
		if err == nil {
			err = s.Check(3, 2, true)
		}
		if ok != (err == nil) || !ok && !errors.Is(err, proof.ErrStep) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	f.Add("after 2s kill n2 for 1.5s; roll")
	f.Add("after 1ms cut-pair n1 n3 for 4s;slow n1 by 3ms for 1s")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := proof.ParseSchedule(text)
		if err != nil {
			return
		}
		if again, err := proof.ParseSchedule(s.String()); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%q read again: %v, %v, want %v", s, again, err, s)
		}
	})
}
