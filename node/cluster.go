package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/cluster/control"
)

// ClusterCommand returns the commands of an operator who looks after several nodes, for an application whose command line has more to
// offer than that of Main.
func ClusterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cluster", Short: "Look after the nodes of a cluster", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(clusterStatusCommand(), clusterNodeCommand("drain", "Have a node give everything away"),
		clusterNodeCommand("undrain", "Have a node take part again"), clusterRemoveCommand(), clusterApplyCommand(), clusterRollCommand())
	return cmd
}

// operator asks nodes at their addresses for the operator: the first that answers.
type operator struct {
	admin     []string
	tokenFile string
}

func (o *operator) register(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&o.admin, "admin", []string{"http://127.0.0.1:9090"}, "operator's URLs of one or several nodes, the first that answers is asked")
	cmd.Flags().StringVar(&o.tokenFile, "token-file", "", "file with the operator's token (or TUTTI_ADMIN_TOKEN: the token)")
}

func (o *operator) token() (string, error) {
	if o.tokenFile == "" {
		if token := os.Getenv("TUTTI_ADMIN_TOKEN"); token != "" {
			return token, nil
		}
		return "", errors.New("the operator's token is missing: set TUTTI_ADMIN_TOKEN or --token-file")
	}
	data, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

const (
	operatorTime = 15 * time.Second
	maxStatus    = 64 << 20
)

// ask has a node answer, and returns the status of the cluster. One that does not answer, or cannot just now, is passed over.
func (o *operator) ask(ctx context.Context, method, path string, body []byte) (*control.Status, error) {
	token, err := o.token()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, url := range o.admin {
		s, again, err := o.askOne(ctx, method, strings.TrimSuffix(url, "/")+path, token, body)
		if err == nil {
			return s, nil
		}
		if errs = append(errs, err); !again {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (o *operator) askOne(ctx context.Context, method, url, token string, body []byte) (s *control.Status, again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, operatorTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, true, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxStatus))
	if err != nil {
		return nil, true, fmt.Errorf("%s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		if json.Unmarshal(data, &problem) != nil || problem.Detail == "" {
			problem.Detail = answer.Status
		}
		return nil, answer.StatusCode == http.StatusServiceUnavailable, fmt.Errorf("%s: %s", url, problem.Detail)
	}
	s = new(control.Status)
	if err := json.Unmarshal(data, s); err != nil {
		return nil, false, fmt.Errorf("%s: what came is no status: %w", url, err)
	}
	return s, false, nil
}

func clusterStatusCommand() *cobra.Command {
	var o operator
	var asJSON, all bool
	cmd := &cobra.Command{
		Use: "status", Short: "Print the nodes, and which partitions move", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := o.ask(cmd.Context(), http.MethodGet, "/admin/v1/cluster", nil)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(s)
			}
			return printStatus(cmd.OutOrStdout(), s, all)
		},
	}
	o.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	cmd.Flags().BoolVar(&all, "all", false, "print all partitions, not only those that are not where they belong")
	return cmd
}

// clusterNodeCommand returns a command about one node.
func clusterNodeCommand(name, short string) *cobra.Command {
	var o operator
	cmd := &cobra.Command{
		Use: name + " NODE", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.order(cmd, name, map[string]any{"node": args[0]})
		},
	}
	o.register(cmd)
	return cmd
}

func clusterRemoveCommand() *cobra.Command {
	var o operator
	var fewer, force bool
	cmd := &cobra.Command{
		Use: "remove NODE", Short: "Take a node out of the cluster for good", Args: cobra.ExactArgs(1),
		Long: "Take a node out of the cluster for good, whether it runs or not. Its replicas are made anew on others, and its directory is nobody's any more. A node that " +
			"runs is drained first; one without which a partition would have no majority, or fewer replicas, as when two nodes of three are left, is not removed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.order(cmd, "remove", map[string]any{"node": args[0], "fewer": fewer, "force": force})
		},
	}
	o.register(cmd)
	cmd.Flags().BoolVar(&fewer, "fewer", false, "remove it although partitions have fewer replicas without it")
	cmd.Flags().BoolVar(&force, "force", false, "remove it although partitions may be lost with it")
	return cmd
}

func clusterApplyCommand() *cobra.Command {
	var o operator
	cmd := &cobra.Command{
		Use: "apply FILE", Short: "Put another layout in place of the present one", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			s, err := o.ask(cmd.Context(), http.MethodPost, "/admin/v1/cluster/apply", text)
			if err != nil {
				return err
			}
			return printStatus(cmd.OutOrStdout(), s, false)
		},
	}
	o.register(cmd)
	return cmd
}

func (o *operator) order(cmd *cobra.Command, name string, what map[string]any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	s, err := o.ask(cmd.Context(), http.MethodPost, "/admin/v1/cluster/"+name, body)
	if err != nil {
		return err
	}
	return printStatus(cmd.OutOrStdout(), s, false)
}

// printStatus writes the nodes and the partitions that are not where they belong, or all.
func printStatus(out io.Writer, s *control.Status, all bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "cluster %s, revision %d, driven by %s\n\n", s.Cluster, s.Revision, orNobody(s.Driver))
	fmt.Fprintln(w, "NODE\tID\tADDRESS\tSTATE\tHOLDS\tLEADS\tLABELS")
	for i := range s.Nodes {
		n := &s.Nodes[i]
		state := "down"
		if n.Up {
			state = "up"
		}
		if n.Draining {
			state += ", drains"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%d\t%s\n", n.Name, n.ID, n.Address, state, n.Holds, n.Leads, labels(n.Labels))
	}
	for i := range s.Edges {
		fmt.Fprintf(w, "%s\t\t\tedge\t\t\t\n", s.Edges[i].Name)
	}
	head, away := false, 0
	for i := range s.Partitions {
		p := &s.Partitions[i]
		moves := p.Leader == "" || len(p.To) > 0 || strings.Join(p.Voters, " ") != strings.Join(p.Place, " ")
		if moves {
			away++
		}
		if !moves && !all {
			continue
		}
		if !head {
			head = true
			fmt.Fprintln(w, "\nPARTITION\tLEADER\tREPLICAS\tBELONGS TO\tBECOMES\tFOR\tBEHIND\t")
		}
		since := ""
		if !p.Since.IsZero() {
			since = time.Since(p.Since).Round(time.Second).String()
		}
		behind := uint64(0)
		for _, n := range p.Behind {
			behind = max(behind, n)
		}
		fmt.Fprintf(w, "%s/%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", p.Pool, p.Number, orNobody(p.Leader), strings.Join(p.Voters, ","), strings.Join(p.Place, ","),
			strings.Join(p.To, ","), since, behind, p.Error)
	}
	fmt.Fprintf(w, "\n%d partitions, %d not where they belong\n", len(s.Partitions), away)
	if s.Unplaced != "" {
		fmt.Fprintln(w, s.Unplaced)
	}
	return w.Flush()
}

func orNobody(name string) string {
	if name == "" {
		return "nobody"
	}
	return name
}
