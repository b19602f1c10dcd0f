package proof

import (
	"context"
	"fmt"
	"time"
)

// Times of operators.
const (
	wellTime    = time.Minute // in which everything gets to where it belongs
	operateTime = 30 * time.Second
	againTime   = 200 * time.Millisecond // between two tries
)

// well waits until everything is where it belongs, and the leads are spread if that is wanted. What takes too long is a trouble.
func (d *director) well(ctx context.Context, even bool) error {
	amiss, err := d.watch.settle(ctx, wellTime, func(s *Status) string {
		if amiss := s.amiss(len(d.nodes())); amiss != "" || !even {
			return amiss
		}
		return s.uneven()
	})
	if amiss != "" {
		d.trouble("cluster", fmt.Sprintf("everything is where it belongs within %s", wellTime), amiss)
	}
	return err
}

// replace has an operator remove a node that has ended, and the node join again with an empty disk.
func (d *director) replace(ctx context.Context, s Step) error {
	at := s.Nodes[0]
	n := d.config.Nodes[at-1]
	if s.Kind == LostDisk {
		if err := n.Kill(); err != nil {
			return err
		}
	} else {
		d.stop(ctx, n, at)
	}
	removed, err := d.operate(ctx, at, "remove", fmt.Sprintf(`{"node":"n%d","fewer":true}`, at))
	if err != nil {
		return err
	}
	if err := wait(ctx, s.For); err != nil {
		return err
	}
	if removed {
		if err := n.Lose(); err != nil {
			return err
		}
	}
	return n.Start(ctx)
}

// replicas is how many there are of each partition, where there are as many nodes.
const replicas = 3

// leave has an operator drain a node until it leads nothing, and holds nothing where others can, and then have it back.
func (d *director) leave(ctx context.Context, s Step) error {
	at := s.Nodes[0]
	name := fmt.Sprintf("n%d", at)
	body := fmt.Sprintf(`{"node":%q}`, name)
	if _, err := d.operate(ctx, 0, "drain", body); err != nil {
		return err
	}
	amiss, err := d.watch.settle(ctx, wellTime, func(s *Status) string {
		others := 0
		for i := range s.Nodes {
			if o := &s.Nodes[i]; o.Up && o.Name != name {
				others++
			}
		}
		if n := s.node(name); n == nil || n.Leads > 0 || n.Holds > 0 && others >= replicas {
			return fmt.Sprintf("%+v", n)
		}
		return ""
	})
	if err != nil {
		return err
	}
	if amiss != "" {
		d.trouble("node "+name, fmt.Sprintf("a node that drains has nothing that others can have after %s", wellTime), amiss)
	}
	if err := wait(ctx, s.For); err != nil {
		return err
	}
	_, err = d.operate(ctx, 0, "undrain", body)
	return err
}

// layout has an operator have one replica of everything for a while, and then three.
func (d *director) layout(ctx context.Context, s Step) error {
	for _, body := range []string{"replicas: 1\nmoves: 4\n", "replicas: 3\nmoves: 4\n"} {
		if _, err := d.operate(ctx, 0, "apply", body); err != nil {
			return err
		}
		if err := d.well(ctx, false); err != nil {
			return err
		}
		if err := wait(ctx, s.For); err != nil {
			return err
		}
	}
	return nil
}

// operate has any node but that one carry out what an operator wants, and reports whether one did. That none does is a trouble.
func (d *director) operate(ctx context.Context, but int, act, body string) (bool, error) {
	var last error
	for until := time.Now().Add(operateTime); time.Now().Before(until); {
		for i, n := range d.nodes() {
			if i+1 == but {
				continue
			}
			patience, cancel := context.WithTimeout(ctx, 5*watchTime)
			err := n.Operate(patience, act, body)
			cancel()
			if err == nil {
				return true, nil
			}
			last = err
		}
		if err := wait(ctx, againTime); err != nil {
			return false, err
		}
	}
	d.trouble("cluster", fmt.Sprintf("an operator can have it %s %q within %s", act, body, operateTime), last.Error())
	return false, nil
}
