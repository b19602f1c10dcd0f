package platform_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti/internal/platform"
	"github.com/tutti-rt/tutti/internal/turn"
)

// entity is one of the platform's entities under a test's clock.
type entity struct {
	t        testing.TB
	category *turn.Category
	state    any
	now      time.Time
}

func newEntity(t testing.TB, c interface{ Untyped() *turn.Category }) *entity {
	u := c.Untyped()
	return &entity{t: t, category: u, state: u.NewState(), now: time.UnixMilli(1_700_000_000_000)}
}

// send carries out a command, and returns the code of its rejection.
func (e *entity) send(name string, data string) (code string, events int) {
	e.t.Helper()
	u := &turn.Turn{Category: e.category, Kind: turn.KindCommand, Name: name, Now: e.now}
	if err := e.category.Commands[name].Handle(u, e.state, []byte(data)); err != nil {
		rejection, ok := err.(*turn.Rejection)
		if !ok {
			e.t.Fatalf("%s %s: %v", name, data, err)
		}
		return rejection.Code, 0
	}
	for _, ev := range u.Events {
		if err := e.category.Events[ev.Name].Apply(e.state, ev.Data); err != nil {
			e.t.Fatal(err)
		}
	}
	return "", len(u.Events)
}

func (e *entity) encoded() string {
	e.t.Helper()
	data, err := e.category.EncodeState(e.state)
	if err != nil {
		e.t.Fatal(err)
	}
	return string(data)
}

// bind uses a ticket made that long ago, which is good for an hour from now.
func (e *entity) bind(ticket, to, sub string, ago time.Duration) string {
	e.t.Helper()
	code, _ := e.send("bind", fmt.Sprintf(`{"ticket":%q,"to":%q,"sub":%q,"made":%d,"until":%d}`,
		ticket, to, sub, e.now.Add(-ago).UnixMilli(), e.now.Add(time.Hour).UnixMilli()))
	return code
}

func TestBind(t *testing.T) {
	if err := platform.Tickets.Err(); err != nil {
		t.Fatal(err)
	}
	e := newEntity(t, platform.Tickets)
	for _, step := range []struct {
		ticket, to string
		ago        time.Duration
		want       string
	}{
		{"one", "a", 30 * time.Second, ""},
		{"one", "a", time.Minute, ""},
		{"one", "b", time.Second, platform.CodeTaken},
		{"two", "a", 30*time.Second + time.Millisecond, platform.CodeLate},
		{"two", "a", 0, ""},
	} {
		if got := e.bind(step.ticket, step.to, "ann", step.ago); got != step.want {
			t.Errorf("bind %+v = %q", step, got)
		}
	}
	if _, n := e.send("bind", fmt.Sprintf(`{"ticket":"one","to":"a","sub":"ann","made":0,"until":%d}`, e.now.UnixMilli())); n != 0 {
		t.Errorf("using a ticket again is %d events, want none", n)
	}
	e.now = e.now.Add(2 * time.Hour)
	if got := e.bind("three", "a", "ann", 0); got != "" || strings.Contains(e.encoded(), "one") {
		t.Errorf("bind = %q; what is over is kept: %s", got, e.encoded())
	}
}

// A subject that uses many tickets loses its own, and nobody's whose first use is not over.
func TestBindingsAreBounded(t *testing.T) {
	e := newEntity(t, platform.Tickets)
	e.bind("of bob", "b", "bob", 0)
	refused := 0
	for i := range 200 {
		if e.bind(fmt.Sprint("ticket", i), "a", "ann", 0) == platform.CodeFull {
			refused++
		}
	}
	if refused != 200-64 {
		t.Errorf("%d of 200 tickets at once were refused, want all but 64", refused)
	}
	for i := range 64 {
		if got := e.bind(fmt.Sprint("ticket", i), "b", "ann", 0); got != platform.CodeTaken {
			t.Errorf("ticket %d can be bound again: %q", i, got)
		}
	}
	e.now = e.now.Add(31 * time.Second)
	for i := range 64 {
		e.now = e.now.Add(time.Millisecond)
		if got := e.bind(fmt.Sprint("later", i), "a", "ann", 0); got != "" {
			t.Fatalf("a ticket after 31 s = %q, want room made", got)
		}
	}
	if got := e.bind("ticket1", "a", "ann", time.Minute); got != platform.CodeLate {
		t.Errorf("a ticket that was forgotten = %q, want %q", got, platform.CodeLate)
	}
	for sub := range 32 {
		for i := range 64 {
			e.bind(fmt.Sprintf("%d of %d", i, sub), "a", fmt.Sprint("sub", sub), 0)
		}
	}
	if got := e.bind("one more", "a", "eve", 0); got != platform.CodeFull {
		t.Errorf("a ticket beyond all bounds = %q, want %q", got, platform.CodeFull)
	}
	if got := e.bind("of bob", "b", "bob", time.Minute); got != "" {
		t.Errorf("another subject's ticket = %q, want it bound as before", got)
	}
	if n := len(e.encoded()); n > 300_000 {
		t.Errorf("the state of a full entity has %d bytes", n)
	}
}

func TestTerminationsAreBounded(t *testing.T) {
	if err := platform.Revocations.Err(); err != nil {
		t.Fatal(err)
	}
	e := newEntity(t, platform.Revocations)
	until := e.now.Add(time.Hour).UTC().Format(time.RFC3339Nano)
	for i := range platform.MaxTerminations {
		e.state.(*platform.List).Apply(platform.Termination{Sub: fmt.Sprint("sub", i), At: e.now})
	}
	if code, _ := e.send("terminate", `{"sub":"ann"}`); code != platform.CodeFull {
		t.Errorf("one more than may = %q, want %q", code, platform.CodeFull)
	}
	if code, _ := e.send("terminate", `{"sub":"sub17","until":"`+until+`"}`); code != "" {
		t.Errorf("one in place of another = %q, want room", code)
	}
	e.now = e.now.Add(time.Hour)
	if code, _ := e.send("terminate", `{"sub":"ann"}`); code != "" {
		t.Errorf("one more after one has ended = %q, want room", code)
	}
	if got := e.encoded(); strings.Contains(got, `"sub17"`) || !strings.Contains(got, `"ann"`) {
		t.Error("what is over is on the list, or what is new is not")
	}
	large := newEntity(t, platform.Revocations)
	kept := 0
	for i := range 8192 {
		if code, _ := large.send("terminate", fmt.Sprintf(`{"sub":%q}`, strings.Repeat("x", 1000)+fmt.Sprint(i))); code == "" {
			kept++
		}
	}
	if n := len(large.encoded()); kept == 8192 || n > 5<<20 {
		t.Errorf("%d large terminations are kept, %d bytes", kept, n)
	}
}

func TestRefuses(t *testing.T) {
	said := platform.Termination{At: time.UnixMilli(1_700_000_000_500)}
	for ms, want := range map[int64]bool{
		1_699_999_999_999: true, 1_700_000_000_000: true, 1_700_000_000_501: true, 1_700_000_000_999: true, 1_700_000_001_000: false,
	} {
		if got := said.Refuses(time.UnixMilli(ms)); got != want {
			t.Errorf("Refuses(%d) = %t, want %t", ms, got, want)
		}
	}
	if !said.Refuses(time.Time{}) {
		t.Error("Refuses of a token without a time = false, want true")
	}
}
