package author

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/app/workshop"
)

func typesOf(s Console) *cobra.Command {
	var path, dir string
	var only bool
	c := &cobra.Command{Use: "types [FLOW...]", Short: "Write the TypeScript types of what hooks are given",
		Long: "Writes NAME.flow.d.ts beside each flow that has hooks, or beside those named: what each step's hooks may read, which is what every path to the step provides, and what they may return. " +
			"Import them with `import type { Decide, After } from \"./NAME.flow\"`. Without names it writes those of the settings' hooks, too: HOOK.hook.d.ts beside the claims hook, and registration.hook.d.ts beside the registration hook. Prints the files it wrote.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			b, err := s.open(c, path, args...)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, b.Close()) }()
			names := make([]string, 0, len(args))
			for _, a := range args {
				names = append(names, flowName(a))
			}
			return s.types(b, names, dir, only)
		}}
	s.Settings(c, &path)
	c.Flags().StringVarP(&dir, "output", "o", "", "folder to write into, instead of beside the flows")
	c.Flags().BoolVar(&only, "check", false, "write nothing; list what is not current and exit with 1")
	return c
}

func (s Console) types(b *bench, names []string, dir string, only bool) error {
	var from, beside func(string) string
	if dir != "" {
		beside = func(script string) string { return importPath(dir, script) }
		from = func(hooks string) string { return beside(filepath.Join(b.dir, filepath.FromSlash(hooks))) }
	}
	made, problems, sources := b.Types(b.folder, names, from)
	if problems.Failed() {
		diag.Render(s.Err, problems, sources)
		return s.Told
	}
	for _, name := range names {
		if !slices.ContainsFunc(made, func(t workshop.Types) bool { return t.Flow == name }) {
			return fmt.Errorf("there is no flow %q", name)
		}
	}
	for i := range made {
		made[i].File = filepath.Join(b.dir, filepath.FromSlash(made[i].File))
	}
	if len(names) == 0 {
		made = append(append(made, b.ClaimsTypes()...), b.HookTypes(beside)...)
	}
	stale := false
	for _, t := range made {
		to := t.File
		if dir != "" {
			to = filepath.Join(dir, filepath.Base(t.File))
		}
		if old, err := os.ReadFile(to); err == nil && string(old) == t.Text {
			continue
		}
		stale = true
		if !only {
			if err := s.write(to, t.Text); err != nil {
				return err
			}
		}
		fmt.Fprintln(s.Out, to)
	}
	if only && stale {
		return s.Told
	}
	return nil
}

// importPath is how a module in a folder names a file.
func importPath(dir, file string) string {
	from, err := filepath.Abs(dir)
	to, bad := filepath.Abs(file)
	rel, apart := filepath.Rel(from, to)
	if errors.Join(err, bad, apart) != nil {
		return filepath.ToSlash(file)
	}
	if rel = filepath.ToSlash(rel); !strings.HasPrefix(rel, ".") {
		rel = "./" + rel
	}
	return rel
}
