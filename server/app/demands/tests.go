package demands

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/server/config"
)

// Tests reads the test files beside the flows: that they speak of flows, steps and outcomes that are there. stile test plays them.
func Tests(file *config.File, folder fs.FS, programs map[string]*check.Program) (problems diag.Problems, sources diag.Sources, err error) {
	sources = diag.Sources{}
	names, err := cases.Files(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("test files: %w", err)
	}
	declared := cases.Declared{Programs: programs, Connectors: slices.Sorted(maps.Keys(file.Connectors)), Providers: slices.Sorted(maps.Keys(file.Providers))}
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return problems, sources, fmt.Errorf("test files: %w", err)
		}
		sources[name] = text
		f, ps := cases.Read(name, text)
		problems = append(problems, ps...)
		if f != nil && !ps.Failed() {
			problems = append(problems, f.Fit(declared)...)
		}
	}
	for i := range problems { // no server reads them: what is wrong with them refuses nothing
		if problems[i].Severity == diag.Error {
			problems[i].Severity = diag.Warning
		}
	}
	return problems, sources, nil
}
