package author

import (
	"github.com/spf13/cobra"

	"github.com/stile-id/stile/server/command/author/lsp"
)

func languageServer(s Console) *cobra.Command {
	var path string
	c := &cobra.Command{Use: "lsp", Short: "Speak with an editor: problems, hints and definitions while typing", Args: cobra.NoArgs,
		Long: "A language server (Language Server Protocol 3.17) on standard input and output. Editors start it for the YAML files of a deployment. It tells the problems that stile check tells, also of texts that are not saved yet, " +
			"proposes what could stand at a place, says what stands there and where it comes from, and formats as stile fmt does.",
		RunE: func(c *cobra.Command, _ []string) error {
			settings := ""
			if c.Flags().Changed("config") {
				settings = path
			}
			clean, err := lsp.Serve(c.Context(), s.In, s.Out, lsp.Options{Settings: settings, Log: s.Logger("error")})
			if err == nil && !clean {
				return s.Told
			}
			return err
		}}
	s.Settings(c, &path)
	return c
}
