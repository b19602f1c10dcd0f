package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/bench/continuity"
	"github.com/tutti-rt/tutti/bench/soak"
	"github.com/tutti-rt/tutti/internal/relay"
)

// continuityRun is one call of tutti bench continuity.
type continuityRun struct {
	soakRun
	clients, tsClients int
	module             string
	transports         []string
	cutAfter           int
	lie                string

	goClients *continuity.GoClients
	node      *continuity.NodeClients
}

func benchContinuityCommand() *cobra.Command {
	var r continuityRun
	cmd := &cobra.Command{
		Use: "continuity", Short: "Every client on every transport over a network that breaks, then everything told is verified", Args: cobra.NoArgs,
		Long: "A soak with links over WebSockets, server-sent events and long polls, which change from one to another, through relays that cut\n" +
			"connections at any byte, and with clients of the Go and of the TypeScript package beside those that are written for it.",
		Example: "  tutti bench continuity --for 10m\n  tutti bench continuity --for 60s --kill-every 6s --ts-clients 40 --seed 7",
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
	}
	f := cmd.Flags()
	r.flags(cmd, soakDefaults{length: 10 * time.Minute, killEvery: 10 * time.Second, rate: 400, ended: "ended"})
	f.IntVar(&r.config.Visitors, "visitors", 20, "who send commands with keys and look at views, without a connection")
	f.IntVar(&r.clients, "clients", 100, "clients of the Go package")
	f.IntVar(&r.tsClients, "ts-clients", 0, "clients of the TypeScript package, in a process of Node.js")
	f.StringVar(&r.module, "ts-module", "clients/ts/dist/tutti.js", "the built TypeScript package")
	f.IntVar(&r.cutAfter, "cut-after", 60_000, "bytes that a TCP connection carries about until it is cut (0: none is cut)")
	f.StringSliceVar(&r.transports, "transports", []string{"websocket", "sse", "longpoll"}, "what links choose from")
	f.StringVar(&r.lie, "lie", "", "have the relays tell this lie, which has to be found: one of "+strings.Join(continuity.Lies(), ", "))
	return cmd
}

// mostGuests is how many clients of the packages there are at most.
const mostGuests = 5000

func (r *continuityRun) run(cmd *cobra.Command) (err error) {
	if min(r.clients, r.tsClients) < 0 || r.clients+r.tsClients > mostGuests {
		return fmt.Errorf("--clients and --ts-clients: 0 to %d together", mostGuests)
	}
	if r.tsClients > 0 {
		if _, err := os.Stat(r.module); err != nil {
			return fmt.Errorf("find the TypeScript client, which has to be built: %w", err)
		}
	}
	for _, t := range r.transports {
		r.config.Transports = append(r.config.Transports, soak.Transport(t))
	}
	r.config.DrainsIn = 3
	r.config.Network = &relay.Config{
		CutAfter: r.cutAfter, Silent: 0.2, Stall: 3 * time.Second, StallEvery: 400, Delay: 5 * time.Millisecond,
	}
	if r.lie != "" {
		alter, err := continuity.Lie(r.lie)
		if err != nil {
			return err
		}
		r.config.Network.Alter = alter
		r.config.Settle = 5 * time.Second
	}
	r.soakRun.node = []string{"--heartbeat", "2s"} // so that silence is noticed soon
	r.goClients = continuity.NewGoClients(r.clients, r.transports)
	r.config.Guests = []soak.Guests{r.goClients}
	r.prepare = r.startNode
	if err = r.soakRun.run(cmd); err != nil && r.config.Seed == 0 {
		return err
	}
	return errors.Join(err, r.tellMore(cmd.OutOrStdout()))
}

// startNode starts the clients of the TypeScript package.
func (r *continuityRun) startNode(ctx context.Context) (err error) {
	if r.tsClients == 0 {
		return nil
	}
	if r.node, err = continuity.StartNode(ctx, r.module, r.tsClients, r.transports); err != nil {
		return err
	}
	r.config.Guests = append(r.config.Guests, r.node)
	return nil
}

func (r *continuityRun) tellMore(to io.Writer) error {
	if r.json {
		return nil
	}
	_, err := fmt.Fprintf(to, "Go clients: %d, told to change their transport %d times, closed and opened again %d times\n",
		r.clients, r.goClients.Switches.Load(), r.goClients.Opened.Load())
	if err == nil && r.node != nil {
		_, err = fmt.Fprintf(to, "TypeScript clients: %d, told to change their transport %d times\n", r.tsClients, r.node.Switches.Load())
	}
	return err
}
