package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tutti-rt/tutti/journal"
)

// Codes with which a member refuses what another asks, beside those of the entity [cluster.Members].
const (
	CodeUnavailable = "unavailable" // not just now; it may be asked again
	CodeBusy        = "busy"        // as much is under way as may
	CodeStranger    = "stranger"    // whoever asks is no member
	CodeNotLeader   = "not_leader"  // the node does not lead the partition
	CodeOld         = "old"         // decided by what the registry was, not by what it is
	CodeBadRequest  = "bad_request"
	CodeFailed      = "failed" // tried, and not done
)

// Refusal is a no, with its reason as a code.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

// Error returns code and message.
func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// hasCode reports whether err is a refusal with one of the codes.
func hasCode(err error, codes ...string) bool {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return false
	}
	for _, c := range codes {
		if r.Code == c {
			return true
		}
	}
	return false
}

// answer is what a service says.
type answer struct {
	Refusal *Refusal        `json:"refusal,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Caller is who calls a service, as the connection has proved.
type Caller struct {
	Node journal.NodeID // 0: no member
	Name string
}

// caller calls a service of another node.
type caller func(ctx context.Context, service string, request []byte) ([]byte, error)

// ask has a service answer request, and decodes the answer into reply, unless that is nil. The error is a *Refusal, or says
// that the node could not be asked.
func ask(ctx context.Context, call caller, service string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", service, err)
	}
	text, err := call(ctx, service, body)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", service, err)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("ask for %s: what came is no answer: %w", service, err)
	}
	if a.Refusal != nil {
		return a.Refusal
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(a.Data, reply); err != nil {
		return fmt.Errorf("ask for %s: what came is no answer: %w", service, err)
	}
	return nil
}

// answered encodes what a service says.
func answered(reply any, err error) ([]byte, error) {
	if err != nil {
		r, ok := errors.AsType[*Refusal](err)
		if !ok {
			r = refuse(CodeFailed, "%v", err)
		}
		return json.Marshal(answer{Refusal: r})
	}
	data, err := json.Marshal(reply)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer{Data: data})
}
