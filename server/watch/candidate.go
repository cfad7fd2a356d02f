package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/flow"
)

// With returns the folder with a text in the place of the flow it calls itself, and the file it took. beside reads what lies beside the
// text: the hook file it names. The folder given is not changed.
func (f Folder) With(text []byte, beside func(name string) ([]byte, error)) (out Folder, file string, err error) {
	read, _ := flow.Read("", text) // what is wrong with it is told when it is compiled
	if read == nil || read.Name == "" {
		return nil, "", fmt.Errorf("the candidate does not say which flow it is: write `flow: NAME` at its top")
	}
	out, file = maps.Clone(f), read.Name+".yaml"
	for name, have := range f {
		if !IsFlow(name) {
			continue
		}
		if old, _ := flow.Read(name, have); old != nil && old.Name == read.Name {
			file = name
		}
	}
	out[file] = text
	if read.Hooks != "" {
		// Hooks that do not lie beside the candidate are those of the folder.
		at := path.Join(path.Dir(file), read.Hooks)
		code, err := beside(read.Hooks)
		switch _, have := out[at]; {
		case err == nil:
			out[at] = code
		case !have || !errors.Is(err, fs.ErrNotExist):
			return nil, "", fmt.Errorf("hooks of the candidate: %w", err)
		}
	}
	return out, file, nil
}

// Differing are the programs of a set that are not the same in another.
func Differing(set, other map[string]*check.Program) map[string]*check.Program {
	out := map[string]*check.Program{}
	for name, p := range set {
		if o := other[name]; o == nil || o.Hash != p.Hash {
			out[name] = p
		}
	}
	return out
}
