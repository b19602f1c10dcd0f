package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"

	"github.com/tutti-rt/tutti/bench"
)

// roleIdle is that of a subscriber to whom nothing is published.
const roleIdle bench.Role = "idle"

var (
	allRoles = []bench.Role{bench.RoleSubscribe, bench.RoleEcho, bench.RoleAdd, roleIdle}
	addRole  = []bench.Role{bench.RoleAdd}
)

// prepare installs and builds what the chosen servers need.
func prepare(ctx context.Context, root, data, only string, stderr io.Writer) ([]*server, error) {
	dir := filepath.Join(root, "bench", "peers")
	others := []*server{plainWS(dir), socketIO(dir), uws(dir), workerd(dir), storedWS(dir)}
	others = slices.DeleteFunc(others, func(s *server) bool { return !chosen(only, s.name) })
	if len(others) > 0 {
		if err := install(ctx, dir, stderr); err != nil {
			return nil, err
		}
	}
	for _, s := range others {
		s.version = version(dir, s.packaged)
	}
	all := others
	if chosen(only, tuttiName) {
		own, err := tuttis(ctx, root, data)
		if err != nil {
			return nil, err
		}
		all = append(all, own...)
	}
	for _, s := range all {
		s.dir = data
	}
	return all, nil
}
