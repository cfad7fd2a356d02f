// Package past holds the commands that look back at journeys: what one did and why, what many would have done on another version, and how versions fare. They
// read the ledger and change nothing in it.
package past

import (
	"context"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
)

// Console is what a command of the command line works with.
type Console struct {
	Out, Err io.Writer
	Load     func(path string) (*config.File, error) // reads settings and prints what is wrong with them
	Settings func(c *cobra.Command, into *string)    // adds the flag that names the settings file
	Logger   func(level string) *slog.Logger
	Told     error             // ends a command whose problems have been printed already
	Misuse   func(error) error // marks a mistake in how a command was called
}

// Commands are all of them.
func Commands(s Console) []*cobra.Command { return []*cobra.Command{trace(s), replayed(s), flows(s)} }

// history opens what looking back takes.
func (s Console) history(ctx context.Context, path string) (*app.Operator, error) {
	f, err := s.Load(path)
	if err != nil {
		return nil, err
	}
	return app.OpenHistory(ctx, f, s.Logger("error"))
}
