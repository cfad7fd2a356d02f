package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/run"
)

// judge compares what came of the case with what it expects.
func (a *actor) judge(ctx context.Context) {
	c := a.Case
	if c.Trail != nil && !slices.Equal(c.Trail, a.trail()) {
		a.fail("trail\n%s", Aligned(c.Trail, a.trail()))
	}
	switch {
	case c.Verdict != nil && a.reply.Verdict == nil, c.Denied != nil && a.reply.Denied == nil, c.Prompt != nil && a.reply.Prompt == nil:
		a.fail("expected %s, got %s\n%s", wanted(c), ending(a.reply), a.walked())
	case c.Verdict != nil:
		a.verdict(c.Verdict)
	case c.Denied != nil:
		a.same("denied.code", c.Denied.Code, a.reply.Denied.Code)
		a.set("denied.message", c.Denied.Message, a.reply.Denied.Message)
		if a.Failed() {
			a.fail("reason: %s", a.reply.Denied.Reason)
		}
	case c.Prompt != nil:
		a.prompt(c.Prompt, a.reply.Prompt)
	}
	a.mail(ctx)
	if c.Golden {
		a.golden()
	}
	a.unreached()
	if a.Failed() && c.Trail == nil && !strings.Contains(strings.Join(a.Failures, ""), "walked: ") {
		a.Failures = append(a.Failures, a.walked())
	}
}

func wanted(c *cases.Case) string {
	switch {
	case c.Verdict != nil && c.Verdict.Subject != "":
		return "a verdict for " + c.Verdict.Subject
	case c.Verdict != nil:
		return "a verdict"
	case c.Denied != nil:
		return "denied " + c.Denied.Code
	case c.Prompt.Step != "":
		return "a prompt of " + c.Prompt.Step
	}
	return "a prompt"
}

// ending is where a journey stands, in words.
func ending(r run.Reply) string {
	switch {
	case r.Prompt != nil:
		return "a prompt of " + r.Prompt.Step + said(r.Prompt)
	case r.Denied != nil:
		return "denied " + r.Denied.Code + " (" + r.Denied.Reason + ")"
	}
	return "a verdict for " + r.Verdict.Subject
}

// said is what a prompt complains of or announces.
func said(p *action.Prompt) string {
	for _, x := range p.Problem {
		return " (error " + x.ID + ")"
	}
	if p.Notice != nil {
		return " (notice " + p.Notice.Text.Key + ")"
	}
	return ""
}

func (a *actor) trail() []string {
	out := make([]string, 0, len(a.reply.Trail))
	for _, e := range a.reply.Trail {
		out = append(out, e.Step+"."+e.Outcome)
	}
	return out
}

// walked is the way so far, for failures that have no trail to compare with.
func (a *actor) walked() string {
	if len(a.reply.Trail) == 0 {
		return "walked: nothing"
	}
	return "walked: " + strings.Join(a.trail(), " → ")
}

func (a *actor) same(what, want, got string) {
	if got == "" {
		got = "nothing"
	}
	if want != got {
		a.fail("%s: expected %s, got %s", what, want, got)
	}
}

// set compares where something is expected at all.
func (a *actor) set(what, want, got string) {
	if want != "" {
		a.same(what, want, got)
	}
}

func (a *actor) lists(what string, want, got []string) {
	if want != nil && !slices.Equal(want, got) {
		a.fail("%s: expected %s, got %s", what, list(want), list(got))
	}
}

func list(l []string) string { return "[" + strings.Join(l, ", ") + "]" }

func (a *actor) verdict(want *cases.Verdict) {
	got := a.reply.Verdict
	if want.Subject == "new" {
		if slices.ContainsFunc(a.given.Accounts, func(x cases.Account) bool { return x.ID == got.Subject }) {
			a.fail("verdict.subject: expected a new account, got %s", got.Subject)
		}
	} else {
		a.set("verdict.subject", want.Subject, got.Subject)
	}
	a.set("verdict.acr", want.ACR, got.ACR)
	a.lists("verdict.amr", want.AMR, got.AMR)
	a.lists("verdict.scope", want.Scope, got.Scope)
	if !want.AuthTime.IsZero() && !want.AuthTime.Equal(got.AuthTime) {
		a.fail("verdict.auth_time: expected %s, got %s", want.AuthTime.UTC().Format(time.RFC3339), got.AuthTime.UTC().Format(time.RFC3339))
	}
	if want.Claims != nil && !alike(want.Claims, got.Claims) {
		a.fail("verdict.claims: expected %s, got %s", jsonText(want.Claims), jsonText(got.Claims))
	}
}

// alike compares JSON values, not their spelling.
func alike(a, b map[string]json.RawMessage) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		var x, y any
		if json.Unmarshal(a[name], &x) != nil || json.Unmarshal(b[name], &y) != nil || !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func (a *actor) prompt(want *cases.Prompt, got *action.Prompt) {
	a.set("prompt.step", want.Step, got.Step)
	a.set("prompt.kind", want.Kind, got.Kind)
	a.set("prompt.account", want.Account, got.Account)
	a.worded("prompt.title", want.Title, got.Title)
	if want.Error != "" {
		id := ""
		if len(got.Problem) > 0 {
			id = got.Problem[0].ID
		}
		a.same("prompt.error", want.Error, id)
	}
	if want.Notice != "" {
		var text action.Text
		if got.Notice != nil {
			text = got.Notice.Text
		}
		a.worded("prompt.notice", want.Notice, text)
	}
	a.lists("prompt.fields", want.Fields, fields(got))
	a.lists("prompt.buttons", want.Buttons, buttons(got))
}

// worded compares a text by its key or by any of its author's words.
func (a *actor) worded(what, want string, got action.Text) {
	if want == "" || want == got.Key {
		return
	}
	var known []string
	for _, w := range got.Words {
		if w == want {
			return
		}
		known = append(known, w)
	}
	slices.Sort(known)
	switch {
	case len(known) == 0 && got.Key == "":
		known = []string{"nothing"}
	case len(known) == 0:
		known = []string{got.Key}
	}
	a.fail("%s: expected %s, got %s", what, want, strings.Join(known, " / "))
}

func fields(p *action.Prompt) []string {
	out := []string{}
	for _, f := range p.Fields {
		if f.Type != action.FieldHidden && f.Type != action.FieldUsername {
			out = append(out, f.Name)
		}
	}
	return out
}

// buttons lists what can be pressed: a listed thing's button with its value, and back where there is a way back.
func buttons(p *action.Prompt) []string {
	out := []string{}
	if p.Equal != nil {
		out = append(out, p.Equal.Name)
	}
	for _, b := range p.Others {
		out = append(out, b.Name)
	}
	for _, r := range p.Rows {
		for _, b := range r.Buttons {
			out = append(out, strings.TrimSuffix(b.Name+" "+fresh().ReplaceAllString(b.Value, "new"), " "))
		}
	}
	if p.Back && !slices.Contains(out, "back") {
		out = append(out, "back")
	}
	return out
}

func (a *actor) mail(ctx context.Context) {
	if a.Case.Mail == nil {
		return
	}
	sent, err := a.stage.Mail(ctx)
	if err != nil {
		a.fail("mail: %v", err)
		return
	}
	matches := func(want cases.Mail, got action.Mail) bool {
		return (want.To == "" || want.To == got.To) && (want.Template == "" || want.Template == got.Template)
	}
	if slices.EqualFunc(a.Case.Mail, sent, matches) {
		return
	}
	var want, got []string
	for i, m := range a.Case.Mail {
		if i < len(sent) && matches(m, sent[i]) {
			m = cases.Mail{To: sent[i].To, Template: sent[i].Template}
		}
		want = append(want, strings.TrimSpace(m.Template+" "+m.To))
	}
	for _, m := range sent {
		got = append(got, m.Template+" "+m.To)
	}
	a.fail("mail\n%s", Aligned(want, got))
}

// unreached: what the file calls unreachable and this case reached.
func (a *actor) unreached() {
	for _, outcome := range sortedKeys(a.File.Unreachable) {
		if a.Taken[outcome] {
			a.fail("%s is called unreachable (%s), and this case reaches it", outcome, a.File.Unreachable[outcome])
		}
	}
}

// fresh matches the ids of what was made in a journey: they are others each time.
func fresh() *regexp.Regexp {
	return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
}

// golden compares every prompt with the golden file's, without what is random in them.
func (a *actor) golden() {
	list := make([]action.Prompt, 0, len(a.asked))
	for _, p := range a.asked {
		q := *p
		q.Signal = nil
		if q.Passkey != nil {
			q.Passkey = &action.Ceremony{Mode: q.Passkey.Mode, Action: q.Passkey.Action}
		}
		if q.Leave != nil {
			place, _, _ := strings.Cut(q.Leave.URL, "?")
			q.Leave = &action.Leave{URL: place, Name: q.Leave.Name}
		}
		list = append(list, q)
	}
	raw, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		a.fail("prompts: %v", err)
		return
	}
	a.Prompts = fresh().ReplaceAll(raw, []byte("new"))
	if a.File.Update {
		return
	}
	want, ok := a.File.Golden[a.Case.Name]
	if !ok {
		a.fail("prompts: there is no golden text of this case; `stile test --update` writes it")
		return
	}
	var sorted bytes.Buffer
	if err := json.Indent(&sorted, want, "", "  "); err != nil {
		a.fail("prompts: the golden text cannot be read: %v", err)
		return
	}
	if !bytes.Equal(sorted.Bytes(), a.Prompts) {
		a.fail("prompts\n%s", Aligned(strings.Split(sorted.String(), "\n"), strings.Split(string(a.Prompts), "\n")))
	}
}
