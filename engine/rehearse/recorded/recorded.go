// Package recorded makes a test case of a recorded journey: what was read becomes what is given, what the person did becomes answers, and
// what came of it becomes what is expected. Secrets were never recorded; test secrets stand in their place. People get other names.
package recorded

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/verdict"
)

// What people of recorded cases type in the place of what nobody knows.
const (
	password    = "correct-horse-battery"
	newPassword = "granite-lantern-meadow"
	mistyped    = "not the password"
	wrongCode   = "000000"
)

// Case is a test file with one case that goes as the recorded journey went, as far as it was recorded; notes say what may be another.
func Case(turns []trail.Turn) (file *cases.File, notes []string, err error) {
	if len(turns) == 0 || turns[0].Request == nil {
		return nil, nil, fmt.Errorf("the journey's beginning was not kept")
	}
	r := &recorder{turns: turns, people: map[string]*cases.Account{}, made: map[string]bool{}, credentials: map[string]string{},
		providers: map[string]cases.Provider{}}
	r.entries, _, _ = trail.Effective(turns)
	r.meet()
	r.strangers()
	c := cases.Case{Name: fmt.Sprintf("recorded journey %.8s", turns[0].Journey), Request: r.request(), Connectors: map[string][]cases.Exchange{}, Pretend: map[string]cases.Pretence{}}
	r.outside(&c)
	r.answers(&c)
	for _, e := range r.entries {
		if e.Outcome != "" {
			c.Trail = append(c.Trail, e.Step+"."+e.Outcome)
		}
	}
	r.end(&c)
	given := &cases.Given{Clock: turns[0].At.UTC().Truncate(time.Second), Sessions: r.sessions, Providers: r.providers}
	for _, id := range slices.Sorted(maps.Keys(r.people)) {
		if a := r.people[id]; !r.made[id] {
			given.Accounts = append(given.Accounts, *a)
		}
	}
	for i, a := range given.Accounts {
		if a.Email == "" {
			given.Accounts[i].Email = a.ID + "@example.com"
		}
	}
	slices.SortFunc(given.Accounts, func(a, b cases.Account) int { return strings.Compare(a.ID, b.ID) })
	return &cases.File{Flow: turns[0].Flow, Given: given, Cases: []cases.Case{c}, Path: turns[0].Flow + ".test.yaml"}, r.notes, nil
}

type recorder struct {
	turns       []trail.Turn
	entries     []trail.Counted
	people      map[string]*cases.Account // by the id they had
	order       []string                  // of people, as they were met
	made        map[string]bool           // in this journey
	credentials map[string]string         // their ids to the names cases give them
	providers   map[string]cases.Provider
	sessions    []cases.Session
	swaps       []string // old and new words in turn
	notes       []string
}

func (r *recorder) note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(r.notes, s) {
		r.notes = append(r.notes, s)
	}
}

// person is the account that a recorded id stands for.
func (r *recorder) person(id string) *cases.Account {
	if a := r.people[id]; a != nil {
		return a
	}
	name := "ann"
	if n := len(r.people); n > 0 {
		name = fmt.Sprintf("person%d", n+1)
	}
	a := &cases.Account{ID: name}
	r.people[id] = a
	r.order = append(r.order, id)
	r.swaps = append(r.swaps, id, name)
	return a
}

// address gives somebody an address with the domain of the one that was recorded, and swaps the two everywhere.
func (r *recorder) address(a *cases.Account, typed string) {
	at := strings.LastIndexByte(typed, '@')
	if at < 1 || a.Email != "" {
		return
	}
	a.Email = a.ID + strings.ToLower(typed[at:])
	r.swaps = append(r.swaps, typed, a.Email, strings.ToLower(typed), a.Email)
}

// meet finds out who takes part: whose accounts were proved, by what, and what was read of them.
func (r *recorder) meet() {
	named, subject := "", ""
	for _, t := range r.turns {
		if t.Answer != nil && t.Answer.Fields["identifier"] != "" {
			named = t.Answer.Fields["identifier"]
		}
		for _, e := range t.Entries {
			who := subject
			if e.Subject != "" {
				who = e.Subject
			}
			for _, x := range e.Evidence {
				r.proved(x, who)
			}
			if e.Attempt != nil && !e.Attempt.Allowed && e.Outcome == "locked" {
				a := r.person("locked " + named)
				a.Tries, a.Password = 100, password
				r.address(a, named)
			}
			if subject != "" && t.Answer != nil {
				r.address(r.person(subject), t.Answer.Fields["username"])
			}
			if subject != "" {
				r.read(r.person(subject), e)
			}
			if e.Subject != "" && t.Cause == "" {
				subject = e.Subject
				a := r.person(subject)
				r.made[subject] = r.made[subject] || e.Outcome == "created"
				r.address(a, named)
				if e.Outcome == "must-change" || e.Use == "otp.email" && a.Password == "" {
					a.Password = password
				}
			}
		}
	}
}

// strangers get other names too: whoever was typed and nobody became.
func (r *recorder) strangers() {
	for _, t := range r.turns {
		if t.Answer == nil {
			continue
		}
		typed := t.Answer.Fields["identifier"]
		if at := strings.LastIndexByte(typed, '@'); at > 0 && !slices.Contains(r.swaps, typed) {
			r.swaps = append(r.swaps, typed, "somebody"+typed[at:], strings.ToLower(typed), "somebody"+strings.ToLower(typed[at:]))
		}
	}
}

// proved gives whoever proved something what they proved it with.
func (r *recorder) proved(x verdict.Evidence, who string) {
	if x.Outside != nil {
		p := cases.Provider{Title: x.Outside.Provider}
		switch {
		case x.Facts.Has(verdict.VouchedTwo):
			p.Vouches = "two-factor"
		case x.Facts.Has(verdict.VouchedOne):
			p.Vouches = "one-factor"
		}
		r.providers[x.Outside.Provider] = p
		if who != "" && x.Subject != "" {
			a := r.person(who)
			if a.Links == nil {
				a.Links = map[string]string{}
			}
			a.Links[x.Outside.Provider] = x.Outside.Subject
		}
	}
	if who == "" {
		return
	}
	a := r.person(who)
	switch x.Method {
	case "password":
		a.Password = password
	case "passkey":
		a.Passkey = true
	default:
		return
	}
	if x.Credential != "" {
		r.credentials[x.Credential] = a.ID + "-" + x.Method
	}
}

// read gives an account what was read of it.
func (r *recorder) read(a *cases.Account, e trail.Entry) {
	list := slices.Clone(e.Read)
	for _, h := range e.Hooks {
		list = append(list, h.Read...)
	}
	for _, x := range list {
		path, about := strings.CutPrefix(x.Path, "subject.")
		if !about || string(x.Value) == "null" || trail.Withheld(x.Value) {
			continue
		}
		name, attribute := strings.CutPrefix(path, "attributes.")
		var s string
		switch {
		case attribute && !strings.Contains(name, "."):
			if a.Attributes == nil {
				a.Attributes = map[string]json.RawMessage{}
			}
			a.Attributes[name] = x.Value
		case path == "email" && json.Unmarshal(x.Value, &s) == nil:
			r.address(a, s)
		case path == "credentials.password" && string(x.Value) != "0":
			a.Password = password
		case path == "credentials.passkey" && string(x.Value) != "0":
			a.Passkey = true
		}
	}
}

// swapped is a text with people's recorded ids and addresses replaced.
func (r *recorder) swapped(s string) string { return strings.NewReplacer(r.swaps...).Replace(s) }

func (r *recorder) value(v json.RawMessage) json.RawMessage {
	if trail.Withheld(v) {
		r.note("a value was not kept; it is left out")
		return nil
	}
	if len(v) == 0 {
		return nil
	}
	return json.RawMessage(r.swapped(string(v)))
}
