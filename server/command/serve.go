package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/dev"
)

// notice is how long a server that was told to stop says so on /readyz before it takes no more connections: longer than balancers look apart.
const notice = 3 * time.Second

func serve(s streams) *cobra.Command {
	var path, listen, data, flows string
	var development bool
	c := &cobra.Command{Use: "serve", Short: "Run the server", Args: cobra.NoArgs,
		Long: "Runs the server until SIGTERM or Ctrl-C, then finishes what is under way. With --dev it needs no settings: it serves a sample app, " +
			"an inbox, an employer's identity provider, a CRM and seeded accounts besides the product, and keeps its data in ./.stile.",
		RunE: func(c *cobra.Command, _ []string) error {
			for _, name := range []string{"data", "flows"} {
				if !development && c.Flags().Changed(name) {
					return wrongUse{fmt.Errorf("--%s goes with --dev; otherwise the settings say it", name)}
				}
			}
			if development {
				if c.Flags().Changed("config") {
					return wrongUse{errors.New("--dev has settings of its own and takes no --config")}
				}
				return s.serveDev(c.Context(), dev.Options{Listen: listen, Data: data, Flows: flows})
			}
			f, err := s.load(path)
			if err != nil {
				return err
			}
			if listen != "" {
				f.Listen = listen
			}
			return s.serve(c.Context(), app.Options{File: f, Log: s.logger(f.LogLevel), Notice: notice}, func(a net.Addr) {
				fmt.Fprintf(s.out, "Stile serves %s, listening on %s\n", f.Issuer, a)
			})
		}}
	settings(c, &path)
	c.Flags().BoolVar(&development, "dev", false, "serve the development extras, with no settings file")
	c.Flags().StringVar(&listen, "listen", "", "address to listen on, instead of the settings'")
	c.Flags().StringVar(&data, "data", ".stile", "with --dev: directory of the data")
	c.Flags().StringVar(&flows, "flows", "flows", "with --dev: folder of the flows; the shipped ones when there is none")
	return c
}

// serve builds a server, prints what is wrong with flows and themes, and runs it.
func (s streams) serve(ctx context.Context, o app.Options, ready func(net.Addr)) error {
	// A server lives on little: letting garbage grow to a few times that costs megabytes and saves a tenth of the work. GOGC overrides.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	server, problems, sources, err := app.New(ctx, o)
	if len(problems) > 0 {
		diag.Render(s.err, problems, sources)
	}
	if err != nil {
		return err
	}
	if problems.Failed() {
		return errTold
	}
	err = server.Serve(ctx, func(a net.Addr) {
		ready(a)
		go rest() // what compiling flows and making tables took is not needed again
	})
	if closed := server.Close(); err == nil {
		err = closed
	}
	return err
}

func (s streams) serveDev(ctx context.Context, o dev.Options) error {
	d, err := dev.New(o)
	if err != nil {
		return err
	}
	f, problems, sources := d.Settings()
	if len(problems) > 0 {
		diag.Render(s.err, problems, sources)
	}
	if problems.Failed() {
		return errTold
	}
	options := app.Options{File: f, Log: s.logger("info"), Flows: d.Flows(), Mail: d.Inbox(), Mount: nil}
	options.Mount = d.Mount
	return s.serve(ctx, options, func(net.Addr) { fmt.Fprint(s.out, d.Welcome()) })
}
