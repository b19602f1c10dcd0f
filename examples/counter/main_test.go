package main

import (
	"testing"

	"github.com/tutti-rt/tutti/tuttitest"
)

func TestAdding(t *testing.T) {
	tuttitest.Given(t, Counters, Added{By: 40}).
		When(Add{By: 2}).Then(Added{By: 2}).ThenReply(42).
		When(Add{By: -42}).Then(Added{By: -42}).ThenState(Counter{N: 0}).
		When(Add{By: 0}).ThenRejects("invalid")
}
