package past

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/watch"
)

// fare is how one version of a flow fares.
type fare struct {
	Flow     string `json:"flow"`
	Version  string `json:"version"`
	Role     string `json:"role"` // current, candidate, before
	Share    string `json:"share"`
	UnderWay int    `json:"under_way"`
	trail.Fate
	Note string `json:"note,omitempty"`
}

func flows(s Console) *cobra.Command {
	var path, since string
	var asJSON bool
	c := &cobra.Command{Use: "flows", Short: "List the versions of flows, their shares of new journeys, and how they fare", Args: cobra.NoArgs,
		Long: "Lists the flows of the folder that clients can start, with their candidates and the versions that journeys of the last days still ended on: the share of new " +
			"journeys each gets, how many are under way, and how many ended done, denied and with errors, on all nodes together.",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			age, err := action.ParseDuration(since)
			if err != nil {
				return s.Misuse(fmt.Errorf("--since: %w", err))
			}
			o, err := s.history(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			folder, err := watch.ReadFolder(os.DirFS(o.FlowsDir()))
			if err != nil {
				return err
			}
			set := watch.Compile(folder, o.World)
			if set.Programs == nil {
				diag.Render(s.Err, set.Problems, set.Sources)
				return s.Told
			}
			list, err := fares(c, o, set, time.Now().Add(-age))
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(s.Out)
				e.SetIndent("", "  ")
				return e.Encode(list)
			}
			t := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(t, "FLOW\tVERSION\tROLE\tSHARE\tUNDER WAY\tENDED\tDONE\tDENIED\tERRORS\tNOTE")
			for _, x := range list {
				line := fmt.Sprintf("%s\t%.8s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s", x.Flow, x.Version, x.Role, x.Share, x.UnderWay, x.Ended(),
					rate(x.Fate, x.Done), rate(x.Fate, x.Denied), rate(x.Fate, x.Errors), x.Note)
				fmt.Fprintln(t, strings.TrimRight(line, "\t"))
			}
			return t.Flush()
		}}
	s.Settings(c, &path)
	c.Flags().StringVar(&since, "since", "24h", "count journeys that ended since, such as 24h or 7d")
	c.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return c
}

func rate(f trail.Fate, n int) string {
	if f.Ended() == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*f.Rate(n))
}

// fares lists the versions of flows that can be begun by themselves.
func fares(c *cobra.Command, o *app.Operator, set watch.Compiled, since time.Time) ([]fare, error) {
	back, err := o.Store.RolledBack(c.Context())
	if err != nil {
		return nil, err
	}
	var out []fare
	for _, name := range slices.Sorted(maps.Keys(set.Programs)) {
		p := set.Programs[name]
		if p.Callable {
			continue
		}
		tallies, err := o.Store.Tallies(c.Context(), name, since)
		if err != nil {
			return nil, err
		}
		under, err := o.Store.UnderWay(c.Context(), name, time.Now().Add(-o.Lifetime()))
		if err != nil {
			return nil, err
		}
		rest := flow.Whole
		known := []fare{{Version: p.Hash, Role: "current"}}
		if k, ok := set.Candidates[name]; ok && k.Program.Hash != p.Hash {
			x := fare{Version: k.Program.Hash, Role: "candidate", Share: k.Rollout.Share.String()}
			if reason, gone := back[name+"@"+k.Program.Hash]; gone {
				x.Share, x.Note = "0%", "rolled back: "+reason
			} else {
				rest -= k.Rollout.Share
			}
			known = append(known, x)
		}
		known[0].Share = rest.String()
		for _, t := range append(slices.Clone(tallies), under...) {
			if !slices.ContainsFunc(known, func(x fare) bool { return x.Version == t.Version }) {
				known = append(known, fare{Version: t.Version, Role: "before", Share: "0%"})
			}
		}
		for _, x := range known {
			x.Flow, x.Fate = name, trail.Sum(tallies, x.Version)
			for _, t := range under {
				if t.Version == x.Version {
					x.UnderWay = t.Journeys
				}
			}
			out = append(out, x)
		}
	}
	return out, nil
}
