// Package watch keeps the flows that are served in step with their folder: a set of flows is loaded as a whole or not at
// all, and journeys under way keep the version they started with.
package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/proof"
)

// Bounds on a folder of flows.
const (
	maxFiles = 2000
	maxBytes = 64 << 20
)

// Folder is the text of a folder of flows: file name to contents.
type Folder map[string][]byte

// ReadFolder reads what belongs to flows: .yaml, .yml, .json, .ts and .js, modules in folders too. Tests are no part of a flow.
func ReadFolder(fsys fs.FS) (Folder, error) {
	out, total := Folder{}, 0
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(d.Name(), ".") || strings.Contains(d.Name(), ".test.") || !slices.Contains([]string{".yaml", ".yml", ".json", ".ts", ".js"}, path.Ext(p)) {
			return nil
		}
		b, err := fs.ReadFile(fsys, p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		if total += len(b); total > maxBytes || len(out) >= maxFiles {
			return fmt.Errorf("more than %d files or %d MiB", maxFiles, maxBytes>>20)
		}
		out[p] = b
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read flows: %w", err)
	}
	return out, nil
}

// Compiled is a set of flows that checked.
type Compiled struct {
	Programs map[string]*check.Program
	Sound    map[string]*check.Program // those that checked, though others did not
	Flows    map[string]*flow.Flow     // as far as they could be read
	Proofs   map[string]proof.Result   // by flow, of those that compiled
	// Candidates are versions beside their flows, by flow: signin.candidate.yaml.
	Candidates map[string]Candidate
	Problems   diag.Problems // warnings and notes, or errors when Programs is nil
	Sources    diag.Sources
}

// Compile checks all flows of a folder. world's Flow is filled in.
func Compile(folder Folder, world check.World) Compiled {
	out := Compiled{Sources: diag.Sources{}, Sound: map[string]*check.Program{}, Flows: map[string]*flow.Flow{}, Proofs: map[string]proof.Result{}}
	sources, candidates := map[string]check.Source{}, map[string]check.Source{}
	var names []string
	for _, file := range slices.Sorted(keys(folder)) {
		out.Sources[file] = folder[file]
		candidate := isCandidate(file)
		if !IsFlow(file) && !candidate {
			continue
		}
		f, ps := flow.Read(file, folder[file])
		out.Problems = append(out.Problems, ps...)
		if f == nil {
			continue
		}
		if want := strings.TrimSuffix(strings.TrimSuffix(path.Base(file), path.Ext(file)), ".candidate"); f.Name != "" && f.Name != want {
			out.Problems.Add("STILE-F12", f.At, "rename the flow to "+want+", or the file to "+f.Name+strings.TrimPrefix(path.Base(file), want), "the flow in %s calls itself %s", file, f.Name)
		}
		switch {
		case candidate && f.Rollout == nil:
			out.Problems.Add("STILE-F04", f.At, "add `rollout: { candidate: 10% }`", "the candidate has no %q", "rollout")
		case !candidate && f.Rollout != nil:
			out.Problems.Add("STILE-F12", f.Rollout.At, "move the changed flow to "+f.Name+".candidate.yaml, beside the old one", "a rollout belongs in a candidate's file")
		}
		if twin, twice := sources[f.Name]; twice && f.Name != "" && !candidate {
			out.Problems.Add("STILE-F12", f.At, "rename one of them", "flow %s is also in %s", f.Name, twin.Flow.File)
			continue
		}
		src := check.Source{Flow: f, Import: importer(folder)}
		if f.Hooks != "" {
			if code, ok := folder[path.Join(path.Dir(file), f.Hooks)]; ok {
				src.Hooks = code
				f.Hooks = path.Join(path.Dir(file), f.Hooks)
			}
		}
		if candidate {
			candidates[f.Name] = src
			continue
		}
		sources[f.Name] = src
		names = append(names, f.Name)
	}
	world.Flow = func(name string) (check.Source, bool) { s, ok := sources[name]; return s, ok }
	world.Flows = func() []string { return names }
	compiler := check.NewCompiler(world)
	for _, name := range names {
		out.Flows[name] = sources[name].Flow
		p, ps := compiler.Compile(sources[name])
		out.Problems = append(out.Problems, ps...)
		if p != nil {
			out.Sound[name] = p
			out.Proofs[name] = proof.Prove(p)
			out.Problems = append(out.Problems, out.Proofs[name].Problems...)
		}
	}
	out.candidates(candidates, sources, world)
	out.Problems = out.Problems.Unique()
	if out.Problems.Failed() {
		out.Candidates = nil
		return out
	}
	out.Programs = out.Sound
	return out
}

// candidates compiles versions beside their flows, each as if it stood in its flow's place.
func (out *Compiled) candidates(list, sources map[string]check.Source, world check.World) {
	out.Candidates = map[string]Candidate{}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		src := list[name]
		if _, ok := sources[name]; !ok {
			out.Problems.Add("STILE-F12", src.Flow.At, "write "+name+".yaml, or rename this file to it", "there is no flow %s that this could be a candidate of", name)
			continue
		}
		p, ps := check.NewCompiler(world).Compile(src)
		out.Problems = append(out.Problems, ps...)
		if p == nil || src.Flow.Rollout == nil {
			continue
		}
		c := Candidate{Program: p, Proof: proof.Prove(p), Rollout: *src.Flow.Rollout}
		out.Problems = append(out.Problems, c.Proof.Problems...)
		out.Candidates[name] = c
	}
}

// With is the set as it will be when a candidate is the flow itself.
func (out Compiled) With(name string) Compiled {
	c := out.Candidates[name]
	out.Programs, out.Proofs = maps.Clone(out.Programs), maps.Clone(out.Proofs)
	out.Programs[name], out.Proofs[name] = c.Program, c.Proof
	return out
}

// IsFlow tells the files of flows: neither their tests nor their candidates.
func IsFlow(file string) bool {
	ext := path.Ext(file)
	return (ext == ".yaml" || ext == ".yml" || ext == ".json") && !strings.Contains(path.Base(file), ".test.") && !isCandidate(file)
}

func isCandidate(file string) bool {
	return strings.HasSuffix(strings.TrimSuffix(file, path.Ext(file)), ".candidate") && slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(file))
}

func importer(folder Folder) func(string) ([]byte, error) {
	return func(p string) ([]byte, error) {
		if b, ok := folder[path.Clean(p)]; ok {
			return b, nil
		}
		return nil, fs.ErrNotExist
	}
}

func keys(f Folder) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range f {
			if !yield(k) {
				return
			}
		}
	}
}

// pack and unpack write a folder down for the ledger, so that a version can be compiled again after a restart.
func pack(f Folder) ([]byte, error) { return json.Marshal(f) }

func unpack(b []byte) (Folder, error) {
	var f Folder
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("stored flows: %w", err)
	}
	return f, nil
}
