// Package rehearse plays the test cases of flows: it drives the engine through each, compares what came of it with what was
// expected, and tells which steps and outcomes no case reaches. The world a case is played in (stores, actions, hooks,
// authenticators, inbox, outside systems) is handed in; nothing here knows HTTP or a database.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/walk"
)

// caseDeadline bounds one case in real time; virtual time costs none.
const caseDeadline = 30 * time.Second

// Theatre sets stages: each case is played on one of its own. Safe for use by many goroutines.
type Theatre interface {
	Stage(ctx context.Context, s Scene) (Stage, error)
}

// Scene is what a stage is set with.
type Scene struct {
	Given   cases.Given                 // accounts, sessions, clock, what connectors answer
	Own     map[string][]cases.Exchange // of Given.Connectors, those the case wrote itself
	Down    []string
	Pretend walk.Pretend
}

// Stage is the world of one case: an engine over stores of its own, and everybody the person meets.
type Stage interface {
	Engine() *run.Engine
	// After lets time pass.
	After(d time.Duration)
	// Sign answers a passkey ceremony with the authenticator of who (see cases.Answer).
	Sign(who string, elsewhere bool, c *action.Ceremony) (string, error)
	// Visit goes where the prompt leads and comes back with the fields of the callback.
	Visit(l *action.Leave, v cases.Visit) (map[string]string, error)
	// Mail is every message sent so far.
	Mail(ctx context.Context) ([]action.Mail, error)
	// Unused lists scripted calls that nobody made.
	Unused() []string
	// Log is what steps and hooks said, a line each.
	Log() []string
	Close() error
}

// Played is what came of one case.
type Played struct {
	File     *cases.File
	Case     *cases.Case
	Failures []string        // each a few lines; none: as expected
	Notes    []string        // worth telling, no failure
	Log      []string        // what steps and hooks said
	Taken    map[string]bool // step.outcome, by path, of every step that ended, taken back or not
	Prompts  []byte          // every prompt asked, as a golden file holds them; only of golden cases
	Took     time.Duration
}

// Failed reports whether anything was not as expected.
func (p *Played) Failed() bool { return len(p.Failures) > 0 }

func (p *Played) fail(format string, args ...any) {
	p.Failures = append(p.Failures, fmt.Sprintf(format, args...))
}

// Play plays one case. Its failures are told in the result; there is no other error.
func Play(ctx context.Context, th Theatre, f *cases.File, c *cases.Case) (p *Played) {
	p = &Played{File: f, Case: c, Taken: map[string]bool{}}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, caseDeadline)
	defer cancel()
	defer func() {
		if x := recover(); x != nil {
			p.fail("panic: %v\n%s", x, debug.Stack())
		}
		p.Took = time.Since(began)
	}()
	g := f.Before(c)
	stage, err := th.Stage(ctx, Scene{Given: g, Own: c.Connectors, Down: c.Down, Pretend: Pretend(c.Pretend, g.Accounts)})
	if err != nil {
		p.fail("what is given cannot be made: %v", err)
		return p
	}
	defer func() {
		if err := stage.Close(); err != nil {
			p.fail("the stage does not close: %v", err)
		}
	}()
	a := &actor{Played: p, stage: stage, given: g}
	if a.begin(ctx) && a.answers(ctx) {
		a.judge(ctx)
	}
	p.Log = stage.Log()
	for _, call := range stage.Unused() {
		p.Notes = append(p.Notes, "nobody called "+call)
	}
	return p
}

// actor is the person at the browser.
type actor struct {
	*Played
	stage  Stage
	given  cases.Given
	handle run.Handle
	reply  run.Reply
	asked  []*action.Prompt
}

func (a *actor) begin(ctx context.Context) bool {
	h, reply, err := a.stage.Engine().Begin(ctx, a.File.Flow, a.given.For(a.Case).Journey())
	if err != nil {
		a.fail("the journey does not begin: %v", err)
		return false
	}
	a.handle = h
	a.took(reply)
	return true
}

func (a *actor) took(reply run.Reply) {
	a.reply = reply
	if reply.Binding != "" {
		a.handle.Binding = reply.Binding
	}
	for _, e := range reply.Trail {
		a.Taken[e.Step+"."+e.Outcome] = true
	}
	if reply.Prompt != nil {
		a.asked = append(a.asked, reply.Prompt)
	}
}

// answers plays the answers until one cannot be given.
func (a *actor) answers(ctx context.Context) bool {
	for i, x := range a.Case.Answers {
		if x.Step == "" {
			a.stage.After(time.Duration(x.Wait))
			continue
		}
		switch p := a.reply.Prompt; {
		case p == nil:
			a.fail("answer %d is for %s, and the journey has ended: %s\n%s", i+1, x.Step, ending(a.reply), a.walked())
			return false
		case p.Step != x.Step:
			a.fail("answer %d is for %s, and %s asks\n%s", i+1, x.Step, p.Step, a.walked())
			return false
		}
		in, err := a.input(ctx, x)
		if err != nil {
			a.fail("answer %d, at %s, cannot be given: %v", i+1, x.Step, err)
			return false
		}
		reply, err := a.stage.Engine().Answer(ctx, a.handle, in)
		var bad *run.BadInput
		switch {
		case errors.As(err, &bad):
			a.fail("answer %d, at %s, is not taken: %s\nfields  %s\nbuttons %s", i+1, x.Step, bad.Detail, list(fields(a.reply.Prompt)), list(buttons(a.reply.Prompt)))
			return false
		case errors.Is(err, run.ErrGone):
			a.fail("answer %d, at %s, comes too late: the journey is gone", i+1, x.Step)
			return false
		case err != nil:
			a.fail("answer %d, at %s, fails: %v", i+1, x.Step, err)
			return false
		}
		a.took(reply)
	}
	return true
}

// input is an answer as the page would send it.
func (a *actor) input(ctx context.Context, x cases.Answer) (run.Input, error) {
	p := a.reply.Prompt
	in := run.Input{Revision: a.reply.Revision, Step: p.Step, Action: x.Press, Fields: map[string]string{}}
	for name, text := range x.Fields {
		if text == "mailed" && kind(p, name) == action.FieldCode {
			code, err := a.mailed(ctx)
			if err != nil {
				return in, err
			}
			text = code
		}
		in.Fields[name] = text
	}
	if x.Value != "" {
		in.Fields["value"] = made(p, x)
	}
	switch {
	case x.Passkey != "":
		if p.Passkey == nil {
			return in, errors.New("the prompt asks for no passkey")
		}
		if in.Action == "" {
			in.Action = p.Passkey.Action
		}
		if x.Passkey == "cancelled" {
			in.Fields["passkey_error"] = "NotAllowedError"
			return in, nil
		}
		answer, err := a.stage.Sign(x.Passkey, x.Elsewhere, p.Passkey)
		in.Fields["passkey"] = answer
		return in, err
	case x.Provider != nil:
		if p.Leave == nil {
			return in, errors.New("the prompt leads to no provider")
		}
		back, err := a.stage.Visit(p.Leave, *x.Provider)
		in.Action = "callback"
		for name, text := range back {
			in.Fields[name] = text
		}
		return in, err
	}
	return in, nil
}

// mailed is the code that was mailed last.
func (a *actor) mailed(ctx context.Context) (string, error) {
	all, err := a.stage.Mail(ctx)
	if err != nil {
		return "", err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if code := all[i].Args["code"]; code != "" {
			return code, nil
		}
	}
	return "", errors.New("no code was mailed")
}

// made is the value of a button: new is the first one beside something made in this journey.
func made(p *action.Prompt, x cases.Answer) string {
	for _, r := range p.Rows {
		for _, b := range r.Buttons {
			if x.Value == "new" && b.Name == x.Press && fresh().MatchString(b.Value) {
				return b.Value
			}
		}
	}
	return x.Value
}

func kind(p *action.Prompt, field string) action.FieldType {
	for _, f := range p.Fields {
		if f.Name == field {
			return f.Type
		}
	}
	return ""
}
