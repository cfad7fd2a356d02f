package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pushed"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// answered stands in the place of a redirect URI in the note and the grant of a request that is answered directly. It is none that a client
// could register, so the authorization endpoint finishes no such journey, and the challenge endpoint no other.
const answered = "urn:stile:challenge"

// maxWeb bounds the request that is kept for a browser, in bytes. A longer one is the app's to make again.
const maxWeb = 8 << 10

// Native makes a journey's request of what an app asks for that shows the prompts by itself. It passes the same rules as at the authorization endpoint; jkt is
// the thumbprint of the DPoP key whose proof came with it, "" without one.
func (h *Handler) Native(r *http.Request, c *oauth.Client, p wire.Params, jkt string) (oauth.Request, error) {
	q := &request{params: p, http: r, client: c, now: h.Now()}
	q.note.Client, q.note.Started, q.note.JKT = c.ID, q.now.Unix(), jkt
	if err := h.treat(r.Context(), direct, q); err != nil {
		return oauth.Request{}, err
	}
	q.note.Web, q.note.Signed = forWeb(q.params), q.signed
	var err error
	if q.journey.Context, err = json.Marshal(q.note); err != nil {
		return oauth.Request{}, fmt.Errorf("note an authorization request: %w", err)
	}
	q.journey.Native = true
	return oauth.Request{Flow: q.flow, Journey: q.journey}, nil
}

func forWeb(p wire.Params) [][2]string {
	kept, size := p.Pairs("client_id", "client_secret", "client_assertion", "client_assertion_type", "request", "auth_session"), 0
	for _, pair := range kept {
		size += len(pair[0]) + len(pair[1])
	}
	if size > maxWeb {
		return nil
	}
	return kept
}

var errNotDirect = errors.New("authorize: not the journey of an app that is answered directly")

// JKT is the thumbprint of the DPoP key that the code of a request will be for, "" for none.
func JKT(note json.RawMessage) (string, error) {
	n, err := readNote(note)
	if err != nil {
		return "", err
	}
	return n.JKT, nil
}

func ofApp(c *oauth.Client, note json.RawMessage) (*Note, error) {
	n, err := readNote(note)
	if err == nil && (n.Redirect != answered || n.Client != c.ID) {
		err = errNotDirect
	}
	return n, err
}

// Code is what a journey's ending earns an app: a code, or an *oauth.Error. Whatever may have changed since the journey began is judged again.
func (h *Handler) Code(c *oauth.Client, ending journey.Ending, journeyID string, note json.RawMessage) (string, error) {
	n, err := ofApp(c, note)
	if err != nil {
		return "", err
	}
	if e := h.judge(c, n, ending, journeyID); e != nil {
		return "", e
	}
	now := h.Now()
	return h.Tokens.SealCode(tokens.Code{Grant: journeyID, JKT: n.JKT, Expires: now.Add(c.CodeFor())}, now), nil
}

// Web keeps an app's request for the browser that it has to open, as if it had been pushed, and returns its request_uri. It is "" where there was no PKCE
// challenge, or no one redirect URI to come back to: the app then makes a request of its own. Nothing of the journey goes with it: what was proved in the app
// stays there, so whoever opens the address is nobody yet.
func (h *Handler) Web(ctx context.Context, c *oauth.Client, note json.RawMessage) (uri string, err error) {
	n, err := ofApp(c, note)
	if err != nil {
		return "", err
	}
	back := ""
	for _, pair := range n.Web {
		if pair[0] == "redirect_uri" {
			back = pair[1]
		}
	}
	if _, err := redirect(c, back); err != nil || n.Challenge == "" || len(n.Web) == 0 {
		return "", nil
	}
	return h.Pushed.Put(ctx, pushed.Request{Client: c.ID, Params: n.Web, Signed: n.Signed, JKT: n.JKT, Made: h.Now()})
}
