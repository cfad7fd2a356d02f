package rulebook

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/stile-id/stile/engine/diag"
)

// Markdown is the page as text: what it means, the broken example with what is told of it, and the mended one.
func (p Page) Markdown(ctx context.Context) (string, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "## %s\n\n**%s.** %s\n", p.Code, p.Title, p.Means)
	if len(p.Broken) == 0 {
		return out.String(), nil
	}
	found, err := Try(ctx, p.Broken)
	if err != nil {
		return "", err
	}
	var told strings.Builder
	diag.Render(&told, found.Problems, found.Sources)
	out.WriteString("\nBroken:\n")
	list(&out, p.Broken)
	fmt.Fprintf(&out, "\n```text\n%s```\n\nMended:\n", told.String())
	list(&out, changed(p))
	return out.String(), nil
}

// changed leaves out what the mended example has in common with the broken one.
func changed(p Page) []File {
	var out []File
	for _, f := range p.Mended {
		same := false
		for _, b := range p.Broken {
			same = same || b == f
		}
		if !same {
			out = append(out, f)
		}
	}
	return out
}

func list(out *strings.Builder, files []File) {
	for _, f := range files {
		language := strings.TrimPrefix(path.Ext(f.Name), ".")
		if language != "yaml" && language != "ts" {
			language = "text"
		}
		fmt.Fprintf(out, "\n`%s`\n\n```%s\n%s```\n", f.Name, language, f.Text)
	}
}
