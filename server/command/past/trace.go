package past

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/explain"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/rehearse/recorded"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/app"
)

func trace(s Console) *cobra.Command {
	var path string
	var asJSON, asTest bool
	c := &cobra.Command{Use: "trace ID", Short: "Explain a journey: what it did, and why each branch was taken", Args: cobra.ExactArgs(1),
		Long: "Explains a journey from its trail. ID is a journey's id or its first eight characters, as the log shows them, or the number that an error page or a " +
			"denied person was shown.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			o, err := s.history(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			turns, err := found(c.Context(), o, args[0])
			if err != nil {
				return err
			}
			if asTest {
				return s.recorded(turns)
			}
			told, err := explained(c.Context(), o, turns)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(s.Out)
				e.SetIndent("", "  ")
				return e.Encode(told)
			}
			explain.Write(s.Out, told)
			return nil
		}}
	s.Settings(c, &path)
	c.Flags().BoolVar(&asTest, "as-test", false, "print a test file with a case that goes as the journey went; secrets and people's names are made up")
	c.Flags().BoolVar(&asJSON, "json", false, "print the trail itself, with what is said of each turn")
	c.MarkFlagsMutuallyExclusive("json", "as-test")
	return c
}

// recorded prints a journey as a test case, and what may be another in it.
func (s Console) recorded(turns []trail.Turn) error {
	file, notes, err := recorded.Case(turns)
	if err != nil {
		return err
	}
	text, err := cases.Write(file)
	if err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintf(s.Err, "note: %s\n", n)
	}
	_, err = s.Out.Write(text)
	return err
}

// found reads the trail that a name stands for.
func found(ctx context.Context, o *app.Operator, name string) ([]trail.Turn, error) {
	name = strings.TrimSpace(name)
	ids, err := o.Store.FindTrails(ctx, name)
	if err == nil && len(ids) == 0 {
		ids, err = o.Store.FindTrails(ctx, strings.ToUpper(name)) // numbers are read out on the phone
	}
	switch {
	case err != nil:
		return nil, err
	case len(ids) == 0:
		return nil, fmt.Errorf("nothing is kept of a journey %q; trails are written within a second and kept as long as `trails` in the settings says", name)
	case len(ids) > 1:
		return nil, fmt.Errorf("%q stands for several journeys: %s", name, strings.Join(ids, ", "))
	}
	return o.Store.JourneyTrail(ctx, ids[0])
}

// explained explains turns, those of each version by its own text: a journey whose version was gone went on with another.
func explained(ctx context.Context, o *app.Operator, turns []trail.Turn) ([]explain.Told, error) {
	p, err := o.Flows.Version(ctx, turns[0].Flow, turns[len(turns)-1].Version)
	if err != nil {
		return nil, err
	}
	return explain.Journey(p, turns), nil
}
