package recorded

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/trail"
)

// request is what the client asked for, people's names replaced. Where the person came from is kept only where something read it.
func (r *recorder) request() *cases.Request {
	q := r.turns[0].Request
	out := &cases.Request{Client: q.Client, ClientName: q.ClientName, PolicyURI: q.PolicyURI, TosURI: q.TosURI, Scopes: q.Scopes, ACR: q.ACR, EssentialACR: q.EssentialACR, MaxAge: q.MaxAge, Locale: q.Locale,
		LoginHint: r.swapped(q.LoginHint), Details: q.Details, Consent: q.Consent}
	switch {
	case q.Silent:
		out.Prompt = "none"
	case q.Login:
		out.Prompt = "login"
	case q.Select:
		out.Prompt = "select_account"
	}
	if q.Subject != "" {
		out.Subject = r.person(q.Subject).ID
	}
	for _, e := range r.entries {
		for _, h := range e.Hooks {
			for _, x := range h.Read {
				switch x.Path {
				case "request.ip":
					out.IP = q.IP
				case "request.user_agent":
					out.UserAgent = q.UserAgent
				}
			}
		}
		if e.Use == "session.check" && q.Session != "" {
			out.Session = r.session(e)
		}
	}
	return out
}

// session gives the browser the session it came with, as far as it counted.
func (r *recorder) session(e trail.Counted) string {
	if len(r.sessions) > 0 {
		return r.sessions[0].ID
	}
	if e.Outcome != "fresh" {
		r.note("the browser came with a session that did not count (%s); what it held is not known and it is left out", e.Outcome)
		return ""
	}
	s := cases.Session{ID: "browser", Account: r.person(e.Subject).ID, Age: cases.Span(time.Minute)}
	for _, x := range e.Evidence {
		if x.Method == "password" || x.Method == "passkey" {
			s.Proved = append(s.Proved, x.Method)
			s.Age = max(s.Age, cases.Span(e.At.Sub(x.At).Truncate(time.Second)))
		}
	}
	slices.Sort(s.Proved)
	s.Proved = slices.Compact(s.Proved)
	r.sessions = append(r.sessions, s)
	return s.ID
}

// outside scripts what connectors answered, and replaces steps that failed in a way no test can bring about.
func (r *recorder) outside(c *cases.Case) {
	for _, e := range r.entries {
		for _, call := range e.Calls {
			if call.Failed != "" {
				if !slices.Contains(c.Down, call.Connector) {
					c.Down = append(c.Down, call.Connector)
				}
				continue
			}
			path := call.Path
			for id := range r.made {
				if r.made[id] {
					path = strings.ReplaceAll(path, id, "*") // it will have another
				}
			}
			path = r.swapped(path)
			x := cases.Exchange{Reply: cases.Reply{Status: call.Status}}
			switch call.Method {
			case "GET":
				x.Get = path
			case "POST":
				x.Post = path
			case "PUT":
				x.Put = path
			}
			if e.Use == "connector.call" && call.Status < 300 {
				x.Reply.JSON = r.value(answer(e.Entry))
			}
			c.Connectors[call.Connector] = append(c.Connectors[call.Connector], x)
		}
		if e.Outcome == "error" {
			c.Pretend[e.Step] = cases.Pretence{Outcome: "error"}
			r.note("step %s failed (%s); the case pretends so", e.Step, e.Cause)
		}
	}
}

// answer is what is known of a connector's answer: the output, or what a hook read of it.
func answer(e trail.Entry) json.RawMessage {
	if !e.Shaped {
		return e.Output
	}
	out := map[string]json.RawMessage{}
	for _, h := range e.Hooks {
		for _, x := range h.Read {
			if name, below := strings.CutPrefix(x.Path, "output."); below && string(x.Value) != "null" && !trail.Withheld(x.Value) && !strings.Contains(name, ".") {
				out[name] = x.Value
			}
		}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil
	}
	return raw
}

// answers are what the person did, turn by turn.
func (r *recorder) answers(c *cases.Case) {
	subject := ""
	for i, t := range r.turns {
		if t.Cause != "" {
			r.note("a turn was abandoned (%s); it is left out", t.Cause)
			continue
		}
		if t.Answer != nil {
			if gap := t.At.Sub(r.turns[i-1].At).Truncate(time.Second); gap >= time.Minute {
				c.Answers = append(c.Answers, cases.Answer{Wait: cases.Span(gap)})
			}
			c.Answers = append(c.Answers, r.answered(t, subject))
		}
		for _, e := range t.Entries {
			if e.Subject != "" {
				subject = e.Subject
			}
		}
	}
}

// answered is one answer, secrets replaced by what has the same effect.
func (r *recorder) answered(t trail.Turn, subject string) cases.Answer {
	a := cases.Answer{Step: t.Answer.Step, Press: t.Answer.Action, Fields: map[string]string{}}
	i := slices.IndexFunc(t.Entries, func(e trail.Entry) bool { return e.Step == a.Step })
	var e trail.Entry
	if i >= 0 {
		e = t.Entries[i]
	}
	if a.Press == "callback" {
		a.Press, a.Provider = "", r.visit(t.Answer, e)
		return a
	}
	took := e.Outcome != ""
	for name, v := range t.Answer.Fields {
		switch {
		case v == "", name == "username": // that one is there for password managers
		case name == "value":
			if a.Value = v; r.credentials[v] != "" {
				a.Value = r.credentials[v]
			}
		case name == "passkey_error":
			if t.Answer.Fields["passkey"] == "" {
				a.Press, a.Passkey = "", "cancelled"
			}
		case v != trail.Given:
			a.Fields[name] = r.swapped(v)
		case name == "passkey":
			a.Press, a.Passkey = "", r.key(e, subject)
			a.Elsewhere = len(e.Evidence) > 0 && e.Evidence[0].Elsewhere
		case name == "code" && took:
			a.Fields[name] = "mailed"
		case name == "code":
			a.Fields[name] = wrongCode
		case name == "new_password" && took:
			a.Fields[name] = newPassword
		case name == "new_password":
			a.Fields[name] = "short"
		case took:
			a.Fields[name] = password
		default:
			a.Fields[name] = mistyped
		}
	}
	return a
}

// key names the authenticator that answered.
func (r *recorder) key(e trail.Entry, subject string) string {
	if e.Subject != "" {
		subject = e.Subject
	}
	switch {
	case e.Outcome == "" || subject == "":
		return "stranger"
	case r.made[subject]:
		return "new"
	}
	return r.person(subject).ID
}

// visit is what the person brought back from a provider.
func (r *recorder) visit(a *trail.Answer, e trail.Entry) *cases.Visit {
	if code := a.Fields["error"]; code != "" {
		return &cases.Visit{Error: code}
	}
	if e.Outcome == "unavailable" {
		return &cases.Visit{Down: true}
	}
	v := &cases.Visit{Claims: map[string]json.RawMessage{}}
	var out map[string]json.RawMessage
	if json.Unmarshal(r.value(e.Output), &out) == nil {
		for name, x := range out {
			if name == "subject" {
				name = "sub"
			}
			if name != "issuer" && string(x) != `""` {
				v.Claims[name] = x
			}
		}
	}
	return v
}

// end says what should come of it.
func (r *recorder) end(c *cases.Case) {
	last := r.turns[len(r.turns)-1]
	switch z := last.Ending; {
	case z == nil && last.Asked != nil:
		c.Prompt = &cases.Prompt{Step: last.Asked.Step}
		if len(last.Asked.Problems) > 0 {
			_, id, _ := strings.Cut(last.Asked.Problems[0], ": ")
			c.Prompt.Error = id
		}
	case z == nil:
	case z.Code != "":
		c.Denied = &cases.Denied{Code: z.Code}
		if strings.HasPrefix(z.Reason, "the account is ") {
			r.note("the account's status changed while the journey was under way, which no case can say")
		}
	default:
		c.Verdict = &cases.Verdict{Subject: r.person(z.Subject).ID, ACR: z.ACR, AMR: z.AMR}
		if r.made[z.Subject] {
			c.Verdict.Subject = "new"
		}
		for name, v := range z.Claims {
			if c.Verdict.Claims == nil {
				c.Verdict.Claims = map[string]json.RawMessage{}
			}
			c.Verdict.Claims[name] = r.value(v)
		}
	}
}
