// Package author holds the commands for people who write flows: they read settings and flows, open no store and serve nobody.
package author

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/server/config"
)

// Console is what a command of the command line works with.
type Console struct {
	In       io.Reader
	Out, Err io.Writer
	Load     func(path string) (*config.File, error) // reads settings and prints what is wrong with them
	Settings func(c *cobra.Command, into *string)    // adds the flag that names the settings file
	Logger   func(level string) *slog.Logger
	Told     error             // ends a command whose problems have been printed already
	Misuse   func(error) error // marks a mistake in how a command was called
}

// Commands are all of them.
func Commands(s Console) []*cobra.Command {
	return []*cobra.Command{formatFiles(s), graphFlow(s), typesOf(s), diffFlows(s), explainCode(s), languageServer(s)}
}
