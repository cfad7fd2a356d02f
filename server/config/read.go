package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/server/seal"
)

// File is a settings file that was read and found sound.
type File struct {
	Settings
	Path    string
	Dir     string         // relative paths and file: references start here
	Trusted []netip.Prefix // Proxies, parsed
	// Inner are secrets that the token handlers' clients have in this process alone, by client; made on reading.
	Inner map[string]seal.Secret

	root   *flow.Node
	source []byte
}

// FlowsDir is the folder of flows that the settings name.
func (f *File) FlowsDir() string {
	dir := f.Flows
	if dir == "" {
		dir = "flows"
	}
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(f.Dir, dir)
}

// maxSource bounds a settings file, in bytes.
const maxSource = 4 << 20

// Schema is the JSON Schema of the settings file.
func Schema() *action.Schema { return action.Describe[Settings]() }

// Load reads and checks a settings file.
func Load(path string) (*File, diag.Problems, diag.Sources) {
	source, err := os.ReadFile(path)
	if err != nil {
		var ps diag.Problems
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		ps.Add("STILE-C01", diag.Pos{File: path}, "name them with --config; `stile init DIR` writes settings that run", "the settings cannot be read: %v", err)
		return nil, ps, nil
	}
	f, ps := Read(path, source)
	return f, ps, diag.Sources{path: source}
}

// Read checks the text of a settings file and tells everything that is wrong with it at once. The file is nil when there is an error.
func Read(path string, source []byte) (*File, diag.Problems) {
	if len(source) > maxSource {
		var ps diag.Problems
		ps.Add("STILE-C02", diag.Pos{File: path}, "", "settings have at most %d MiB", maxSource>>20)
		return nil, ps
	}
	if len(bytes.TrimSpace(source)) == 0 {
		var ps diag.Problems
		ps.Add("STILE-C02", diag.Pos{File: path}, "begin with `issuer: https://…`; `stile init DIR` writes settings that run", "the file is empty")
		return nil, ps
	}
	n, ps := flow.Parse(path, source)
	if n == nil {
		return nil, ps
	}
	if n.Kind != flow.Map {
		ps.Add("STILE-C02", n.At, "begin with `issuer: https://…`", "settings are a map")
		return nil, ps
	}
	if err := settings.NewSchemas().Check("STILE-C02", Schema(), n, n.At, &ps); err != nil {
		ps.Add("STILE-C02", n.At, "", "the settings cannot be checked: %v", err)
		return nil, ps
	}
	f := &File{Path: path, Dir: filepath.Dir(path), root: n, source: source}
	if err := decode(n, &f.Settings); err != nil {
		unreadable(n, &ps)
		if !ps.Failed() {
			ps.Add("STILE-C02", n.At, "see docs/reference/settings.md", "%v", err)
		}
	}
	c := &checker{File: f, malformed: ps}
	c.check()
	ps = append(ps, c.problems...)
	if ps.Failed() {
		return nil, ps
	}
	return f, ps
}

// Draft reads settings as far as they go, for tools that start nothing and need no secret: whatever Read finds wrong is left to be told by it.
// It is nil for what is no settings at all.
func Draft(path string, source []byte) *File {
	if len(source) > maxSource {
		return nil
	}
	n, _ := flow.Parse(path, source)
	if n == nil || n.Kind != flow.Map {
		return nil
	}
	f := &File{Path: path, Dir: filepath.Dir(path), root: n, source: source}
	if decode(n, &f.Settings) != nil {
		return nil
	}
	return f
}

// At is the place of a setting, named by its keys and list indexes; where it is left out, that of what would hold it.
func (f *File) At(path ...string) diag.Pos {
	if v, _ := f.root.Path(path...); v != nil && v.At.Line > 0 {
		return v.At
	}
	return diag.Pos{File: f.Path}
}

// Sources is the text of the settings, for showing problems under their lines.
func (f *File) Sources() diag.Sources { return diag.Sources{f.Path: f.source} }

func decode(n *flow.Node, into *Settings) error {
	raw, err := n.MarshalJSON()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return err
	}
	if u, err := url.Parse(into.Issuer); into.Name == "" && err == nil { // pages, mail and passkeys have to call it something
		into.Name = u.Hostname()
	}
	return nil
}

// unreadable finds which values cannot be read although their form is right, such as a time span of a thousand years: each
// is read alone, in its place.
func unreadable(n *flow.Node, ps *diag.Problems) {
	malformed := *ps
	var walk func(n *flow.Node, around func(*flow.Node) *flow.Node)
	walk = func(n *flow.Node, around func(*flow.Node) *flow.Node) {
		for _, v := range n.Items {
			walk(v, func(x *flow.Node) *flow.Node {
				return around(&flow.Node{Kind: flow.List, Items: []*flow.Node{x}})
			})
		}
		for _, m := range n.Members {
			walk(m.Value, func(x *flow.Node) *flow.Node {
				return around(&flow.Node{Kind: flow.Map, Members: []flow.Member{{Key: m.Key, Value: x}}})
			})
		}
		if n.Kind != flow.String && n.Kind != flow.Number || touched(n, malformed) {
			return
		}
		var alone Settings
		var kind *json.UnmarshalTypeError
		switch err := decode(around(n), &alone); {
		case errors.As(err, &kind):
			ps.Add("STILE-C02", n.At, "see docs/reference/settings.md", "%s is out of range here", strconv.Quote(n.Text))
		case err != nil:
			ps.Add("STILE-C02", n.At, "see docs/reference/settings.md", "%v", err)
		}
	}
	walk(n, func(x *flow.Node) *flow.Node { return x })
}

// touched reports whether a problem lies on one of the lines of a value.
func touched(n *flow.Node, ps diag.Problems) bool {
	lines := map[int]bool{}
	n.Walk(func(x *flow.Node) {
		lines[x.At.Line] = true
		for _, m := range x.Members {
			lines[m.At.Line] = true
		}
	})
	for _, p := range ps {
		if lines[p.At.Line] {
			return true
		}
	}
	return false
}
