package tokens

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// MaxActors bounds how often a token may be passed on.
const MaxActors = 10

// Acting says who acts for a token's subject, and who alone may come to (RFC 8693 §4.1, §4.4).
type Acting struct {
	Actors []string // who acts now, then who did before; subjects of accounts or clients
	MayAct string   // the one who may act for the subject; "" leaves it to the settings
}

// Say writes act and may_act: whoever acted before is nested in whoever acts now.
func (a Acting) Say(own map[string]any) {
	var act map[string]any
	for _, sub := range slices.Backward(a.Actors) {
		outer := map[string]any{"sub": sub}
		if act != nil {
			outer["act"] = act
		}
		act = outer
	}
	if act != nil {
		own["act"] = act
	}
	if a.MayAct != "" {
		own["may_act"] = map[string]any{"sub": a.MayAct}
	}
}

// write adds nothing for tokens nobody acts with, so that their records stay as short as they were.
func (a Acting) write(w *writer) {
	if len(a.Actors) > 0 || a.MayAct != "" {
		w.texts(a.Actors)
		w.text(a.MayAct)
	}
}

func readActing(r *reader) (a Acting) {
	if r.bad || r.s == "" {
		return a
	}
	a = Acting{Actors: r.texts(), MayAct: r.text()}
	if len(a.Actors) > MaxActors || len(a.Actors) == 0 && a.MayAct == "" {
		r.fail()
	}
	return a
}

// acting reads the two claims of a JWT.
type acting struct {
	Act    *actor `json:"act"`
	MayAct *actor `json:"may_act"`
}

type actor struct {
	Subject string `json:"sub"`
	Act     *actor `json:"act"`
}

func (c acting) read() (a Acting, ok bool) {
	for x := c.Act; x != nil; x = x.Act {
		if x.Subject == "" || len(a.Actors) == MaxActors {
			return Acting{}, false
		}
		a.Actors = append(a.Actors, x.Subject)
	}
	if c.MayAct != nil {
		if a.MayAct = c.MayAct.Subject; a.MayAct == "" {
			return Acting{}, false
		}
	}
	return a, true
}

// Person is an ID token of ours that holds: whom it is about, for which clients, and the grant it rests on.
type Person struct {
	Subject string
	Clients []string
	Grant   string
	Expires time.Time
	Acting
}

// IDNumber is the jti of an ID token: it names the grant, so that a token exchanged for it rests on the same one.
func (t *Tokens) IDNumber(grant string) (string, error) {
	id, err := t.NewID()
	return id + "." + grant, err
}

// ParseID reads an ID token that we issued and that has not expired.
func (t *Tokens) ParseID(ctx context.Context, token string, now time.Time) (*Person, error) {
	if len(token) > MaxJWT || !IsJWT(token) {
		return nil, ErrToken
	}
	body, err := t.Signer.Verify(ctx, token, TypeID)
	if err != nil {
		return nil, err
	}
	var c struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
		Aud     Names  `json:"aud"`
		Expires int64  `json:"exp"`
		ID      string `json:"jti"`
		acting
	}
	if json.Unmarshal(body, &c) != nil || c.Issuer != string(t.Issuer) || c.Subject == "" || len(c.Aud) == 0 {
		return nil, ErrToken
	}
	p := &Person{Subject: c.Subject, Clients: c.Aud, Expires: time.Unix(c.Expires, 0).UTC()}
	var ok bool
	if p.Acting, ok = c.read(); !ok {
		return nil, ErrToken
	}
	if _, p.Grant, _ = strings.Cut(c.ID, "."); p.Grant == "" || !now.Before(p.Expires) {
		return nil, ErrToken
	}
	return p, nil
}
