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
	"syscall"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
)

// streams are the three a command talks through.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errTold ends a command whose problems have been printed already.
var errTold = errors.New("told")

// Run runs the command line and returns the exit code: 0 done, 1 failed, 2 wrong use.
func Run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := Root(in, out, errOut)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errTold):
		return 1
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
	root.AddCommand(serve(s), initial(s), checkFlows(s), user(s), key(s), audit(s))
	return root
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
