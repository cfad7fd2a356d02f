package pending

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
)

// Note travels with the journey in which the person decides, unseen by its steps.
type Note struct {
	Kind      string          `json:"pending"`
	Key       string          `json:"key"`
	Client    string          `json:"c"`
	Scope     []string        `json:"sc,omitempty"`
	Resources []string        `json:"re,omitempty"`
	Details   json.RawMessage `json:"ad,omitempty"`
	Essential []string        `json:"e,omitempty"`
	Subject   string          `json:"su,omitempty"`
	Offline   bool            `json:"o,omitempty"`
	Absolute  int64           `json:"a"` // seconds a grant lives
	Expires   int64           `json:"x"` // seconds since 1970

	Delivery string        `json:"d,omitempty"`
	Confirm  oauth.Confirm `json:"cn,omitzero"`
	Box      []byte        `json:"bx,omitempty"`
}

// KindOf is the kind of a journey's note, "" when it is none of this room's.
func KindOf(note json.RawMessage) string {
	var n struct {
		Kind string `json:"pending"`
	}
	if json.Unmarshal(note, &n) != nil {
		return ""
	}
	return n.Kind
}

// Is reports whether a journey's note is one of this room's.
func Is(note json.RawMessage) bool { return KindOf(note) != "" }

func read(note json.RawMessage) (*Note, error) {
	n := &Note{}
	if err := json.Unmarshal(note, n); err != nil || n.Kind == "" || n.Key == "" || n.Client == "" {
		return nil, errors.Join(errors.New("read a pending request's note"), err)
	}
	return n, nil
}

// Redirect stands in a grant where a code's redirect URI would: only who holds the secret behind the key can redeem it.
func Redirect(key string) string { return "urn:stile:pending:" + key }

// collect is how long a grant waits to be collected by a client that may not refresh it; a record is good for no longer.
const collect = 10 * time.Minute

// Journey is the request for the journey in which a person decides about a record.
func Journey(r *Record, key string, c *oauth.Client) (oauth.Request, error) {
	absolute := c.AbsoluteFor()
	if !slices.Contains(c.GrantTypes, oauth.GrantRefresh) {
		absolute = collect + c.AccessFor()
	}
	n := Note{Kind: r.Kind, Key: key, Client: r.Client, Scope: r.Scope, Resources: r.Resources, Details: r.Details, Essential: r.Essential, Subject: r.Subject,
		Expires: r.Expires, Delivery: r.Delivery, Confirm: r.Confirm, Box: r.Box, Offline: slices.Contains(r.Scope, "offline_access") && slices.Contains(c.GrantTypes, oauth.GrantRefresh), Absolute: int64(absolute.Seconds())}
	note, err := json.Marshal(n)
	if err != nil {
		return oauth.Request{}, fmt.Errorf("write a pending request's note: %w", err)
	}
	return oauth.Request{Flow: r.Flow, Journey: journey.Request{Client: c.ID, ClientName: c.Name, PolicyURI: c.PolicyURI, TosURI: c.TosURI, Theme: c.Theme, Scopes: r.Scope, Details: r.Details, EssentialACR: r.Essential, Subject: r.Subject,
		Approve: &journey.Approve{Kind: r.Kind, Code: r.Code, Message: r.Message, Place: r.Place}, Context: note}}, nil
}

// Approve is what the deciding journey's last transaction writes when the person said yes: the grant, that the request is decided, which one
// journey can write only, and what its client is told. It is nothing when they did not, when it is too late, or when it was decided elsewhere.
func (s *Store) Approve(ctx context.Context, v *verdict.Verdict, note json.RawMessage, now time.Time) ([]identity.Write, []journey.Message, error) {
	n, err := read(note)
	if err != nil || !approves(n, v) {
		return nil, nil, err
	}
	if open, err := s.open(ctx, n, now); err != nil || !open {
		return nil, nil, err
	}
	g, err := grant(n, v, now)
	if err != nil {
		return nil, nil, err
	}
	told, err := n.tell(Approved, g.ID, now)
	return []identity.Write{n.decided(), identity.PutGrant{Grant: g}}, told, err
}

// Refuse is what the transaction of a denied journey writes when that decides the request.
func (s *Store) Refuse(ctx context.Context, d journey.Denial, note json.RawMessage, now time.Time) ([]identity.Write, []journey.Message, error) {
	n, err := read(note)
	if err != nil || d.Code != oauth.AccessDenied {
		return nil, nil, err
	}
	if open, err := s.open(ctx, n, now); err != nil || !open {
		return nil, nil, err
	}
	told, err := n.tell(Refused, "", now)
	return []identity.Write{n.decided()}, told, err
}

// open reports whether there is something to decide still. Two journeys may both be told so; the ledger lets one decide.
func (s *Store) open(ctx context.Context, n *Note, now time.Time) (bool, error) {
	if now.Unix() >= n.Expires {
		return false, nil
	}
	_, err := s.Look(ctx, n.Key, now)
	if errors.Is(err, ErrGone) {
		return false, nil
	}
	return err == nil, err
}

// decided uses the request up in the ledger: whoever comes second has decided nothing.
func (n *Note) decided() identity.Write { return used(n.Key, n.Expires) }

func used(key string, expires int64) identity.Write {
	return identity.Consume{Space: "pending", ID: key, Expires: time.Unix(expires, 0).Add(time.Hour)}
}

// grant does not rest on the session of the browser they decided in: what waits is elsewhere.
func grant(n *Note, v *verdict.Verdict, now time.Time) (g identity.Grant, err error) {
	request, err := json.Marshal(oauth.Asked{Resources: n.Resources, Details: n.Details, GrantType: n.grantType()})
	if err != nil {
		return g, fmt.Errorf("make a grant: %w", err)
	}
	kept, err := json.Marshal(oauth.ProvedBy(v))
	if err != nil {
		return g, fmt.Errorf("make a grant: %w", err)
	}
	var scope []string
	for _, s := range n.Scope {
		if v.Scope == nil || slices.Contains(v.Scope, s) {
			scope = append(scope, s)
		}
	}
	return identity.Grant{ID: v.Journey, Client: n.Client, Account: v.Subject, Flow: v.Flow, Scope: scope, Redirect: Redirect(n.Key), Request: request, Verdict: kept,
		Offline: n.Offline && slices.Contains(scope, "offline_access"), Created: now, Expires: now.Add(time.Duration(n.Absolute) * time.Second)}, nil
}

// grantType is the one by which the client collects the grant.
func (n *Note) grantType() string {
	if n.Kind == Device {
		return oauth.GrantDevice
	}
	return oauth.GrantBackchannel
}

// approves judges once more what the engine judged: whom, how well proved, and that they were asked and said yes.
func approves(n *Note, v *verdict.Verdict) bool {
	return v != nil && v.Journey != "" && v.Subject != "" && v.Client == n.Client && (n.Subject == "" || n.Subject == v.Subject) &&
		(len(n.Essential) == 0 || slices.Contains(n.Essential, v.ACR)) && verdict.Facts(v.Evidence, v.Subject).Has(verdict.Approved)
}

// Finish writes the ending of a deciding journey down for the client that waits, and returns what became of the request: Approved, Refused, Open when it
// may be tried again, or ErrGone.
func (s *Store) Finish(ctx context.Context, clients oauth.Clients, e journey.Ending, id string, note json.RawMessage, now time.Time) (state string, r *Record, err error) {
	n, err := read(note)
	if err != nil {
		return "", nil, err
	}
	c, err := clients.Client(ctx, n.Client)
	if errors.Is(err, oauth.ErrNoClient) {
		return "", nil, ErrGone
	}
	if err != nil {
		return "", nil, err
	}
	var grant string
	switch v := e.Verdict; {
	case e.Denied != nil && e.Denied.Code == oauth.AccessDenied:
		state = Refused
	case v != nil && v.Journey == id && approves(n, v) && c.Flows.Waits(n.Kind) == v.Flow:
		state, grant = Approved, id
	default:
		return Open, nil, nil
	}
	r, err = s.Decide(ctx, n.Key, state, grant, now)
	return state, r, err
}
