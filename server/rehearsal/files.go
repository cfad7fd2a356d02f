package rehearsal

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/rehearse"
	"github.com/stile-id/stile/engine/rehearse/cases"
)

// read reads the test files of the folder, with their golden prompts.
func (t *Theatre) read() (diag.Problems, diag.Sources, error) {
	var problems diag.Problems
	sources := diag.Sources{}
	names, err := cases.Files(t.o.Flows)
	if err != nil {
		return nil, nil, fmt.Errorf("read test files: %w", err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(t.o.Flows, name)
		if err != nil {
			return nil, nil, fmt.Errorf("read test files: %w", err)
		}
		shown := t.shown(name)
		sources[shown] = text
		f, ps := cases.Read(shown, text)
		problems = append(problems, ps...)
		if f == nil {
			continue
		}
		golden, err := fs.ReadFile(t.o.Flows, prompts(name))
		if err == nil {
			if err := json.Unmarshal(golden, &f.Golden); err != nil {
				problems.Add("STILE-R12", diag.Pos{File: t.shown(prompts(name))}, "`stile test --update` writes it anew", "the golden prompts cannot be read: %v", err)
			}
		}
		t.Files = append(t.Files, f)
	}
	return problems, sources, nil
}

// prompts is the name of the golden prompts of a test file.
func prompts(name string) string {
	return strings.TrimSuffix(name, filepath.Ext(name)) + ".prompts.json"
}

// Update writes the golden prompts of what was played beside the test files, and lists the files that changed. Cases that were not
// played keep theirs; those that no longer exist, or are not golden any more, lose them.
func Update(played []*rehearse.Played) ([]string, error) {
	all := map[*cases.File]map[string]json.RawMessage{}
	for _, p := range played {
		if p.Failed() {
			continue
		}
		if all[p.File] == nil {
			all[p.File] = map[string]json.RawMessage{}
			for _, c := range p.File.Cases {
				if old, ok := p.File.Golden[c.Name]; ok && c.Golden {
					all[p.File][c.Name] = old
				}
			}
		}
		if p.Case.Golden {
			all[p.File][p.Case.Name] = p.Prompts
		}
	}
	var changed []string
	for f, texts := range all {
		name := prompts(f.Path)
		before, err := os.ReadFile(name)
		if err != nil && len(texts) == 0 {
			continue
		}
		raw, err := golden(texts)
		if err != nil {
			return nil, err
		}
		if string(before) == string(raw) {
			continue
		}
		if err := os.WriteFile(name, raw, 0o644); err != nil {
			return nil, fmt.Errorf("golden prompts: %w", err)
		}
		changed = append(changed, name)
	}
	slices.Sort(changed)
	return changed, nil
}

// golden is the text of a golden file: cases by name, one after the other.
func golden(texts map[string]json.RawMessage) ([]byte, error) {
	var out strings.Builder
	out.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n" + string(key) + ": " + string(texts[name]))
	}
	out.WriteString("\n}\n")
	return []byte(out.String()), nil
}
