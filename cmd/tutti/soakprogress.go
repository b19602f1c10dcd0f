package main

import (
	"fmt"
	"io"
	"time"

	"github.com/tutti-rt/tutti/bench/soak"
)

// soakProgress prints a line now and then.
type soakProgress struct {
	to    io.Writer
	every time.Duration
	next  time.Duration
	doing string
}

func (s *soakProgress) print(p soak.Progress) {
	if p.Passed < s.next && p.Doing == s.doing {
		return
	}
	s.next, s.doing = p.Passed+s.every, p.Doing
	fmt.Fprintf(s.to, "%7s %s: %d acknowledged, %d delivered, %d kills, node %d MB, %d failures\n",
		p.Passed.Round(time.Second), p.Doing, p.Acked, p.Events, p.Kills, p.Memory>>20, p.Failures)
}
