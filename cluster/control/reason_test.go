package control_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tutti-rt/tutti/cluster"
	"github.com/tutti-rt/tutti/cluster/control"
)

// TestReasonOutlastsSilence: whoever was told why he is not let in says so at last, although nobody answers any more.
func TestReasonOutlastsSilence(t *testing.T) {
	const reason = "tls: unknown certificate authority"
	for what, asks := range map[string]func(n int) error{
		"told first": func(n int) error {
			return map[bool]error{true: errors.New(reason), false: os.ErrDeadlineExceeded}[n == 1]
		},
		"told later": func(n int) error {
			return map[bool]error{true: errors.New(reason), false: context.DeadlineExceeded}[n == 3]
		},
		"told another": func(n int) error {
			return errors.New(map[bool]string{true: reason, false: "connection refused"}[n > 1])
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				asked := 0
				_, err := control.Enter(ctx, control.Entry{
					Dir: t.TempDir(), Cluster: "prod", Node: cluster.Node{Name: "x", Address: "x:1", State: true}, Seeds: []string{"a:1"},
					Call: func(ctx context.Context, _, _ string, _ []byte) ([]byte, error) {
						asked++
						err := asks(asked)
						if errors.Is(err, context.DeadlineExceeded) {
							<-ctx.Done()
						}
						return nil, err
					},
				})
				if asked < 4 || err == nil || !strings.Contains(err.Error(), reason) {
					t.Errorf("Enter = %v after %d questions", err, asked)
				}
			})
		})
	}
}
