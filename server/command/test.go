package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/rehearse"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/rehearsal"
	"github.com/stile-id/stile/server/watch"
)

// tester is one call of stile test.
type tester struct {
	streams
	config, dir, junit, match             string
	settled, json, verbose, update, watch bool // settled: there is a settings file
	least                                 float64
	parallel                              int
	flows                                 []string
	only                                  *regexp.Regexp
}

func testFlows(s streams) *cobra.Command {
	t := tester{streams: s}
	c := &cobra.Command{Use: "test [FLOW…]", Short: "Play the test cases of flows",
		Long: "Plays the cases of the test files (NAME.test.yaml) beside the flows: the real engine, actions and hooks, with virtual time, authenticators and mail, " +
			"scripted connectors and providers. Prints what differs from what was expected and which outcomes no case reaches. Exits with 1 when a case fails or " +
			"a flow stays under --min-coverage. Without settings, the connectors and providers that test files name count as declared. See docs/guides/testing.md.",
		RunE: func(c *cobra.Command, args []string) error {
			t.flows = args
			return t.run(c.Context(), c.Flags().Changed("config"), c.Flags().Changed("flows"))
		}}
	f := c.Flags()
	f.StringVarP(&t.config, "config", "c", "stile.yaml", "settings file; without one, --flows")
	f.StringVar(&t.dir, "flows", "flows", "folder of the flows, instead of the settings'")
	f.Float64Var(&t.least, "min-coverage", 0, "how many of a hundred outcomes each flow's cases must reach")
	f.StringVar(&t.junit, "junit", "", "file to write the results to, as JUnit XML")
	f.StringVar(&t.match, "run", "", "play only the cases whose `flow: name` matches this regular expression")
	f.IntVar(&t.parallel, "parallel", runtime.GOMAXPROCS(0), "how many cases are played at once")
	f.BoolVarP(&t.verbose, "verbose", "v", false, "list every case")
	f.BoolVar(&t.json, "json", false, "print the results as JSON")
	f.BoolVar(&t.update, "update", false, "write the golden prompts anew")
	f.BoolVar(&t.watch, "watch", false, "play again whenever a file changes")
	return c
}

func (t *tester) run(ctx context.Context, config, dir bool) error {
	if t.least < 0 || t.least > 100 {
		return wrongUse{errors.New("--min-coverage is between 0 and 100")}
	}
	if t.parallel < 1 || t.parallel > 256 {
		return wrongUse{errors.New("--parallel is between 1 and 256")}
	}
	var err error
	if t.only, err = regexp.Compile(t.match); err != nil {
		return wrongUse{fmt.Errorf("--run: %w", err)}
	}
	if t.settled = config || !dir; t.settled && !config {
		_, err := os.Stat(t.config)
		t.settled = !errors.Is(err, fs.ErrNotExist)
	}
	if !t.watch {
		return t.once(ctx, dir)
	}
	look := func() {
		if err := t.once(ctx, dir); err != nil && !errors.Is(err, errTold) && ctx.Err() == nil {
			fmt.Fprintf(t.err, "stile: %v\n", err)
		}
		fmt.Fprintln(t.out, "waiting for changes")
	}
	o, _, err := t.options(dir)
	if err != nil {
		return err
	}
	look()
	return watch.Changes(ctx, o.Path, false, nil, func(cause error) { fmt.Fprintf(t.err, "stile: %v\n", cause) }, look)
}

// options reads the settings, if there are any, and says what is rehearsed.
func (t *tester) options(dir bool) (rehearsal.Options, host.Options, error) {
	o := rehearsal.Options{Path: t.dir, Undeclared: true, Parallel: t.parallel}
	hooks := host.Options{Workers: t.parallel, Logger: slog.New(slog.DiscardHandler)}
	if t.settled {
		f, err := t.load(t.config)
		if err != nil {
			return o, hooks, err
		}
		o.Undeclared, o.Issuer, o.Name, o.Region = false, f.Issuer, f.Name, f.Region
		o.Journey, o.Idle, o.Absolute = time.Duration(f.Lifetimes.Journey), time.Duration(f.Lifetimes.SessionIdle), time.Duration(f.Lifetimes.SessionAbsolute)
		o.Connectors = slices.Sorted(maps.Keys(f.Connectors))
		o.Providers = providers(f)
		hooks.Deadline, hooks.Memory, hooks.Isolation = time.Duration(f.Hooks.Deadline), uint64(f.Hooks.Memory)<<20, f.Hooks.Isolation
		if !dir {
			o.Path = f.FlowsDir()
		}
	}
	if info, err := os.Stat(o.Path); err != nil || !info.IsDir() {
		return o, hooks, fmt.Errorf("flows: there is no folder %s", o.Path)
	}
	o.Flows = os.DirFS(o.Path)
	return o, hooks, nil
}

// providers are those of the settings; no secret of theirs is needed.
func providers(f *config.File) []federate.Provider {
	var out []federate.Provider
	for _, name := range slices.Sorted(maps.Keys(f.Providers)) {
		p := f.Providers[name]
		title := p.Title
		if title == "" {
			title = name
		}
		out = append(out, federate.Provider{Name: name, Title: title, Issuer: p.Issuer, ClientID: p.ClientID, Scopes: p.Scopes, Vouches: p.Vouches})
	}
	return out
}

// once reads everything and plays it.
func (t *tester) once(ctx context.Context, dir bool) (err error) {
	o, hooks, err := t.options(dir)
	if err != nil {
		return err
	}
	pool, err := host.New(hooks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	o.Hooks = pool
	th, problems, sources, err := rehearsal.Open(ctx, o)
	diag.Render(t.err, problems, sources)
	if err != nil {
		return err
	}
	if problems.Failed() {
		return errTold
	}
	defer func() { err = errors.Join(err, th.Close()) }()
	files, err := t.chosen(th, o.Path)
	if err != nil {
		return err
	}
	began := time.Now()
	played := rehearse.Run(ctx, th, files, t.only.MatchString, t.parallel)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(played) == 0 {
		return wrongUse{fmt.Errorf("no case matches %q", t.match)}
	}
	var besides []string
	if len(t.flows) == 0 && t.match == "" {
		besides = slices.Collect(maps.Keys(th.Programs))
	}
	r := rehearse.NewReport(th.Programs, played, time.Since(began), besides...)
	if len(t.flows) > 0 { // of the flows they call nothing was asked
		r.Coverage = slices.DeleteFunc(r.Coverage, func(c rehearse.Covered) bool { return !slices.Contains(t.flows, c.Flow) })
	}
	return t.report(r)
}

// chosen are the test files of the flows named, all where none is.
func (t *tester) chosen(th *rehearsal.Theatre, dir string) ([]*cases.File, error) {
	if len(th.Files) == 0 {
		return nil, fmt.Errorf("there are no test files (NAME.test.yaml) in %s", dir)
	}
	tested := map[string]bool{}
	var out []*cases.File
	for _, f := range th.Files {
		f.Update = t.update
		tested[f.Flow] = true
		if len(t.flows) == 0 || slices.Contains(t.flows, f.Flow) {
			out = append(out, f)
		}
	}
	for _, name := range t.flows {
		if !tested[name] {
			return nil, wrongUse{fmt.Errorf("there are no tests of flow %q; there are of %s", name, strings.Join(slices.Sorted(maps.Keys(tested)), ", "))}
		}
	}
	return out, nil
}

func (t *tester) report(r rehearse.Report) error {
	if t.json {
		if err := r.JSON(t.out); err != nil {
			return err
		}
	} else {
		r.Text(t.out, t.verbose)
	}
	if t.junit != "" {
		if err := t.writeJUnit(r); err != nil {
			return err
		}
	}
	if t.update {
		changed, err := rehearsal.Update(r.Played)
		if err != nil {
			return err
		}
		for _, name := range changed {
			fmt.Fprintf(t.err, "wrote %s\n", name)
		}
	}
	failed := r.Failed() > 0
	for _, c := range r.Coverage {
		if (len(t.flows) == 0 || slices.Contains(t.flows, c.Flow)) && c.Percent() < t.least {
			fmt.Fprintf(t.err, "stile: the cases reach %.1f %% of flow %s, less than %g\n", c.Percent(), c.Flow, t.least)
			failed = true
		}
	}
	if failed {
		return errTold
	}
	return nil
}

func (t *tester) writeJUnit(r rehearse.Report) error {
	f, err := os.Create(t.junit)
	if err != nil {
		return err
	}
	return errors.Join(r.JUnit(f), f.Close())
}
