package main

import (
	"strings"
	"testing"

	"github.com/tutti-rt/tutti/tuttitest"
)

var moderator = tuttitest.Claim("role", "moderator")

func TestSaying(t *testing.T) {
	tuttitest.Given(t, Rooms).
		When(Say{Text: "hi"}, tuttitest.As("ann")).Then(Said{Who: "ann", Text: "hi", At: tuttitest.Start}).
		When(Say{}).ThenRejects("invalid").
		When(Say{Text: strings.Repeat("ü", 2000)}).Then(Said{Text: strings.Repeat("ü", 2000), At: tuttitest.Start}).
		When(Say{Text: strings.Repeat("u", 2001)}).ThenRejects("invalid")
}

func TestLinesOfTheFirstVersion(t *testing.T) {
	tuttitest.Given(t, Rooms, tuttitest.Raw{Name: "posted", Data: `{"Nick":"ann","Message":"hi"}`}).
		ThenState(Room{Lines: []Line{{Said: Said{Who: "ann", Text: "hi"}}}})
}

func TestOnlyModeratorsRemove(t *testing.T) {
	tuttitest.Given(t, Rooms, Said{Who: "eve", Text: "buy this"}).
		When(Remove{Line: 0}, tuttitest.As("ann")).ThenRejects("forbidden").
		When(Remove{Line: 1}, moderator).ThenRejects("invalid").
		When(Remove{Line: 0}, moderator).Then(Removed{Line: 0}).
		When(Remove{Line: 0}, moderator).Then()
}

func TestWhatIsRemovedIsSeenByModerators(t *testing.T) {
	line := Said{Who: "eve", Text: "buy this"}
	tuttitest.Given(t, Rooms, line, Removed{Line: 0}).
		ThenView(moderators, Room{Lines: []Line{{line, true}}}).
		ThenView("", Room{Lines: []Line{{Said{Who: "eve"}, true}}})
}

func TestReportsAreSeenByModerators(t *testing.T) {
	complaint := Reported{Line: 0, By: "ann", Why: "spam"}
	tuttitest.Given(t, Rooms, Said{Who: "eve", Text: "buy this"}).
		When(Report{Line: 7}).ThenRejects("invalid").
		When(Report{Line: 0, Why: "spam"}, tuttitest.As("ann")).
		Then(complaint).
		ThenSeen(moderators, complaint).
		ThenSeen("")
}
