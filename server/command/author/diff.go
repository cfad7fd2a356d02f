package author

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/proof/compare"
	"github.com/stile-id/stile/server/app/workshop"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/watch"
)

func diffFlows(s Console) *cobra.Command {
	var settings string
	var strict, asJSON bool
	c := &cobra.Command{Use: "diff OLD NEW", Short: "Say what changed in a flow and what that means for assurance", Args: cobra.ExactArgs(2),
		Long: "Compares two versions of a flow, each a file or a folder of flows. Flows and hooks that are not beside a file are taken from the folder of the settings. " +
			"Says what is written differently, and what that means: ends that are possible with less than before, with a path and the clients it counts for, " +
			"acrs that are reached no more or newly. Exits with 1 when a version does not check; with --strict, also when anything is possible with less.",
		RunE: func(c *cobra.Command, args []string) error {
			d := differ{Console: s}
			if err := d.open(c, settings); err != nil {
				return err
			}
			reports, refused, err := d.compare(args[0], args[1])
			if err = errors.Join(err, d.bench.Close()); err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(s.Out)
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				err = e.Encode(map[string]any{"format": 1, "flows": reports})
			} else {
				tell(s, reports)
			}
			worse := slices.ContainsFunc(slices.Collect(maps.Values(reports)), func(r compare.Report) bool {
				return slices.ContainsFunc(r.Meanings, func(m compare.Meaning) bool { return m.Kind == compare.Weaker })
			})
			if err == nil && (refused || strict && worse) {
				return s.Told
			}
			return err
		}}
	s.Settings(c, &settings)
	c.Flags().BoolVar(&strict, "strict", false, "exit with 1 when anything is possible with less than before")
	c.Flags().BoolVar(&asJSON, "json", false, "write the difference as JSON")
	return c
}

// differ compares versions in the world that settings declare.
type differ struct {
	Console
	bench *workshop.Workshop
	file  *config.File
	base  string // folder of the settings' flows; "" without settings
}

func (d *differ) open(c *cobra.Command, settings string) (err error) {
	switch _, missing := os.Stat(settings); {
	case missing == nil || c.Flags().Changed("config"):
		if d.file, err = d.Load(settings); err != nil {
			return err
		}
		d.base = d.file.FlowsDir()
	case !errors.Is(missing, fs.ErrNotExist):
		return missing
	}
	d.bench, err = workshop.New(d.file, d.Logger("error"))
	return err
}

// side is one version: every flow of a folder, of which only the one named is compared when the version is a file.
type side struct {
	set  watch.Compiled
	flow string // "" for a folder
	text watch.Folder
}

func (d *differ) side(name string) (side, error) {
	if isDir(name) {
		folder, err := watch.ReadFolder(os.DirFS(name))
		if err != nil {
			return side{}, err
		}
		return side{set: d.bench.Compile(folder), text: folder}, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return side{}, err
	}
	f, problems := flow.Read(name, text)
	if f == nil || f.Name == "" {
		diag.Render(d.Err, problems, diag.Sources{name: text})
		return side{}, d.Told
	}
	base := d.base
	if base == "" {
		base = filepath.Dir(name)
	}
	folder, err := watch.ReadFolder(os.DirFS(base))
	if err != nil {
		return side{}, err
	}
	at := f.Name + ".yaml"
	for file := range folder { // the version takes the place of the flow
		if stem := strings.TrimSuffix(path.Base(file), path.Ext(file)); stem == f.Name && isYAML(file) {
			at = file
		}
	}
	folder[at] = text
	if f.Hooks != "" {
		if hooks, err := fs.ReadFile(os.DirFS(filepath.Dir(name)), f.Hooks); err == nil {
			folder[path.Join(path.Dir(at), f.Hooks)] = hooks
		}
	}
	return side{set: d.bench.Compile(folder), flow: f.Name, text: folder}, nil
}

// compare compares flow by flow. refused: one of the versions does not check; why is printed.
func (d *differ) compare(oldName, newName string) (reports map[string]compare.Report, refused bool, err error) {
	old, err := d.side(oldName)
	if err != nil {
		return nil, false, err
	}
	new, err := d.side(newName)
	if err != nil {
		return nil, false, err
	}
	for name, s := range map[string]side{oldName: old, newName: new} {
		if s.set.Programs == nil {
			refused = true
			fmt.Fprintf(d.Err, "%s does not check:\n\n", name)
			diag.Render(d.Err, s.set.Problems, s.set.Sources)
			fmt.Fprintln(d.Err)
		}
	}
	if old.flow != new.flow && old.flow != "" && new.flow != "" {
		return nil, refused, d.Misuse(fmt.Errorf("%s is flow %s, %s is flow %s", oldName, old.flow, newName, new.flow))
	}
	before, after := written(old.text), written(new.text)
	reports = map[string]compare.Report{}
	only := old.flow + new.flow
	for name := range maps.Keys(both(before, after)) {
		a, b := before[name], after[name]
		if only != "" && name != old.flow && name != new.flow {
			continue
		}
		switch {
		case a == nil:
			reports[name] = compare.Report{Changes: []compare.Change{{Kind: "added", What: "flow " + name, At: b.At}}, Meanings: []compare.Meaning{}}
		case b == nil:
			reports[name] = compare.Report{Changes: []compare.Change{{Kind: "removed", What: "flow " + name, At: a.At}}, Meanings: []compare.Meaning{}}
		default:
			r := compare.Versions(d.version(a, old), d.version(b, new), d.clients(name))
			if hooks := changedHooks(a, b, old.text, new.text); hooks != "" {
				r.Changes = append(r.Changes, compare.Change{Kind: "changed", What: "hooks in " + hooks, At: b.HooksAt})
			}
			reports[name] = r
		}
	}
	return reports, refused, nil
}

func (d *differ) version(f *flow.Flow, s side) compare.Version {
	return compare.Version{Flow: f, Program: s.set.Programs[f.Name], Proof: s.set.Proofs[f.Name]}
}

// clients are those that may start the flow.
func (d *differ) clients(name string) []compare.Client {
	var out []compare.Client
	if d.file == nil {
		return nil
	}
	for _, c := range d.file.Clients {
		if c.Flows.Has(name) {
			out = append(out, compare.Client{ID: c.ID, ACRs: c.ACR})
		}
	}
	return out
}

// written is the flows of a folder as they are written.
func written(folder watch.Folder) map[string]*flow.Flow {
	out := map[string]*flow.Flow{}
	for file, text := range folder {
		if !watch.IsFlow(file) {
			continue
		}
		if f, _ := flow.Read(file, text); f != nil && f.Name != "" {
			out[f.Name] = f
		}
	}
	return out
}

func both(a, b map[string]*flow.Flow) map[string]*flow.Flow {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// changedHooks names the hook file when its text differs.
func changedHooks(a, b *flow.Flow, old, new watch.Folder) string {
	if a.Hooks == "" || a.Hooks != b.Hooks {
		return ""
	}
	if string(old[path.Join(path.Dir(a.File), a.Hooks)]) == string(new[path.Join(path.Dir(b.File), b.Hooks)]) {
		return ""
	}
	return b.Hooks
}

// tell prints the difference, flow by flow.
func tell(s Console, reports map[string]compare.Report) {
	any := false
	for _, name := range slices.Sorted(maps.Keys(reports)) {
		r := reports[name]
		if len(r.Changes)+len(r.Meanings) == 0 {
			continue
		}
		if any {
			fmt.Fprintln(s.Out)
		}
		any = true
		fmt.Fprintf(s.Out, "flow %s\n\nWhat changed\n", name)
		for _, c := range r.Changes {
			fmt.Fprintf(s.Out, "  %s\n", c)
		}
		if len(r.Changes) == 0 {
			fmt.Fprintln(s.Out, "  nothing in its own text")
		}
		if len(r.Changes) == 1 && r.Changes[0].What == "flow "+name {
			continue // it came or went whole
		}
		fmt.Fprintln(s.Out, "\nWhat it means for assurance")
		for _, m := range r.Meanings {
			sign := map[string]string{compare.Weaker: "!", compare.Lost: "-", compare.Gained: "+", compare.Stronger: "+"}[m.Kind]
			fmt.Fprintf(s.Out, "  %s %s\n", sign, m.Sentence)
		}
		if len(r.Meanings) == 0 {
			fmt.Fprintln(s.Out, "  nothing: every end proves what it proved before")
		}
	}
	if !any {
		fmt.Fprintln(s.Out, "no difference")
	}
}
