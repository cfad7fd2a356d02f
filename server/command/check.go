package command

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/proof"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
)

func checkFlows(s streams) *cobra.Command {
	var path string
	var strict, asJSON bool
	c := &cobra.Command{Use: "check", Short: "Check the settings, and the flows, themes and hooks they name", Args: cobra.NoArgs,
		Long: "Checks everything a server would read at start, without opening a store, and prints every problem under its line: form, graph, data, assurance " +
			"and modes of the flows, and whether they give their clients what those ask for. Exits with 1 when there is an error; with --strict, a warning is one. " +
			"--json writes what was found and proved to standard output instead (docs/guides/check.md).",
		RunE: func(c *cobra.Command, _ []string) error {
			f, problems, sources := config.Load(path)
			found := app.Checked{Problems: problems, Sources: sources}
			var err error
			if !problems.Failed() {
				if found, err = app.Check(c.Context(), f, s.logger("error")); len(problems) > 0 {
					found.Problems = append(problems, found.Problems...)
					maps.Copy(found.Sources, sources)
				}
			}
			if strict {
				found.Problems = strictly(found.Problems)
			}
			if asJSON && err == nil {
				if err := writeReport(s.out, found); err != nil {
					return err
				}
			} else {
				diag.Render(s.err, found.Problems, found.Sources)
			}
			switch {
			case err != nil:
				return err
			case found.Problems.Failed():
				return errTold
			case !asJSON:
				fmt.Fprintln(s.out, "all sound"+warnings(found.Problems))
			}
			return nil
		}}
	settings(c, &path)
	c.Flags().BoolVar(&strict, "strict", false, "a warning is an error")
	c.Flags().BoolVar(&asJSON, "json", false, "write what was found as JSON to standard output")
	return c
}

// strictly makes errors of warnings. Notes say what cannot be known and stay notes.
func strictly(ps diag.Problems) diag.Problems {
	out := slices.Clone(ps)
	for i := range out {
		if out[i].Severity == diag.Warning {
			out[i].Severity = diag.Error
		}
	}
	return out
}

func count(ps diag.Problems, severity diag.Severity) int {
	n := 0
	for _, p := range ps {
		if p.Severity == severity {
			n++
		}
	}
	return n
}

func warnings(ps diag.Problems) string {
	switch n := count(ps, diag.Warning); n {
	case 0:
		return ""
	case 1:
		return ", with 1 warning"
	default:
		return fmt.Sprintf(", with %d warnings", n)
	}
}

// report is what --json writes. Members are only ever added to it; Format grows when one has to change.
type report struct {
	Format   int            `json:"format"`
	Sound    bool           `json:"sound"`
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Notes    int            `json:"notes"`
	Problems []diag.Problem `json:"problems"`
	Flows    []flowReport   `json:"flows"`
}

// flowReport is one flow that compiled.
type flowReport struct {
	Flow        string      `json:"flow"`
	Version     string      `json:"version"`
	Accepts     []string    `json:"accepts"`
	Reaches     []string    `json:"reaches"`
	Silent      bool        `json:"silent"`
	SilentStop  string      `json:"silent_stop,omitempty"`
	Browserless bool        `json:"browserless"`
	BrowserStop string      `json:"browser_stop,omitempty"`
	Ends        []endReport `json:"ends"`
}

type endReport struct {
	Step    string   `json:"step"`
	Outcome string   `json:"outcome"`
	Facts   []string `json:"facts"`
	Meets   []string `json:"meets"`
	Path    []string `json:"path"`
}

func writeReport(w io.Writer, found app.Checked) error {
	r := report{Format: 1, Sound: !found.Problems.Failed(), Errors: count(found.Problems, diag.Error), Warnings: count(found.Problems, diag.Warning),
		Notes: count(found.Problems, diag.Note), Problems: append([]diag.Problem{}, found.Problems.Sorted()...), Flows: []flowReport{}}
	for _, name := range slices.Sorted(maps.Keys(found.Flows.Programs)) {
		p, proved := found.Flows.Programs[name], found.Flows.Proofs[name]
		f := flowReport{Flow: name, Version: p.Hash, Accepts: []string{}, Reaches: append([]string{}, proved.Reached...), Silent: proved.Modes.Silent,
			SilentStop: proved.Modes.SilentStop, Browserless: proved.Modes.Browserless, BrowserStop: proved.Modes.BrowserStop, Ends: []endReport{}}
		for _, a := range p.Accept {
			f.Accepts = append(f.Accepts, a.Name)
		}
		for _, e := range proved.Ends {
			f.Ends = append(f.Ends, ended(e))
		}
		r.Flows = append(r.Flows, f)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func ended(e proof.End) endReport {
	out := endReport{Step: e.Step, Outcome: e.Outcome, Facts: []string{}, Meets: append([]string{}, e.Meets...), Path: append([]string{}, e.Path...)}
	for _, f := range e.Facts {
		out.Facts = append(out.Facts, string(f))
	}
	return out
}
