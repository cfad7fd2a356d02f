package author

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/server/graph"
)

// drawingTime bounds the layout of one picture.
const drawingTime = time.Minute

func graphFlow(s Console) *cobra.Command {
	var path, form, to string
	var depth int
	c := &cobra.Command{Use: "graph FLOW", Short: "Draw a flow as SVG or Mermaid", Args: cobra.ExactArgs(1),
		Long: "Draws a flow: its steps, where each outcome leads, and its ends. FLOW is a name among the flows of the settings, or a file; without settings the folder flows or this one is read, and " +
			"any connector or provider is taken to be declared. The SVG needs nothing else and follows its reader's choice of light or dark.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			switch {
			case form != "svg" && form != "mermaid":
				return s.Misuse(errors.New("--format is svg or mermaid"))
			case depth < 0 || depth > 8:
				return s.Misuse(errors.New("--depth is a number from 0 to 8"))
			}
			b, err := s.open(c, path, args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, b.Close()) }()
			p, err := s.sound(b, flowName(args[0]))
			if err != nil {
				return err
			}
			picture := graph.Of(p, depth)
			if form == "mermaid" {
				return s.write(to, picture.Mermaid())
			}
			ctx, cancel := context.WithTimeout(c.Context(), drawingTime)
			defer cancel()
			text, err := picture.SVG(ctx)
			if err != nil {
				return fmt.Errorf("flow %s: %w", p.Name, err)
			}
			return s.write(to, text)
		}}
	s.Settings(c, &path)
	c.Flags().StringVar(&form, "format", "svg", "svg or mermaid")
	c.Flags().IntVar(&depth, "depth", 0, "how deep called flows are drawn with their own steps")
	c.Flags().StringVarP(&to, "output", "o", "", "file to write; standard output without it")
	return c
}

// sound is a flow's program. What is wrong with a flow is printed; what is wrong with others is no concern here.
func (s Console) sound(b *bench, name string) (*check.Program, error) {
	set := b.Compile(b.folder)
	if p := set.Sound[name]; p != nil {
		return p, nil
	}
	if set.Flows[name] != nil || set.Problems.Failed() && len(set.Sound) == 0 {
		diag.Render(s.Err, set.Problems, set.Sources)
		return nil, s.Told
	}
	names := slices.Sorted(maps.Keys(set.Sound))
	if near := flow.Nearest(name, names); near != "" {
		return nil, fmt.Errorf("there is no flow %q; did you mean %s?", name, near)
	}
	return nil, fmt.Errorf("there is no flow %q; there are: %s", name, strings.Join(names, ", "))
}
