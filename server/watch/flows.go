package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/identity"
)

// Versions keeps the text of flow versions that journeys may still be pinned to.
type Versions interface {
	PutFlowVersion(ctx context.Context, name, hash string, source []byte, at time.Time) error
	FlowVersion(ctx context.Context, name, hash string) ([]byte, error)
}

// Flows serves the compiled flows of a folder. It implements run.Programs. Safe for use by many goroutines.
type Flows struct {
	// Fits judges a set of flows that checked against what else must hold, such as what clients may start; nil: nothing else must.
	// It is set before the first Load.
	Fits func(Compiled) (diag.Problems, diag.Sources)
	// Keyed is a keyed hash, the same on every node, by which people are dealt out to candidates; nil: a plain one.
	Keyed func(text string) string

	world    check.World
	versions Versions
	now      func() time.Time
	log      *slog.Logger

	compiling sync.Mutex // held while an old version is made again

	mu         sync.RWMutex
	current    map[string]*check.Program
	known      map[string]*check.Program // by name and hash; nil: cannot be compiled any more
	read       [sha256.Size]byte         // of the folder last looked at
	candidates map[string]Candidate
	rolledBack map[string]string // flow@version to why
	refused    diag.Problems     // of a candidate that was not taken
	sources    diag.Sources
}

// New returns Flows without any; call Load.
func New(world check.World, v Versions, now func() time.Time, log *slog.Logger) *Flows {
	return &Flows{world: world, versions: v, now: now, log: log, current: map[string]*check.Program{}, known: map[string]*check.Program{}}
}

// Load reads the folder and takes its flows if all of them check. What was served before stays otherwise. Problems and the
// texts they are about are returned for whoever wants to print them; the error is for a folder that cannot be read.
func (f *Flows) Load(ctx context.Context, fsys fs.FS) (diag.Problems, diag.Sources, error) {
	folder, err := ReadFolder(fsys)
	if err != nil {
		return nil, nil, err
	}
	sum := hash(folder)
	f.mu.RLock()
	same := sum == f.read
	f.mu.RUnlock()
	if same {
		return nil, nil, nil
	}
	set := Compile(folder, f.world)
	if set.Programs != nil && f.Fits != nil {
		f.fits(&set)
	}
	if set.Programs == nil {
		f.mu.Lock()
		f.read, f.refused, f.sources = sum, set.Problems, set.Sources
		f.mu.Unlock()
		return set.Problems, set.Sources, nil
	}
	// Written down before the first journey is pinned to it; when that fails the next look tries again.
	if err := f.keep(ctx, folder, append(f.changed(set.Programs), f.fresh(set.Candidates)...)); err != nil {
		return set.Problems, set.Sources, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, p := range set.Programs {
		f.known[name+"@"+p.Hash] = p
	}
	for name, c := range set.Candidates {
		f.known[name+"@"+c.Program.Hash] = c.Program
	}
	f.candidates = set.Candidates
	f.read, f.current, f.refused, f.sources = sum, set.Programs, nil, set.Sources
	return set.Problems, set.Sources, nil
}

// fits judges a set, and what it would be with each candidate in its flow's place; a set that does not fit has no programs.
func (f *Flows) fits(set *Compiled) {
	judged := []Compiled{*set}
	for _, name := range slices.Sorted(maps.Keys(set.Candidates)) {
		judged = append(judged, set.With(name))
	}
	for _, c := range judged {
		problems, sources := f.Fits(c)
		set.Problems = append(set.Problems, problems...)
		maps.Copy(set.Sources, sources)
	}
	if set.Problems = set.Problems.Unique(); set.Problems.Failed() {
		set.Programs, set.Candidates = nil, nil
	}
}

// fresh lists candidates that are not let out already.
func (f *Flows) fresh(list map[string]Candidate) []*check.Program {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []*check.Program
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if old, ok := f.candidates[name]; !ok || old.Program.Hash != list[name].Program.Hash {
			out = append(out, list[name].Program)
		}
	}
	return out
}

// changed lists the programs that are not served already, by name.
func (f *Flows) changed(programs map[string]*check.Program) []*check.Program {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []*check.Program
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if old := f.current[name]; old == nil || old.Hash != programs[name].Hash {
			out = append(out, programs[name])
		}
	}
	return out
}

// keep writes new versions down, so that journeys pinned to them survive a restart.
func (f *Flows) keep(ctx context.Context, folder Folder, changed []*check.Program) error {
	if len(changed) == 0 {
		return nil
	}
	raw, err := pack(folder)
	if err != nil {
		return err
	}
	for _, p := range changed {
		if err := f.versions.PutFlowVersion(ctx, p.Name, p.Hash, raw, f.now()); err != nil {
			return err
		}
		f.log.Info("flow loaded", "flow", p.Name, "version", p.Hash)
	}
	return nil
}

// Current implements run.Programs.
func (f *Flows) Current(name string) (*check.Program, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	p, ok := f.current[name]
	return p, ok
}

// Version implements run.Programs: a version not in memory is compiled from the text the ledger kept.
func (f *Flows) Version(ctx context.Context, name, hash string) (*check.Program, error) {
	look := func() (p *check.Program, known bool) {
		f.mu.RLock()
		defer f.mu.RUnlock()
		p, known = f.known[name+"@"+hash]
		return p, known
	}
	if p, known := look(); known {
		return p, nil
	}
	f.compiling.Lock() // after a restart many journeys ask for one version at once: it is compiled once
	defer f.compiling.Unlock()
	if p, known := look(); known {
		return p, nil
	}
	raw, err := f.versions.FlowVersion(ctx, name, hash)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("version %s of flow %s: %w", hash, name, err)
	}
	folder, err := unpack(raw)
	if err != nil {
		f.log.Error("flow version not read", "flow", name, "version", hash, "cause", err.Error())
		return nil, nil
	}
	var p *check.Program
	set := Compile(folder, f.world)
	if p = set.Programs[name]; p == nil || p.Hash != hash {
		p = set.Candidates[name].Program
	}
	if p != nil && p.Hash != hash {
		p = nil
	}
	if p == nil {
		f.log.Warn("a flow version cannot be compiled any more; its journeys start again", "flow", name, "version", hash)
	}
	f.mu.Lock()
	f.known[name+"@"+hash] = p
	f.mu.Unlock()
	return p, nil
}

// All is the set of programs served, by flow name.
func (f *Flows) All() map[string]*check.Program {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return maps.Clone(f.current)
}

// Names lists the flows served, sorted.
func (f *Flows) Names() []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []string
	for name := range f.current {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Accepts lists the acrs a flow may end with.
func (f *Flows) Accepts(name string) []string {
	p, ok := f.Current(name)
	if !ok {
		return nil
	}
	var out []string
	for _, a := range p.Accept {
		out = append(out, a.Name)
	}
	return out
}

// Refused returns why the newest text is not served; nil when it is.
func (f *Flows) Refused() (diag.Problems, diag.Sources) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.refused, f.sources
}

func hash(folder Folder) [sha256.Size]byte {
	h := sha256.New()
	for _, name := range slices.Sorted(keys(folder)) {
		sum := sha256.Sum256(folder[name])
		h.Write([]byte(strings.ReplaceAll(name, "\x00", "") + "\x00"))
		h.Write(sum[:])
	}
	var out [sha256.Size]byte
	h.Sum(out[:0])
	return out
}
