package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/reply"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// Note is what this endpoint remembers of a request while the journey walks: it travels in journey.Request.Context, which no step
// and no hook sees, and comes back in Finish and Grant.
type Note struct {
	Client         string          `json:"c"`
	Redirect       string          `json:"r"`
	State          string          `json:"s,omitempty"`
	Nonce          string          `json:"n,omitempty"`
	Challenge      string          `json:"ch,omitempty"`
	JKT            string          `json:"k,omitempty"`  // thumbprint of the DPoP key that the code is for
	Mode           string          `json:"f,omitempty"`  // how the answer travels
	Hybrid         bool            `json:"h,omitempty"`  // an ID token goes beside the code
	Pushed         string          `json:"p,omitempty"`  // request_uri it came by
	PushedAt       int64           `json:"pa,omitempty"` // nanoseconds since 1970
	Scope          []string        `json:"sc,omitempty"`
	Offline        bool            `json:"o,omitempty"`
	Resources      []string        `json:"re,omitempty"`
	Essential      []string        `json:"e,omitempty"`
	Subject        string          `json:"su,omitempty"`
	MaxAge         *int            `json:"m,omitempty"`
	Login          bool            `json:"l,omitempty"`
	Consent        bool            `json:"co,omitempty"`
	IDTokenClaims  []string        `json:"ci,omitempty"`
	UserinfoClaims []string        `json:"cu,omitempty"`
	Details        json.RawMessage `json:"d,omitempty"`
	Web            [][2]string     `json:"w,omitempty"` // the request itself, for the browser that an app may have to open
	Signed         bool            `json:"ws,omitempty"`
	Started        int64           `json:"t"`           // seconds since 1970
	Absolute       int64           `json:"a"`           // seconds a grant lives
	Rests          int64           `json:"x,omitempty"` // seconds one without offline access does, 0 for as many
}

func readNote(b json.RawMessage) (*Note, error) {
	n := &Note{}
	if err := json.Unmarshal(b, n); err != nil {
		return nil, fmt.Errorf("read an authorization request's note: %w", err)
	}
	if n.Client == "" || n.Redirect == "" {
		return nil, errors.New("read an authorization request's note: it is empty")
	}
	return n, nil
}

// Grant makes the grant that the journey's last transaction writes. Pure: it reads nothing but its arguments. Its id is the
// journey's, so a journey has one at most.
func Grant(v *verdict.Verdict, note json.RawMessage, now time.Time) (identity.Grant, error) {
	n, err := readNote(note)
	if err != nil {
		return identity.Grant{}, err
	}
	if v.Journey == "" || v.Subject == "" || v.Client != n.Client {
		return identity.Grant{}, fmt.Errorf("make a grant: the verdict of journey %q is not for this request", v.Journey)
	}
	request, err := json.Marshal(oauth.Asked{Nonce: n.Nonce, Resources: n.Resources, IDTokenClaims: n.IDTokenClaims, UserinfoClaims: n.UserinfoClaims, Details: allowedDetails(n, v)})
	if err != nil {
		return identity.Grant{}, fmt.Errorf("make a grant: %w", err)
	}
	kept, err := json.Marshal(oauth.ProvedBy(v))
	if err != nil {
		return identity.Grant{}, fmt.Errorf("make a grant: %w", err)
	}
	allowed := allowedScope(n, v)
	offline, seconds := n.Offline && slices.Contains(allowed, "offline_access"), n.Absolute
	if !offline && n.Rests > 0 {
		seconds = min(seconds, n.Rests)
	}
	return identity.Grant{ID: v.Journey, Client: n.Client, Account: v.Subject, Session: v.Session, Flow: v.Flow, Scope: allowed,
		Redirect: n.Redirect, Challenge: n.Challenge, Request: request, Verdict: kept,
		Offline: offline, Created: now, Expires: now.Add(time.Duration(seconds) * time.Second)}, nil
}

// allowedScope is what was asked for, narrowed to what the person allowed when they were asked.
func allowedScope(n *Note, v *verdict.Verdict) []string {
	if v.Scope == nil {
		if n.Consent && !consented(v) {
			return nil
		}
		return n.Scope
	}
	var out []string
	for _, s := range n.Scope {
		if slices.Contains(v.Scope, s) {
			out = append(out, s)
		}
	}
	return out
}

// allowedDetails are what was asked for, unless the person had to be asked and was not.
func allowedDetails(n *Note, v *verdict.Verdict) json.RawMessage {
	if n.Consent && !consented(v) {
		return nil
	}
	return n.Details
}

func consented(v *verdict.Verdict) bool {
	return v.Scope != nil || verdict.Facts(v.Evidence, v.Subject).Has(verdict.Consented)
}

// Finish makes the client's redirect of a journey's ending: a code, or an error. Everything that may have changed since the journey began
// is looked at again. Its error means that there is nowhere to redirect to: show a page.
func (h *Handler) Finish(ctx context.Context, ending journey.Ending, journeyID string, note json.RawMessage) (location string, err error) {
	n, err := readNote(note)
	if err != nil {
		return "", err
	}
	c, err := h.Clients.Client(ctx, n.Client)
	if err != nil {
		return "", fmt.Errorf("finish an authorization request: %w", err)
	}
	if !client.Allowed(c.Redirects, n.Redirect) {
		return "", ErrRedirect
	}
	if e := h.judge(c, n, ending, journeyID); e != nil {
		return h.refuse(ctx, c, n, e)
	}
	now := h.Now()
	code := h.Tokens.SealCode(tokens.Code{Grant: journeyID, JKT: n.JKT, Expires: now.Add(c.CodeFor())}, now)
	var idToken string
	if n.Hybrid { // before the pushed request is used up: what fails here may be tried again
		var e *oauth.Error
		if idToken, err = h.beside(ctx, c, n, journeyID, code, now); errors.As(err, &e) {
			h.report(ctx, c, e)
			return h.refuse(ctx, c, n, e)
		}
		if err != nil {
			return "", fmt.Errorf("make the ID token of an authorization answer: %w", err)
		}
	}
	if n.Pushed != "" {
		first, err := h.Pushed.Complete(ctx, n.Pushed, journeyID, time.Unix(0, n.PushedAt), now)
		if err != nil {
			return "", err
		}
		if !first {
			return h.refuse(ctx, c, n, oauth.Fail(oauth.AccessDenied, "The pushed request was used before."))
		}
	}
	return h.answer(ctx, c, n, [][2]string{{"code", code}, {"id_token", idToken}, {"state", n.State}})
}

// skew is how far the clocks of two of our own nodes may differ.
const skew = 10 * time.Second

// judge decides whether an ending earns a code. The engine has judged most of this; here it is judged again, from the request as
// it was, because a code is worth a sign-in.
func (h *Handler) judge(c *oauth.Client, n *Note, ending journey.Ending, journeyID string) *oauth.Error {
	if ending.Denied != nil {
		return denial(ending.Denied)
	}
	v := ending.Verdict
	switch {
	case v == nil || journeyID == "" || v.Journey != journeyID || v.Client != n.Client || v.Subject == "":
		return oauth.Fail(oauth.ServerError, "The sign-in did not end as it should.")
	case !c.Flows.Has(v.Flow):
		return oauth.Fail(oauth.AccessDenied, "The client may not use this flow any more.")
	case n.Hybrid && !slices.Contains(c.Responses, oauth.ResponseHybrid):
		return oauth.Fail(oauth.UnauthorizedClient, "The client may not ask for ID tokens beside codes any more.")
	case n.Subject != "" && n.Subject != v.Subject:
		return oauth.Fail(oauth.LoginRequired, "Another person signed in than the one asked for.")
	case len(n.Essential) > 0 && !slices.Contains(n.Essential, v.ACR):
		return errUnmet
	case n.Consent && !consented(v):
		return oauth.Fail(oauth.ConsentRequired, "The person was not asked what the client may have.")
	}
	// With acr absent from the ages there is nothing to compare: a verdict that was asked to be fresh must say when.
	started := time.Unix(n.Started, 0)
	if n.Login && v.AuthTime.Before(started.Add(-skew)) {
		return oauth.Fail(oauth.LoginRequired, "The person did not sign in anew.")
	}
	if n.MaxAge != nil && v.AuthTime.Before(started.Add(-skew-time.Duration(*n.MaxAge)*time.Second)) {
		return oauth.Fail(oauth.LoginRequired, "The person signed in too long ago.")
	}
	return nil
}

// denial passes a code on if it is one a client may see, with a sentence of ours.
func denial(d *journey.Denial) *oauth.Error {
	switch d.Code {
	case oauth.LoginRequired, oauth.InteractionRequired, oauth.ConsentRequired, oauth.SelectionRequired:
		return oauth.Fail(d.Code, "The person would have to be asked.")
	case oauth.Unmet:
		return errUnmet
	case oauth.Unavailable, oauth.ServerError:
		return oauth.Fail(d.Code, "The sign-in could not be finished.")
	}
	return oauth.Fail(oauth.AccessDenied, "The sign-in was refused or given up.")
}

func (h *Handler) refuse(ctx context.Context, c *oauth.Client, n *Note, e *oauth.Error) (string, error) {
	code := e.Code
	if code == oauth.InvalidToken || code == oauth.InvalidClient { // not codes of this endpoint
		code = oauth.InvalidRequest
	}
	return h.answer(ctx, c, n, [][2]string{{"error", code}, {"error_description", e.Description}, {"state", n.State}})
}

func (h *Handler) answer(ctx context.Context, c *oauth.Client, n *Note, params [][2]string) (string, error) {
	mode := n.Mode
	if mode == "" {
		mode = c.Modes[0]
	}
	return h.Replies.Location(ctx, reply.Answer{Client: c.ID, Redirect: n.Redirect, Mode: mode, Alg: c.ResponseAlg, Params: params})
}
