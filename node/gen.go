package node

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/typescript"
)

// GenCommand returns the command that writes code for clients of the categories, for an application whose
// command line has more to offer than that of Main.
func GenCommand(categories ...*tutti.Category) *cobra.Command {
	gen := &cobra.Command{
		Use: "gen", Short: "Write code for clients", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var out string
	ts := &cobra.Command{
		Use: "ts", Short: "Write the types of commands, events, states and all the rest in TypeScript", Args: cobra.NoArgs,
		Long: "Write what clients of each category send and see as types of TypeScript, as encoding/json encodes it.\n\n" +
			"As a line of the application's source, //go:generate go run . gen ts --out web/types.ts keeps the file up to date:\n" +
			"a check that go generate changes nothing finds what was forgotten.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := typescript.Types(categories...)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = fmt.Fprint(cmd.OutOrStdout(), text)
				return err
			}
			return replace(out, []byte(text))
		},
	}
	ts.Flags().StringVarP(&out, "out", "o", "", "file to write, in place of standard output")
	gen.AddCommand(ts)
	return gen
}

// replace writes a file, unless that is what it holds already.
func replace(name string, text []byte) error {
	if before, err := os.ReadFile(name); err == nil && bytes.Equal(before, text) {
		return nil
	}
	return os.WriteFile(name, text, 0o644)
}
