package author

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/server/app/rulebook"
)

func explainCode(s Console) *cobra.Command {
	return &cobra.Command{Use: "explain [CODE]", Short: "Say what the code of a problem means, with a broken text and the mended one", Args: cobra.MaximumNArgs(1),
		Long: "Prints the page of a code such as STILE-A02: what it means, a broken text with what is told of it, and the mended one. Without a code, lists all.",
		RunE: func(c *cobra.Command, args []string) error {
			pages, err := rulebook.Pages()
			if err != nil {
				return err
			}
			var codes []string
			for _, p := range pages {
				codes = append(codes, p.Code)
				if len(args) == 0 {
					fmt.Fprintf(s.Out, "%s  %s\n", p.Code, p.Title)
				}
			}
			if len(args) == 0 {
				return nil
			}
			code := strings.ToUpper(args[0])
			if !strings.HasPrefix(code, "STILE-") {
				code = "STILE-" + code
			}
			for _, p := range pages {
				if p.Code == code {
					text, err := p.Markdown(c.Context())
					if err == nil {
						_, err = fmt.Fprint(s.Out, text)
					}
					return err
				}
			}
			if near := flow.Nearest(code, codes); near != "" {
				return s.Misuse(fmt.Errorf("there is no code %s; did you mean %s?", code, near))
			}
			return s.Misuse(fmt.Errorf("there is no code %s; `stile explain` lists all", code))
		}}
}
