package registration

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/live"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Operators is the management API: programs of the operator's register clients, and read, change and remove those that registered. They come with an access token
// of their own client (client_credentials) that has the scope stile:clients; no person's token will do, whatever its scopes.
type Operators struct {
	Handler *Handler
	List    func(ctx context.Context, after string, limit int) ([]identity.Registration, error)
	Clients oauth.Clients
	Grants  *live.Grants
	Tokens  *tokens.Tokens
	Sender  *sender.Sender
}

// Mount adds the API to the host's router.
func (o *Operators) Mount(r *mux.Router) {
	base := o.Handler.Issuer.Path(oauth.ManagePath)
	r.Path(base).HandlerFunc(o.all)
	r.Path(base + "/{client}").HandlerFunc(o.one)
	r.Path(base + "/{client}/secret").HandlerFunc(o.secret)
}

var (
	errScope = &oauth.Error{Code: oauth.InsufficientScope, Description: "The access token needs the scope " + oauth.ScopeClients + "."}
	errThere = oauth.Fail(oauth.NotFound, "There is no such client here. Those of the settings are changed there.")
	errPage  = oauth.Fail(oauth.InvalidRequest, "after is an id, and limit is 1 to 1000.")
	errKind  = oauth.Fail(oauth.InvalidMetadata, "kind: name one of the kinds of the settings.")
	errOwn   = oauth.Fail(oauth.InvalidRequest, "The client has no secret.")
)

// caller lets in whoever holds a good token: its client, for the audit trail. A token that is bound to a key needs that key.
func (o *Operators) caller(r *http.Request) (string, error) {
	h, ctx := o.Handler, r.Context()
	token, dpop, err := sender.Shown(r)
	if err != nil {
		return "", err
	}
	a, err := o.Tokens.ParseAccess(ctx, token, h.Now())
	switch {
	case errors.Is(err, tokens.ErrToken):
		return "", errToken
	case err != nil:
		return "", err
	case a.Grant != "", !slices.Contains(a.Audience, string(h.Issuer)): // a person's, or one for somebody else
		return "", errToken
	}
	c, err := o.Clients.Client(ctx, a.Client)
	if errors.Is(err, oauth.ErrNoClient) {
		return "", errToken
	}
	if err != nil {
		return "", err
	}
	if err := o.Sender.Holds(ctx, r, c, a.Confirm, sender.Wanted{Path: strings.TrimPrefix(r.URL.Path, h.Issuer.Path("")), Token: token}, dpop); err != nil {
		return "", err
	}
	revoked, err := o.Grants.OwnRevoked(ctx, a.ID, h.Now())
	switch {
	case err != nil:
		return "", err
	case revoked:
		return "", errToken
	case identity.Registered(c.ID), !slices.Contains(a.Scope, oauth.ScopeClients), !slices.Contains(c.Scopes, oauth.ScopeClients):
		return "", errScope // what the settings took from the client, it has no longer
	}
	return c.ID, nil
}

// serve answers a request of whoever may ask.
func (o *Operators) serve(w http.ResponseWriter, r *http.Request, work map[string]func(by string) (int, []byte, error)) {
	do := work[r.Method]
	if do == nil {
		var offered []string
		for m := range work {
			offered = append(offered, m)
		}
		slices.Sort(offered)
		wire.Method(w, strings.Join(offered, ", "))
		return
	}
	by, err := o.caller(r)
	o.Sender.Answer(w, r)
	if err != nil {
		wire.NoStore(w)
		o.Sender.Refuse(w, r, o.Handler.Log, err)
		return
	}
	status, body, err := do(by)
	if errors.Is(err, identity.ErrConflict) {
		err = errMeantime.With(err)
	}
	o.Handler.answer(w, r, status, body, err)
}

func (o *Operators) all(w http.ResponseWriter, r *http.Request) {
	o.serve(w, r, map[string]func(string) (int, []byte, error){
		http.MethodGet:  func(string) (int, []byte, error) { return o.list(r) },
		http.MethodPost: func(by string) (int, []byte, error) { return o.create(w, r, by) },
	})
}

func (o *Operators) one(w http.ResponseWriter, r *http.Request) {
	with := func(do func(reg *identity.Registration, by string) (int, []byte, error)) func(string) (int, []byte, error) {
		return func(by string) (int, []byte, error) {
			reg, err := o.find(r)
			if err != nil {
				return 0, nil, err
			}
			return do(reg, by)
		}
	}
	o.serve(w, r, map[string]func(string) (int, []byte, error){
		http.MethodGet: with(func(reg *identity.Registration, _ string) (int, []byte, error) {
			body, err := o.told(reg, issued{})
			return http.StatusOK, body, err
		}),
		http.MethodPut: with(func(reg *identity.Registration, by string) (int, []byte, error) { return o.replace(w, r, reg, by) }),
		http.MethodDelete: with(func(reg *identity.Registration, by string) (int, []byte, error) {
			err := o.write(r, identity.RemoveClient{ID: reg.ID, At: o.Handler.Now()}, "client.removed", reg, by)
			return http.StatusNoContent, nil, err
		}),
	})
}

// secret gives a client a new secret. The one before is worth nothing from then on, here at once and elsewhere within five seconds.
func (o *Operators) secret(w http.ResponseWriter, r *http.Request) {
	o.serve(w, r, map[string]func(string) (int, []byte, error){http.MethodPost: func(by string) (int, []byte, error) {
		reg, err := o.find(r)
		if err != nil {
			return 0, nil, err
		}
		if reg.Secret == "" {
			return 0, nil, errOwn
		}
		next := *reg
		next.Secret = ""
		return o.keep(r, &next, by, http.StatusOK)
	}})
}

func (o *Operators) find(r *http.Request) (*identity.Registration, error) {
	if err := wire.NoQuery(r); err != nil {
		return nil, err
	}
	id := mux.Vars(r)["client"]
	if !identity.Registered(id) {
		return nil, errThere
	}
	reg, err := o.Handler.Ledger.Registration(r.Context(), id)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, errThere
	}
	return reg, err
}

// list tells a page of clients, by id.
func (o *Operators) list(r *http.Request) (int, []byte, error) {
	p, err := wire.Parse(r.URL.RawQuery)
	if err != nil {
		return 0, nil, err
	}
	after, limit := p.Get("after"), 100
	if p.Has("limit") {
		if limit, err = strconv.Atoi(p.Get("limit")); err != nil {
			return 0, nil, errPage
		}
	}
	if limit < 1 || limit > 1000 || after != "" && !identity.Registered(after) {
		return 0, nil, errPage
	}
	found, err := o.List(r.Context(), after, limit)
	if err != nil {
		return 0, nil, err
	}
	out := struct {
		Clients []json.RawMessage `json:"clients"`
		Next    string            `json:"next,omitempty"`
	}{Clients: []json.RawMessage{}}
	for i := range found {
		one, err := o.told(&found[i], issued{})
		if err != nil {
			return 0, nil, err
		}
		out.Clients = append(out.Clients, one)
	}
	if len(found) == limit {
		out.Next = found[limit-1].ID
	}
	body, err := json.Marshal(out)
	return http.StatusOK, body, err
}

// create registers a client of the kind named. The hook is for strangers; here the operator's own program has decided.
func (o *Operators) create(w http.ResponseWriter, r *http.Request, by string) (int, []byte, error) {
	h, now := o.Handler, o.Handler.Now()
	m, of, err := o.read(w, r, "")
	if err != nil {
		return 0, nil, err
	}
	id, err := random(h.Random, 26)
	if err != nil {
		return 0, nil, err
	}
	reg := &identity.Registration{ID: identity.RegisteredPrefix + id, Kind: of, Via: by, Managed: true, Revision: 1, Created: now, Changed: now}
	given, err := h.issue(r.Context(), reg, m)
	if err != nil {
		return 0, nil, err
	}
	if err := o.write(r, identity.CreateClient{Registration: *reg}, "client.registered", reg, by); err != nil {
		return 0, nil, err
	}
	body, err := o.told(reg, given)
	return http.StatusCreated, body, err
}

// replace puts other metadata in place of all the client has, and another kind if one is named. Its registration access token stays what it is.
func (o *Operators) replace(w http.ResponseWriter, r *http.Request, reg *identity.Registration, by string) (int, []byte, error) {
	m, of, err := o.read(w, r, reg.Kind)
	if err != nil {
		return 0, nil, err
	}
	next := *reg
	next.Kind = of
	if next.Metadata, err = json.Marshal(m); err != nil {
		return 0, nil, err
	}
	return o.keep(r, &next, by, http.StatusOK)
}

// keep completes a change: with a secret if one is needed and there is none.
func (o *Operators) keep(r *http.Request, next *identity.Registration, by string, status int) (int, []byte, error) {
	m, err := kind.Stored(next)
	if err != nil {
		return 0, nil, err
	}
	token, previous := next.Token, next.Previous
	given, err := o.Handler.issue(r.Context(), next, m)
	if err != nil {
		return 0, nil, err
	}
	next.Token, next.Previous, next.Changed, given.token = token, previous, o.Handler.Now(), ""
	if err := o.write(r, identity.ChangeClient{Registration: *next}, "client.changed", next, by); err != nil {
		return 0, nil, err
	}
	body, err := o.told(next, given)
	return status, body, err
}

// read takes metadata and the kind they are for; standard is the kind when none is named.
func (o *Operators) read(w http.ResponseWriter, r *http.Request, standard string) (*kind.Metadata, string, error) {
	if err := wire.NoQuery(r); err != nil {
		return nil, "", err
	}
	object, err := body(w, r)
	if err != nil {
		return nil, "", err
	}
	of := standard
	if object.Has("kind") {
		of = object.Text("kind")
	}
	if _, ok := o.Handler.Settings.Kinds[of]; !ok {
		return nil, "", errKind
	}
	known := foreign.Object{}
	for name, v := range object {
		if name != "kind" {
			known[name] = v
		}
	}
	plain := *o.Handler
	plain.Judge = nil
	m, of, err := plain.settle(r.Context(), known, Asked{Kind: of}, o.Handler.Now())
	return m, of, err
}

func (o *Operators) write(r *http.Request, w identity.Write, event string, reg *identity.Registration, by string) error {
	h := o.Handler
	detail, err := json.Marshal(map[string]string{"kind": reg.Kind, "by": by})
	if err != nil {
		return err
	}
	err = h.Ledger.Apply(r.Context(), []identity.Write{w}, []journey.Audit{{At: h.Now(), Event: event, Client: reg.ID, Address: h.Address(r), Detail: detail}})
	_, removed := w.(identity.RemoveClient)
	h.Changed(reg.ID, removed) // also after an error: the write may have lasted
	return err
}

// told is what the client itself is told, and what only the operator may know.
func (o *Operators) told(reg *identity.Registration, once issued) ([]byte, error) {
	m, err := kind.Stored(reg)
	if err != nil {
		return nil, err
	}
	b, err := o.Handler.told(reg, m, once)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, err
	}
	out["kind"], out["via"], out["changed_at"] = reg.Kind, reg.Via, reg.Changed.UTC().Format(time.RFC3339)
	if !reg.Used.IsZero() {
		out["used_at"] = reg.Used.UTC().Format(time.RFC3339)
	}
	return json.Marshal(out)
}
