package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"
)

// Layout is what an operator says about where things belong. The zero Layout has three replicas of everything, on any nodes.
type Layout struct {
	// Replicas is how many nodes hold each partition (1, 3, 5 or 7; 0 means 3), unless its pool says otherwise. While there are
	// fewer nodes it is the greatest odd number that they make possible.
	Replicas int `json:"replicas,omitempty" yaml:"replicas,omitempty"`
	// Pools have rules by name. The others have none.
	Pools map[string]Rule `json:"pools,omitempty" yaml:"pools,omitempty"`
	// Moves is how many partitions may be moving at once (1 to 64; 0 means 2), and Rate how many bytes a second a node sends to
	// new replicas at most (0 means 64 MiB).
	Moves int   `json:"moves,omitempty" yaml:"moves,omitempty"`
	Rate  int64 `json:"rate,omitempty" yaml:"rate,omitempty"`
}

// Rule is what a pool asks of the nodes that hold it.
type Rule struct {
	// Replicas is as in Layout. A pool that says it has as many: with fewer nodes that may hold it, the layout is refused.
	Replicas int `json:"replicas,omitempty" yaml:"replicas,omitempty"`
	// Require names labels that every node has that holds a replica, such as region: eu. It is never put aside.
	Require map[string]string `json:"require,omitempty" yaml:"require,omitempty"`
	// Spread names a label in which the nodes of a partition differ where that is possible, such as zone.
	Spread string `json:"spread,omitempty" yaml:"spread,omitempty"`
}

// Bounds of a layout.
const (
	MaxReplicas    = 7
	MaxPools       = 1000
	MaxMoves       = 64
	maxLayoutBytes = 64 << 10 // what reads it may take the square of this
)

const (
	defaultReplicas = 3
	defaultMoves    = 2
	defaultRate     = 64 << 20
)

// ParseLayout reads a layout from YAML. What it does not know is an error that names the line.
func ParseLayout(r io.Reader) (Layout, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxLayoutBytes+1))
	if err != nil {
		return Layout{}, fmt.Errorf("read layout: %w", err)
	}
	if len(data) > maxLayoutBytes {
		return Layout{}, fmt.Errorf("read layout: more than %d bytes", maxLayoutBytes)
	}
	if err := checkDepth(data); err != nil {
		return Layout{}, fmt.Errorf("read layout: %w", err)
	}
	var l Layout
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&l); err != nil && !errors.Is(err, io.EOF) {
		return Layout{}, fmt.Errorf("read layout: %w", err)
	}
	return l, l.Check()
}

// Check returns every mistake in l that shows without nodes.
func (l *Layout) Check() error {
	errs := []error{checkReplicas(l.Replicas)}
	if l.Moves < 0 || l.Moves > MaxMoves {
		errs = append(errs, fmt.Errorf("moves is %d, allowed are 1 to %d", l.Moves, MaxMoves))
	}
	if l.Rate < 0 || l.Rate > 0 && l.Rate < 64<<10 {
		errs = append(errs, fmt.Errorf("rate is %d bytes a second, at least %d are needed", l.Rate, 64<<10))
	}
	if len(l.Pools) > MaxPools {
		errs = append(errs, fmt.Errorf("%d pools, at most %d are allowed", len(l.Pools), MaxPools))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Pools)) {
		rule := l.Pools[name]
		err := errors.Join(checkReplicas(rule.Replicas), checkLabels(rule.Require))
		if rule.Spread != "" && !labelName.MatchString(rule.Spread) {
			err = errors.Join(err, fmt.Errorf("spread is %.100q, wanted is the name of a label", rule.Spread))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("pool %q: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func checkReplicas(n int) error {
	if n < 0 || n > MaxReplicas || n > 0 && n%2 == 0 {
		return fmt.Errorf("replicas is %d, allowed are 1, 3, 5 and 7", n)
	}
	return nil
}

// Concurrent returns how many partitions may be moving at once.
func (l *Layout) Concurrent() int {
	if l.Moves == 0 {
		return defaultMoves
	}
	return l.Moves
}

// BytesPerSecond returns how fast a node may send to new replicas.
func (l *Layout) BytesPerSecond() int64 {
	if l.Rate == 0 {
		return defaultRate
	}
	return l.Rate
}

// replicas returns how many a pool wants, and whether it insists.
func (l *Layout) replicas(pool string) (n int, insists bool) {
	if n := l.Pools[pool].Replicas; n > 0 {
		return n, true
	}
	if l.Replicas > 0 {
		return l.Replicas, false
	}
	return defaultReplicas, false
}
