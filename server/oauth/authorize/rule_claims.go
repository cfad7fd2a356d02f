package authorize

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/stile-id/stile/server/oauth"
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

// valued reports whether any value is asked for, of whatever form.
func (n *named) valued() bool {
	return n.Values != nil || len(n.Value) > 0 && string(n.Value) != "null"
}

var errNobody = oauth.Fail(oauth.LoginRequired, "Nobody is called so here.")

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
	sub := c.IDToken["sub"]
	if sub == nil || !sub.valued() {
		return nil
	}
	v := sub.texts()
	if len(v) != 1 { // two people, or something that is no name: nobody is both, and nobody is called so
		return errNobody
	}
	account, ok := h.Tokens.Account(q.client, v[0])
	if !ok {
		return errNobody
	}
	q.journey.Subject, q.note.Subject = account, account
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
