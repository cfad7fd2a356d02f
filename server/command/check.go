package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/app"
)

func checkFlows(s streams) *cobra.Command {
	var path string
	c := &cobra.Command{Use: "check", Short: "Check the settings, and the flows, themes and hooks they name", Args: cobra.NoArgs,
		Long: "Checks everything a server would read at start, without opening a store, and prints every problem under its line. Exits with 1 when there is an error.",
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := s.load(path)
			if err != nil {
				return err
			}
			problems, sources, err := app.Check(c.Context(), f, s.logger("error"))
			diag.Render(s.err, problems, sources)
			if err != nil {
				return err
			}
			if problems.Failed() {
				return errTold
			}
			fmt.Fprintln(s.out, "all sound")
			return nil
		}}
	settings(c, &path)
	return c
}
