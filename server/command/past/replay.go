package past

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/replay"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/watch"
)

const maxReplay = 100_000

func replayed(s Console) *cobra.Command {
	var path, candidate, since string
	var limit int
	var asJSON bool
	c := &cobra.Command{Use: "replay", Short: "Run recorded journeys on a changed flow and report whose ending would change", Args: cobra.NoArgs,
		Long: "Compiles a changed flow in the place of its flow, beside the others of the folder, and walks the journeys of the last days on it: steps are answered from " +
			"their trails, decisions are made anew by real conditions and hooks. Every flow that calls the changed one is walked too. Nothing is written, sent or " +
			"called. Reports whose ending, acr or claims would change and where the ways part, and what cannot be replayed and why.",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			age, err := action.ParseDuration(since)
			switch {
			case err != nil:
				return s.Misuse(fmt.Errorf("--since: %w", err))
			case candidate == "":
				return s.Misuse(errors.New("--flow names the changed flow's file"))
			case limit < 1 || limit > maxReplay:
				return s.Misuse(fmt.Errorf("--limit is a number from 1 to %d", maxReplay))
			}
			o, err := s.history(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			programs, old, err := s.candidate(o, candidate)
			if err != nil {
				return err
			}
			list, err := replay.Run(c.Context(), o.Store, programs, old, time.Now().Add(-age), limit)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(s.Out)
				e.SetIndent("", "  ")
				return e.Encode(list)
			}
			for i, r := range list {
				if i > 0 {
					fmt.Fprintln(s.Out)
				}
				r.Write(s.Out)
			}
			return nil
		}}
	s.Settings(c, &path)
	c.Flags().StringVar(&candidate, "flow", "", "the changed flow's file; its hooks lie beside it")
	c.Flags().StringVar(&since, "since", "7d", "journeys that ended since, such as 24h or 7d")
	c.Flags().IntVar(&limit, "limit", 10_000, "at most so many journeys of each flow, newest first")
	c.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return c
}

// candidate compiles a changed flow among the others and returns the programs it makes another, and what they are now.
func (s Console) candidate(o *app.Operator, file string) (programs, old map[string]*check.Program, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	folder, err := watch.ReadFolder(os.DirFS(o.FlowsDir()))
	if err != nil {
		return nil, nil, err
	}
	changed, place, err := folder.With(text, func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(filepath.Dir(file), filepath.FromSlash(name)))
	})
	if err != nil {
		return nil, nil, err
	}
	set := watch.Compile(changed, o.World)
	if set.Programs == nil {
		if place != file { // told under the name the author knows
			for i := range set.Problems {
				if set.Problems[i].At.File == place {
					set.Problems[i].At.File = file
				}
			}
			set.Sources[file] = text
		}
		diag.Render(s.Err, set.Problems, set.Sources)
		return nil, nil, s.Told
	}
	old = watch.Compile(folder, o.World).Programs
	programs = watch.Differing(set.Programs, old)
	for name, p := range programs {
		if p.Callable {
			delete(programs, name) // journeys are those of its callers
		}
	}
	if len(programs) == 0 {
		return nil, nil, errors.New("the candidate is the same as the flow; there is nothing to replay")
	}
	return programs, old, nil
}
