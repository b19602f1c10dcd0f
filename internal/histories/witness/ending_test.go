package witness_test

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/auth"
	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/cmd/tutti/trial"
	"github.com/tutti-rt/tutti/internal/histories"
	"github.com/tutti-rt/tutti/internal/histories/witness"
	"github.com/tutti-rt/tutti/node"
	"github.com/tutti-rt/tutti/wire"
)

// open starts a node, and returns what opens clients at its accounts.
func open(t *testing.T) func(ctx context.Context, id string, from wire.Cursor) (*client.Client, error) {
	t.Helper()
	secret := []byte("0123456789abcdef0123456789abcdef")
	n, err := node.New(node.Config{
		Categories: []*tutti.Category{trial.Accounts}, Listen: "127.0.0.1:0", Auth: auth.Config{Keys: []auth.Source{auth.Secret(secret)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	<-n.Ready()
	s, err := auth.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign(tutti.Claims{Subject: "ann", ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, id string, from wire.Cursor) (*client.Client, error) {
		return client.Open(ctx, client.EntityURL("ws://"+n.Addr().String(), histories.Account, id), client.Config{
			Token: token, Transports: []client.Transport{client.WebSocket}, HTTPClient: http.DefaultClient, Cursor: from,
		})
	}
}

// TestEndingOfUnseen has an account get money that no client has ever been shown: its stream is read all the same.
func TestEndingOfUnseen(t *testing.T) {
	enter := open(t)
	c, err := enter(t.Context(), "a", wire.Cursor{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, command := range []client.Command{
		{Name: "deposit", Data: map[string]int{"amount": 100}},
		{Name: "transfer", Data: map[string]any{"key": "k", "to": "b", "amount": 30}},
	} {
		if _, err := c.Do(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	ending := func(id string) *witness.Ending {
		return &witness.Ending{Category: histories.Account, Epoch: new(atomic.Pointer[string]), Open: func(ctx context.Context, from wire.Cursor) (*client.Client, error) {
			return enter(ctx, id, from)
		}}
	}
	if err := ending("a").Rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string][]string{"a": {"deposited", "transferred", "settled"}, "b": {"credited"}, "nobody": nil} {
		stream, err := ending(id).Stream(t.Context())
		if err != nil {
			t.Fatalf("Stream of %s = %v", id, err)
		}
		var names []string
		for _, event := range stream {
			names = append(names, event.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("Stream of %s = %v, want %v", id, names, want)
		}
	}
}
