package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
)

// Bounds on a test file.
const (
	maxSource = 4 << 20
	maxCases  = 5000
)

// Suffix is how the name of a test file ends.
const Suffix = ".test.yaml"

// begins is the hint for a text that is no test file at all.
const begins = "a test file begins with `flow: name` and `cases:`"

// Schema is the JSON Schema of test files.
func Schema() *action.Schema { return action.Describe[File]() }

// Read reads one test file and tells everything that is wrong with its form at once. The file is nil when there is an error. What
// it says about its flow is judged by Fit.
func Read(path string, source []byte) (*File, diag.Problems) {
	var ps diag.Problems
	if len(source) > maxSource {
		ps.Add("STILE-R01", diag.Pos{File: path}, "split it by the flows it tests", "the file is larger than %d MiB", maxSource>>20)
		return nil, ps
	}
	if len(bytes.TrimSpace(source)) == 0 {
		ps.Add("STILE-R01", diag.Pos{File: path, Line: 1, Col: 1}, begins, "the file is empty")
		return nil, ps
	}
	n, ps := flow.Parse(path, source)
	if n == nil {
		return nil, ps
	}
	if n.Kind != flow.Map {
		ps.Add("STILE-R01", n.At, begins, "this is %s where a map belongs", n.Kind)
		return nil, ps
	}
	if err := settings.NewSchemas().Check("STILE-R02", Schema(), n, n.At, &ps); err != nil {
		ps.Add("STILE-R02", n.At, "", "the file cannot be checked: %v", err)
	}
	r := reader{&File{Path: path, Source: source, root: n}, &ps}
	r.unions()
	if ps.Failed() {
		return nil, ps
	}
	r.decode()
	if !ps.Failed() {
		r.sound()
	}
	if ps.Failed() {
		return nil, ps
	}
	return r.f, ps
}

type reader struct {
	f  *File
	ps *diag.Problems
}

func (r reader) add(code string, at diag.Pos, hint, format string, args ...any) {
	r.ps.Add(code, at, hint, format, args...)
}

// unions judges what a schema words badly: values that may have several forms.
func (r reader) unions() {
	cases := r.f.root.Get("cases")
	if cases == nil {
		return
	}
	if len(cases.Items) > maxCases {
		r.add("STILE-R01", cases.At, "split the file", "the file has more than %d cases", maxCases)
	}
	for _, c := range cases.Items {
		if answers := c.Get("answers"); answers != nil {
			for _, a := range answers.Items {
				r.answer(a)
			}
		}
		if p := c.Get("pretend"); p != nil {
			for _, m := range p.Members {
				v := m.Value
				switch raw, _ := v.MarshalJSON(); {
				case v.Kind == flow.Null || v.Kind == flow.String && v.Text == "":
					r.add("STILE-R03", v.At, "name one of its outcomes, or error", "step %s is replaced by nothing", m.Key)
				case json.Unmarshal(raw, &Pretence{}) != nil:
					r.add("STILE-R03", v.At, "write an outcome, or { outcome: …, subject: …, output: …, proves: […] }", "step %s cannot be replaced by this", m.Key)
				}
			}
		}
	}
}

func (r reader) answer(a *flow.Node) {
	const form = "write { step: { field: text } } or { wait: 11m }"
	if a.Kind != flow.Map {
		return // the schema's words suffice
	}
	if len(a.Members) != 1 {
		r.add("STILE-R03", a.At, form+"; one entry for each", "an answer names one step, not %d", len(a.Members))
		return
	}
	m := a.Members[0]
	switch {
	case m.Key == wordWait && m.Value.Kind == flow.String:
		if _, err := action.ParseDuration(m.Value.Text); err != nil {
			r.add("STILE-R05", m.Value.At, "write a time span such as 30s, 5m or 12h", "%q is no time span", m.Value.Text)
		}
		return
	case m.Key == "", m.Value.Kind != flow.Map:
		r.add("STILE-R03", m.Value.At, form, "what is answered at %s is %s where a map of fields belongs", m.Key, m.Value.Kind)
		return
	}
	for _, f := range m.Value.Members {
		switch f.Key {
		case wordElsewhere:
			if f.Value.Kind != flow.Bool {
				r.add("STILE-R03", f.Value.At, "write true, or leave it out", "elsewhere is %s where true or false belongs", f.Value.Kind)
			}
		case wordProvider:
			if raw, _ := f.Value.MarshalJSON(); json.Unmarshal(raw, &Visit{}) != nil {
				r.add("STILE-R03", f.Value.At, "write claims, { error: access_denied } or down", "nobody comes back from a provider with this")
			}
		case wordFields:
			if f.Value.Kind != flow.Map {
				r.add("STILE-R03", f.Value.At, "write { field: text }", "fields is %s where a map belongs", f.Value.Kind)
				continue
			}
			for _, x := range f.Value.Members {
				r.text(x)
			}
		default:
			r.text(f)
		}
	}
}

func (r reader) text(m flow.Member) {
	if m.Value.Kind != flow.String {
		r.add("STILE-R03", m.Value.At, "write a text, in quotes where it looks like something else", "field %s is %s where a text belongs", m.Key, m.Value.Kind)
	}
}

// decodes reads a value alone, for an error in its place.
func (r reader) decodes(n *flow.Node, into any) {
	raw, _ := n.MarshalJSON()
	if err := json.Unmarshal(raw, into); err != nil {
		r.add("STILE-R05", n.At, "see docs/guides/testing.md", "this cannot be read: %v", err)
	}
}

// decode fills the file in, case by case.
func (r reader) decode() {
	for _, m := range r.f.root.Members {
		if m.Key == "cases" {
			for _, c := range m.Value.Items {
				var one Case
				r.times(c.Get("given"))
				if v := c.Get("verdict").Get("auth_time"); v != nil {
					r.time(v)
				}
				if r.ps.Failed() {
					continue
				}
				r.decodes(c, &one)
				one.At = c.At
				if name := c.Get("name"); name != nil {
					one.At = name.At
				}
				r.f.Cases = append(r.f.Cases, one)
			}
			continue
		}
		if m.Key == "given" {
			r.times(m.Value)
		}
		if !r.ps.Failed() {
			r.decodes(&flow.Node{Kind: flow.Map, At: m.Value.At, Members: []flow.Member{m}}, r.f)
		}
	}
}

// times judges the times and spans of what is given, each in its place.
func (r reader) times(given *flow.Node) {
	if v := given.Get("clock"); v != nil {
		r.time(v)
	}
	sessions := given.Get("sessions")
	if sessions == nil {
		return
	}
	for _, s := range sessions.Items {
		if v := s.Get("age"); v != nil {
			if _, err := action.ParseDuration(v.Text); err != nil {
				r.add("STILE-R05", v.At, "write a time span such as 30s, 5m or 12h", "%q is no time span", v.Text)
			}
		}
	}
}

func (r reader) time(v *flow.Node) {
	t, err := time.Parse(time.RFC3339, v.Text)
	if err != nil || t.Year() < 2000 || t.Year() > 2200 {
		r.add("STILE-R05", v.At, "write 2026-01-05T09:00:00Z", "%q is no time between 2000 and 2200", v.Text)
	}
}

// sound judges what the values say of each other.
func (r reader) sound() {
	if r.f.Flow == "" {
		r.add("STILE-R02", r.at("flow"), "name the flow", "the file tests no flow")
	}
	names := map[string]int{}
	r.given(r.f.Given, &Given{}, "given")
	r.scripts(r.f.Before(nil).Connectors, "given", "connectors")
	for i := range r.f.Cases {
		c, at := &r.f.Cases[i], []string{"cases", strconv.Itoa(i)}
		if first, twice := names[c.Name]; twice {
			r.add("STILE-R04", c.At, "give each a name of its own", "case %d is called the same", first+1)
		}
		names[c.Name] = i
		if c.Name == "" {
			r.add("STILE-R02", c.At, "say in a sentence what should be so", "the case has no name")
		}
		all := r.f.Before(c)
		r.given(c.Given, r.f.Given, append(at, "given")...)
		r.refers(c, all, at)
		r.expects(c, at)
		r.scripts(c.Connectors, append(at, "connectors")...)
	}
}

func (r reader) at(path ...string) diag.Pos {
	n, _ := r.f.root.Path(path...)
	return n.At
}

// given judges accounts and sessions; those of the file are told once.
func (r reader) given(g, file *Given, at ...string) {
	if g == nil {
		return
	}
	if file == nil {
		file = &Given{}
	}
	ids := map[string]bool{}
	for i, a := range g.Accounts {
		where := r.at(append(at, "accounts", strconv.Itoa(i), "id")...)
		switch {
		case slices.Contains([]string{"new", "stranger", "cancelled"}, a.ID):
			r.add("STILE-R04", where, "call the account otherwise", "%q is a word of its own in test files", a.ID)
		case ids[a.ID]:
			r.add("STILE-R04", where, "give each an id of its own", "account %s is here twice", a.ID)
		case a.MustChange && a.Password == "":
			r.add("STILE-R07", where, "give it a `password:`", "account %s must change a password it does not have", a.ID)
		}
		ids[a.ID] = true
	}
	for _, a := range file.Accounts {
		ids[a.ID] = true
	}
	seen := map[string]bool{}
	for i, s := range g.Sessions {
		where := append(slices.Clone(at), "sessions", strconv.Itoa(i))
		switch {
		case s.ID == "none":
			r.add("STILE-R04", r.at(append(where, "id")...), "call the session otherwise", "%q is a word of its own in test files", s.ID)
		case seen[s.ID]:
			r.add("STILE-R04", r.at(append(where, "id")...), "give each an id of its own", "session %s is here twice", s.ID)
		}
		seen[s.ID] = true
		if !ids[s.Account] {
			r.missing(r.at(append(where, "account")...), "account", s.Account, ids)
		}
		for j, p := range s.Proved {
			if p != "password" && p != "passkey" {
				r.add("STILE-R05", r.at(append(where, "proved", strconv.Itoa(j))...), "write password or passkey", "a session cannot have proved %q", p)
			}
		}
	}
}

// refers judges that what a case names is given.
func (r reader) refers(c *Case, all Given, at []string) {
	accounts, sessions := map[string]bool{}, map[string]bool{}
	for _, a := range all.Accounts {
		accounts[a.ID] = true
	}
	for _, s := range all.Sessions {
		sessions[s.ID] = true
	}
	if q := all.For(c); q.Session != "" && !sessions[q.Session] {
		r.missing(r.at(append(at, "request", "session")...), "session", q.Session, sessions)
	}
	if v := c.Verdict; v != nil && v.Subject != "" && v.Subject != "new" && !accounts[v.Subject] {
		r.missing(r.at(append(at, "verdict", "subject")...), "account", v.Subject, accounts)
	}
	for step, p := range c.Pretend {
		if p.Subject != "" && !accounts[p.Subject] {
			r.missing(r.at(append(at, "pretend", step, "subject")...), "account", p.Subject, accounts)
		}
	}
	for i, a := range c.Answers {
		where := append(slices.Clone(at), "answers", strconv.Itoa(i))
		switch a.Passkey {
		case "", "new", "stranger", "cancelled":
		default:
			if !accounts[a.Passkey] {
				r.missing(r.at(append(where, a.Step, wordPasskey)...), "account", a.Passkey, accounts)
			}
		}
	}
}

func (r reader) missing(at diag.Pos, what, name string, known map[string]bool) {
	var names []string
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	hint := "add it below `given: { " + what + "s: … }`"
	if near := flow.Nearest(name, names); near != "" {
		hint = "did you mean `" + near + "`?"
	}
	r.add("STILE-R06", at, hint, "no %s %q is given", what, name)
}

// expects judges that a case expects something, and nothing that excludes itself.
func (r reader) expects(c *Case, at []string) {
	var ends []string
	for _, e := range []struct {
		name string
		set  bool
	}{{"verdict", c.Verdict != nil}, {"denied", c.Denied != nil}, {"prompt", c.Prompt != nil}} {
		if e.set {
			ends = append(ends, e.name)
		}
	}
	switch {
	case len(ends) > 1:
		r.add("STILE-R07", r.at(append(at, ends[1])...), "a journey ends in one way; make two cases of it", "the case expects %s", strings.Join(ends, " and "))
	case len(ends) == 0 && c.Trail == nil && c.Mail == nil && !c.Golden:
		r.add("STILE-R07", c.At, "add verdict, denied, prompt, trail or mail", "the case expects nothing")
	}
	for i, e := range c.Trail {
		if step, outcome, ok := strings.Cut(e, "."); !ok || step == "" || outcome == "" || strings.Contains(outcome, ".") {
			r.add("STILE-R05", r.at(append(at, "trail", strconv.Itoa(i))...), "write step.outcome", "%q is no entry of a trail", e)
		}
	}
}

func (r reader) scripts(scripts map[string][]Exchange, at ...string) {
	for name, list := range scripts {
		for i, x := range list {
			where := r.at(append(slices.Clone(at), name, strconv.Itoa(i))...)
			switch _, called, n := x.Call(); {
			case n != 1:
				r.add("STILE-R07", where, "write get, post or put", "a scripted call has one method and its path, this one has %s", count(n, "method"))
			case !strings.HasPrefix(called, "/") || malformed(called):
				r.add("STILE-R05", where, "write a path such as /customers/ann or /customers/*", "%q is no path of a call", called)
			}
		}
	}
}

func malformed(pattern string) bool {
	_, err := path.Match(pattern, "")
	return err != nil
}

// Call is the method and path of an exchange, and how many were given.
func (x Exchange) Call() (method, called string, n int) {
	for _, c := range []struct{ method, path string }{{"GET", x.Get}, {"POST", x.Post}, {"PUT", x.Put}} {
		if c.path != "" {
			method, called, n = c.method, c.path, n+1
		}
	}
	return method, called, n
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
