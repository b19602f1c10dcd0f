package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/process"
)

const tuttiName = "Tutti"

// tuttis returns this repository's rows: with what is published stored first, and without.
func tuttis(ctx context.Context, root, dir string) ([]*server, error) {
	program, err := build(ctx, root, dir)
	if err != nil {
		return nil, err
	}
	secret := rand.Text() + rand.Text()
	signer, err := auth.NewSigner([]byte(secret))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	token, err := signer.Sign(tutti.Claims{Subject: "peers", IssuedAt: now, ExpiresAt: now.Add(24 * time.Hour)})
	if err != nil {
		return nil, err
	}
	command := func(address, data string) process.Config {
		return process.Config{
			Program: program, Args: []string{"bench", "node", "--listen", address, "--data", data},
			Env: []string{"TUTTI_JWT_SECRET=" + secret},
		}
	}
	return []*server{
		{
			name: tuttiName, durable: true, roles: allRoles, command: command,
			peer: func(address string) *bench.Peer { return tuttiPeer(address, token, false) },
			remarks: map[bench.Role]string{
				bench.RoleSubscribe: "events, stored before anybody sees them",
				bench.RoleEcho:      "ping frames, by way of the entity's node",
				bench.RoleAdd:       "events in the journal, synced",
				roleIdle:            "at one entity",
			},
		},
		{
			name: tuttiName + ", signals", roles: []bench.Role{bench.RoleSubscribe}, command: command,
			peer:    func(address string) *bench.Peer { return tuttiPeer(address, token, true) },
			remarks: map[bench.Role]string{bench.RoleSubscribe: "not stored"},
		},
	}, nil
}
