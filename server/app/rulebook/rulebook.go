// Package rulebook knows every code that authors and operators are told: its page, and what a check says of the page's own texts.
package rulebook

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/schemas/rules"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
)

// File is one file of a page's example. Flows and hooks lie in the flows folder, everything else beside the settings.
type File struct{ Name, Text string }

// Page is what is to be said of a code.
type Page struct {
	Code, Title, Means string
	Broken, Mended     []File // both empty where an example would be longer than it helps
}

// Pages lists all pages by code.
func Pages() ([]Page, error) {
	entries, err := rules.Pages.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var out []Page
	for _, e := range entries {
		raw, err := rules.Pages.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, parse(strings.TrimSuffix(e.Name(), ".txtar"), raw))
	}
	slices.SortFunc(out, func(a, b Page) int { return strings.Compare(a.Code, b.Code) })
	return out, nil
}

func parse(code string, raw []byte) Page {
	a := txtar.Parse(raw)
	title, means, _ := strings.Cut(string(a.Comment), "\n")
	p := Page{Code: code, Title: title, Means: strings.TrimSpace(means)}
	for _, f := range a.Files {
		dir, name, _ := strings.Cut(f.Name, "/")
		file := File{name, string(f.Data)}
		if dir == "broken" {
			p.Broken = append(p.Broken, file)
		} else {
			p.Mended = append(p.Mended, file)
		}
	}
	return p
}

// settings are those of an example that brings none: a connector and two providers to speak of.
const settings = `issuer: http://localhost:8080
connectors: { crm: { base: "https://crm.example.com" } }
providers:
  acme: { issuer: "https://login.acme.example", client_id: stile, vouches: one-factor }
  plain: { issuer: "https://plain.example", client_id: stile }
`

// Try checks an example as `stile check` would, in a folder made for it. Places are named as the page names its files.
func Try(ctx context.Context, files []File) (found app.Checked, err error) {
	dir, err := os.MkdirTemp("", "stile-rule-")
	if err != nil {
		return found, err
	}
	defer os.RemoveAll(dir)
	all := append([]File{{"stile.yaml", settings}}, files...) // an example's own settings come later and win
	for _, f := range all {
		to := f.Name
		if !strings.Contains(to, "/") && to != "stile.yaml" && slices.Contains([]string{".yaml", ".json", ".ts", ".js"}, path.Ext(to)) {
			to = "flows/" + to
		}
		if err := write(filepath.Join(dir, filepath.FromSlash(to)), f.Text); err != nil {
			return found, err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "flows"), 0o700); err != nil {
		return found, err
	}
	f, problems, sources := config.Load(filepath.Join(dir, "stile.yaml"))
	found = app.Checked{Problems: problems, Sources: sources}
	if !problems.Failed() {
		if found, err = app.Check(ctx, f, slog.New(slog.DiscardHandler)); err != nil {
			return found, fmt.Errorf("check an example: %w", err)
		}
	}
	relative := diag.Sources{}
	for name, text := range found.Sources {
		relative[strings.TrimPrefix(name, dir+string(filepath.Separator))] = text
	}
	found.Sources = relative
	for i := range found.Problems {
		p := &found.Problems[i]
		p.At.File = strings.TrimPrefix(p.At.File, dir+string(filepath.Separator))
		p.Message = strings.ReplaceAll(p.Message, dir+string(filepath.Separator), "")
	}
	return found, nil
}

func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o600)
}
