// Package command is the command line: one file for each subcommand.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/command/author"
	"github.com/stile-id/stile/server/command/past"
	"github.com/stile-id/stile/server/config"
)

// streams are the three a command talks through.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errTold ends a command whose problems have been printed already.
var errTold = errors.New("told")

// wrongUse is a mistake in how a command was called, found only once it ran.
type wrongUse struct{ error }

func (w wrongUse) Unwrap() error { return w.error }

// Run runs the command line and returns the exit code: 0 done, 1 failed, 2 wrong use. The first SIGTERM or Ctrl-C asks what runs to
// finish, the second ends the process.
func Run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := Root(in, out, errOut)
	began := false // whether the command line was understood
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	root.SetArgs(args)
	called, err := root.ExecuteContextC(ctx)
	var wrong wrongUse
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errTold):
		return 1
	case !began || errors.As(err, &wrong):
		fmt.Fprintf(errOut, "stile: %v\nSee `%s --help`.\n", err, called.CommandPath())
		return 2
	}
	fmt.Fprintf(errOut, "stile: %v\n", err)
	return 1
}

// Root is the command tree; reference pages are made from it.
func Root(in io.Reader, out, errOut io.Writer) *cobra.Command {
	s := streams{in, out, errOut}
	root := &cobra.Command{Use: "stile", Short: "Customer identity server with declarative sign-in flows", SilenceUsage: true, SilenceErrors: true}
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	root.AddCommand(serve(s), initial(s), checkFlows(s), testFlows(s), user(s), key(s), client(s), audit(s), version(s))
	root.AddCommand(author.Commands(author.Console{In: in, Out: out, Err: errOut, Load: s.load, Settings: settings, Logger: s.logger, Told: errTold,
		Misuse: func(err error) error { return wrongUse{err} }})...)
	root.AddCommand(past.Commands(past.Console{Out: out, Err: errOut, Load: s.load, Settings: settings, Logger: s.logger, Told: errTold,
		Misuse: func(err error) error { return wrongUse{err} }})...)
	group(root)
	return root
}

// group makes a command that only holds others: alone it shows its help, with a name it does not know it is wrong use.
func group(c *cobra.Command) {
	c.SuggestionsMinimumDistance = 2
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return fmt.Errorf("there is no command %q; did you mean `%s %s`?", args[0], c.CommandPath(), near[0])
		}
		return fmt.Errorf("there is no command %q", args[0])
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

// load reads the settings file and prints what is wrong with it.
func (s streams) load(path string) (*config.File, error) {
	f, problems, sources := config.Load(path)
	if len(problems) > 0 {
		diag.Render(s.err, problems, sources)
	}
	if problems.Failed() {
		return nil, errTold
	}
	return f, nil
}

// open puts a server together for a command that needs its stores, without listening.
func (s streams) open(ctx context.Context, path string) (*app.Operator, error) {
	f, err := s.load(path)
	if err != nil {
		return nil, err
	}
	return app.OpenOperator(ctx, f, s.logger("warn"))
}

func (s streams) logger(level string) *slog.Logger {
	var l slog.Level
	if level == "" || l.UnmarshalText([]byte(level)) != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(s.err, &slog.HandlerOptions{Level: l}))
}

// settings adds the flag that names the settings file.
func settings(c *cobra.Command, into *string) {
	c.PersistentFlags().StringVarP(into, "config", "c", "stile.yaml", "settings file")
}

// page says of what a listing shows pages, for people: what there is, what pages are counted by, and the names of the columns with tabs between them.
type page struct{ short, what, id, heading string }

// listing is a subcommand that lists one page of something in columns. read calls row with the cells of each line.
func listing(s streams, path *string, p page, read func(c *cobra.Command, o *app.Operator, after string, limit int, row func(cells ...string)) error) *cobra.Command {
	var after string
	var limit int
	c := &cobra.Command{Use: "list", Short: p.short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if limit < 1 || limit > 1000 {
				return wrongUse{errors.New("--limit is a number from 1 to 1000")}
			}
			o, err := s.open(c.Context(), *path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.Close()) }()
			t := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(t, p.heading)
			if err := read(c, o, after, limit, func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) }); err != nil {
				return err
			}
			return t.Flush()
		}}
	c.Flags().StringVar(&after, "after", "", "begin behind this "+p.id+", to see the next page")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many "+p.what+", up to 1000")
	return c
}
