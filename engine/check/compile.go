package check

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check/naming"
	"github.com/stile-id/stile/engine/check/wiring"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/engine/verdict"
)

// Source is one flow with the texts beside it.
type Source struct {
	Flow   *flow.Flow
	Hooks  []byte                            // contents of Flow.Hooks; nil when there is none
	Import func(path string) ([]byte, error) // modules the hooks import
}

// World is what a flow may refer to.
type World struct {
	Registry  action.Registry
	Hooks     Hooks
	Flow      func(name string) (Source, bool)
	Flows     func() []string // names of all flows, for hints; may be nil
	Connector func(name string) bool
	Provider  func(name string) bool
	Consent   string // action run at the end for clients that ask for consent; "" for none
}

// MaxNodes bounds a program with all its sub-flows.
const MaxNodes = 20_000

// Compiler compiles flows of one world; it keeps what they share. Not for use by several goroutines.
type Compiler struct {
	world   World
	schemas *settings.Schemas
	sets    map[string]hookSet
}

// NewCompiler returns a compiler for flows that refer to w.
func NewCompiler(w World) *Compiler {
	return &Compiler{world: w, schemas: settings.NewSchemas(), sets: map[string]hookSet{}}
}

// Compile checks a flow and makes its program. The program is nil when any problem is an error.
func (c *Compiler) Compile(src Source) (*Program, diag.Problems) {
	b := &build{c: c, seen: map[string]bool{}, bound: map[*flow.Step]binding{}, hash: sha256.New(),
		program: &Program{Name: src.Flow.Name, At: src.Flow.At, Nodes: map[string]*Node{}}}
	b.accept(src.Flow)
	for _, in := range src.Flow.Inputs {
		b.program.Callable = b.program.Callable || in.Default == nil
	}
	b.program.Inputs = src.Flow.Inputs
	b.program.Start = b.flow(src, "", nil)
	b.consent()
	b.problems = b.problems.Unique()
	b.program.Flawed = b.flawed
	if b.problems.Failed() {
		return nil, b.problems
	}
	b.program.Hash = hex.EncodeToString(b.hash.Sum(nil))[:32]
	return b.program, b.problems
}

type build struct {
	c        *Compiler
	program  *Program
	problems diag.Problems
	seen     map[string]bool // flows whose own problems have been told
	flawed   bool            // a flow could not be read whole: nothing is said of what follows from that
	hash     interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
	}
	bound   map[*flow.Step]binding
	calling []string
}

// binding is a step's settings and what its action makes of them.
type binding struct {
	with     *settings.Settings
	bound    action.Bound
	problems diag.Problems // of the settings' templates
	err      error
}

// bind binds a step once; a flow called twice has the same steps.
func (b *build) bind(a action.Action, s *flow.Step) binding {
	made, known := b.bound[s]
	if !known {
		made.with = settings.Of(s.With, &made.problems)
		made.bound, made.err = a.Bind(made.with.ContractJSON())
		b.bound[s] = made
	}
	return made
}

func (b *build) add(code string, at diag.Pos, hint, format string, args ...any) {
	b.problems.Add(code, at, hint, format, args...)
}

func (b *build) accept(f *flow.Flow) {
	for _, a := range f.Accept {
		for i, name := range a.AnyOf {
			if _, _, ok := verdict.Any(name); !ok && name != "" {
				naming.Fact(&b.problems, a.Facts[i], name)
			}
		}
		formula, _, ok := verdict.Any(a.AnyOf...)
		if !ok {
			continue
		}
		b.program.Accept = append(b.program.Accept, verdict.Assurance{Name: a.Name, Formula: formula})
		b.program.AcceptAt = append(b.program.AcceptAt, a.At)
	}
}

// flow adds the nodes of a flow below scope and returns the path of its first one. ret is nil at the outermost level.
func (b *build) flow(src Source, scope string, ret func(end string) string) string {
	f := src.Flow
	first := !b.seen[f.Name]
	b.seen[f.Name] = true
	fmt.Fprintf(b.hash, "%s\x00%s\x00%s\x00%x\x00", scope, f.Name, f.Hash, sha256.Sum256(src.Hooks))
	b.flawed = b.flawed || f.Flawed
	set, cases := b.hooks(src, scope)
	vars := map[string]flow.Variable{}
	for _, v := range f.Vars {
		if first {
			naming.Default(&b.problems, v)
		}
		vars[v.Name] = v
	}
	wiring.Start(&b.problems, f)
	for i := range f.Steps {
		if len(b.program.Nodes) > MaxNodes {
			wiring.TooLarge(&b.problems, f, MaxNodes)
			return ""
		}
		b.step(src, &f.Steps[i], scope, ret, set, cases[f.Steps[i].Name], vars)
	}
	return scope + f.Start
}

func (b *build) step(src Source, s *flow.Step, scope string, ret func(string) string, set HookSet, cases []string, vars map[string]flow.Variable) {
	a, known := b.c.world.Registry[s.Use]
	if !known {
		if s.Use != "" {
			naming.Action(&b.problems, s, slices.Sorted(maps.Keys(b.c.world.Registry)))
		}
		wiring.Targets(&b.problems, src.Flow, s)
		return
	}
	n := &Node{Path: scope + s.Name, Scope: scope, Step: s.Name, At: s.At, EdgeAt: map[action.Outcome]diag.Pos{}, Spec: a.Spec, Bind: a.Bind, Before: s.Before, After: s.After,
		Hooks: set, Cases: cases, Vars: vars, Inputs: src.Flow.Inputs, scriptless: src.Flow.Hooks == "", Next: map[action.Outcome]string{}}
	b.program.Nodes[n.Path] = n
	told := len(b.problems)
	fits, err := b.c.schemas.Fits(a.Spec.Config)
	if err == nil {
		n.Fits = fits
		err = b.c.schemas.Check("STILE-F10", a.Spec.Config, s.With, s.At, &b.problems)
	}
	if err != nil {
		b.add("STILE-F10", s.At, "", "the settings of %s cannot be checked: %v", s.Name, err)
		return
	}
	made := b.bind(a, s)
	n.With = made.with
	b.problems = append(b.problems, made.problems...)
	bound, err := made.bound, made.err
	if err != nil {
		if len(b.problems) == told {
			b.add("STILE-F10", settingAt(s, "", false), "see the action's page", "%v", err)
		}
		wiring.Targets(&b.problems, src.Flow, s)
		return
	}
	for _, p := range bound.Problems {
		b.add("STILE-F10", settingAt(s, p.Setting, p.OfKey), p.Hint, "%s", p.Message)
	}
	n.Contract = bound.Contract
	if n.Contract.Calls != "" {
		wiring.Around(&b.problems, s)
	}
	if _, static := n.With.Static(); static && s.Before == "" {
		n.Bound = &bound
	}
	b.expand(n)
	b.uses(s, n)
	b.wire(src.Flow, s, n, scope, ret)
	b.readings(s, n, set, cases)
	if n.Contract.Calls != "" {
		b.call(s, n, scope)
	}
}

// expand gives outcomes that name an assurance one alternative for each way to reach it.
func (b *build) expand(n *Node) {
	outcomes := slices.Clone(n.Contract.Outcomes)
	for i, o := range outcomes {
		for _, a := range b.program.Accept {
			if o.Assurance != "" && a.Name == o.Assurance {
				o.Gives = nil
				for _, set := range a.Formula {
					o.Gives = append(o.Gives, set.Closed().Union(verdict.Set(verdict.Identified)))
				}
			}
		}
		outcomes[i] = o
	}
	n.Contract.Outcomes = outcomes
}

// settingAt is the place of a setting's value, or of its name; of all settings when setting is "".
func settingAt(s *flow.Step, setting string, ofKey bool) diag.Pos {
	if s.With == nil {
		return s.At
	}
	if m := s.With.Member(setting); m != nil && ofKey {
		return m.At
	}
	if setting == "" {
		return s.With.At
	}
	if n, _ := s.With.Path(strings.Split(setting, "/")...); n != nil && n.At.Line > 0 {
		return n.At
	}
	return s.At
}

// consent adds the step that is walked after done for clients that ask for consent.
func (b *build) consent() {
	a, ok := b.c.world.Registry[b.c.world.Consent]
	if !ok {
		return
	}
	bound, err := a.Bind(nil)
	if err != nil {
		return
	}
	b.program.Nodes[ConsentPath] = &Node{Path: ConsentPath, Scope: "done/", Step: "consent", Spec: a.Spec, Bind: a.Bind,
		Bound: &bound, Contract: bound.Contract, With: settings.Of(nil, &b.problems),
		Next: map[action.Outcome]string{"allowed": End, "refused": EndDenied}}
}

// ConsentPath is the path of the consent step; `done` is no name a step of a flow may have.
const ConsentPath = "done/consent"
