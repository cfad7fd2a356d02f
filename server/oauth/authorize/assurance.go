package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// maxNames bounds the claims parameter: how many claims it may name.
const maxNames = 50

type named struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

// texts are the values that are texts.
func (n *named) texts() []string {
	var out []string
	for _, v := range append([]json.RawMessage{n.Value}, n.Values...) {
		var s string
		if len(v) > 0 && json.Unmarshal(v, &s) == nil && s != "" && len(s) <= 200 && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// claimsParameter reads the claims parameter (OpenID Connect Core §5.5) as far as names go, and the acr. Essential claims never fail a
// request; an essential acr does, that is its purpose (S-055). A sub value is enforced like a hint.
func claimsParameter(_ context.Context, h *Handler, q *request) error {
	text := q.params.Get("claims")
	if text == "" {
		return nil
	}
	var c struct {
		IDToken  map[string]*named `json:"id_token"`
		Userinfo map[string]*named `json:"userinfo"`
	}
	if len(text) > 8<<10 || json.Unmarshal([]byte(text), &c) != nil || len(c.IDToken) > maxNames || len(c.Userinfo) > maxNames {
		return oauth.Fail(oauth.InvalidRequest, "The claims parameter cannot be read.")
	}
	q.note.IDTokenClaims, q.note.UserinfoClaims = names(c.IDToken), names(c.Userinfo)
	if acr := c.IDToken["acr"]; acr != nil {
		if acr.Essential {
			q.journey.EssentialACR = acr.texts()
		} else {
			q.journey.ACR = acr.texts()
		}
	}
	if sub := c.IDToken["sub"]; sub != nil {
		if v := sub.texts(); len(v) == 1 {
			account, ok := h.Tokens.Account(q.client, v[0])
			if !ok {
				return oauth.Fail(oauth.LoginRequired, "Nobody is called so here.")
			}
			q.journey.Subject, q.note.Subject = account, account
		}
	}
	return nil
}

func names(m map[string]*named) []string {
	var out []string
	for n := range m {
		if n != "" && len(n) <= 200 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// acrValues adds voluntary acrs, in order of preference, and what the client's settings demand whatever the request says.
func acrValues(_ context.Context, _ *Handler, q *request) error {
	for _, a := range q.params.Words("acr_values") {
		if len(a) <= 200 && !slices.Contains(q.journey.ACR, a) && len(q.journey.ACR) < 20 {
			q.journey.ACR = append(q.journey.ACR, a)
		}
	}
	if len(q.journey.ACR) == 0 && len(q.journey.EssentialACR) == 0 {
		q.journey.ACR = q.client.DefaultACR
	}
	if len(q.client.ACR) > 0 {
		if len(q.journey.EssentialACR) == 0 {
			q.journey.EssentialACR = q.client.ACR
		} else {
			q.journey.EssentialACR = slices.DeleteFunc(slices.Clone(q.journey.EssentialACR), func(a string) bool { return !slices.Contains(q.client.ACR, a) })
			if len(q.journey.EssentialACR) == 0 {
				return errUnmet
			}
		}
	}
	q.note.Essential = q.journey.EssentialACR
	return nil
}

var (
	errUnmet    = oauth.Fail(oauth.Unmet, "The assurance asked for cannot be reached here.")
	errRedirect = errors.New("authorize: not one of the client's redirect URIs")
)

// pickFlow chooses the flow: prompt=create has its own; an essential acr picks the first listed flow that accepts it; else the default.
func pickFlow(_ context.Context, h *Handler, q *request) error {
	f := q.client.Flows
	candidates := append([]string{f.Default}, f.Others...)
	if q.create {
		candidates = []string{f.Create}
	}
	if len(q.journey.EssentialACR) == 0 {
		q.flow = candidates[0]
		return nil
	}
	for _, c := range candidates {
		accepted := h.Accepts(c)
		if c != "" && slices.ContainsFunc(q.journey.EssentialACR, func(a string) bool { return slices.Contains(accepted, a) }) {
			q.flow = c
			return nil
		}
	}
	return errUnmet
}

func isToken(err error) bool { return errors.Is(err, tokens.ErrToken) }
