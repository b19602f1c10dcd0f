package tuttitest

import (
	"fmt"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/turn"
)

// Effect is something that a turn is expected to do beside its events and reply: see
// [Spec.ThenEffects].
type Effect struct {
	group int // effects, tells and timers are each in an order of their own
	role  turn.Role
	value any
	name  string // when it is not that of the value's type
	words func(name string, data []byte) string
}

// The groups of effects, in the order in which they are compared.
const (
	groupSent = iota
	groupTold
	groupTimers
)

// Broadcasts expects a message to everybody at the entity.
func Broadcasts(m any) Effect { return sends("broadcast", m) }

// BroadcastsExcept expects a message to everybody but one member.
func BroadcastsExcept(member string, m any) Effect { return sends("broadcast except "+member, m) }

// BroadcastsTo expects a message to one audience.
func BroadcastsTo(audience string, m any) Effect { return sends("broadcast to "+audience, m) }

// Sends expects a message to one member.
func Sends(member string, m any) Effect { return sends("send to "+member, m) }

func sends(how string, m any) Effect {
	return Effect{groupSent, turn.RoleMessage, m, "", func(name string, data []byte) string {
		return fmt.Sprintf("%s: %s %s", how, name, data)
	}}
}

// Terminates expects the end of a member's connection.
func Terminates(member, code string) Effect {
	return Effect{group: groupSent, words: func(string, []byte) string { return "terminate " + member + ": " + code }}
}

// Tells expects a command to another entity.
func Tells(to tutti.Entity, command any) Effect {
	return Effect{groupTold, turn.RoleMessage, command, "", func(name string, data []byte) string {
		return fmt.Sprintf("tell %s: %s %s", to, name, data)
	}}
}

// Schedules expects a timer.
func Schedules(key string, at time.Time, timer any) Effect {
	return Effect{groupTimers, turn.RoleTimer, timer, "", func(name string, data []byte) string {
		return scheduleLine(key, at, name, data)
	}}
}

// Cancels expects that a timer is removed.
func Cancels(key string) Effect {
	return Effect{group: groupTimers, words: func(string, []byte) string { return fmt.Sprintf("cancel %q", key) }}
}

// Named returns the effect with the message name that tutti.Name gave it.
func (e Effect) Named(name string) Effect {
	e.name = name
	return e
}

func (e Effect) line(c *turn.Category) (string, error) {
	if e.role == 0 {
		return e.words("", nil), nil
	}
	name, data, err := encode(c, e.role, e.value)
	if e.name != "" && err != nil && e.role == turn.RoleMessage {
		name, data, err = encodeNamed(e.name, e.value)
	}
	if err != nil {
		return "", err
	}
	if e.name != "" {
		name = e.name
	}
	return e.words(name, data), nil
}

func effectLines(t *turn.Turn) []string {
	var lines []string
	for _, e := range t.Effects {
		how := "broadcast"
		switch {
		case e.Kind == turn.EffectTerminate:
			lines = append(lines, "terminate "+e.Member+": "+e.Code)
			continue
		case e.Kind == turn.EffectSend:
			how = "send to " + e.Member
		case e.ToGroup:
			how = "broadcast to " + e.Audience
		}
		if e.Kind == turn.EffectBroadcast && e.Member != "" {
			how += " except " + e.Member
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s", how, e.Name, e.Data))
	}
	for _, told := range t.Tells {
		lines = append(lines, fmt.Sprintf("tell %s: %s %s", told.To, told.Name, told.Data))
	}
	for _, change := range t.Timers {
		if change.Due.IsZero() {
			lines = append(lines, fmt.Sprintf("cancel %q", change.Key))
		} else {
			lines = append(lines, scheduleLine(change.Key, change.Due, change.Name, change.Data))
		}
	}
	return lines
}

func scheduleLine(key string, at time.Time, name string, data []byte) string {
	return fmt.Sprintf("schedule %q at %s: %s %s", key, at.UTC().Format(time.RFC3339Nano), name, data)
}
