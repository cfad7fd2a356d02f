// Package claims decides what tokens and answers say about a person: where each value comes from, which scope lets it out
// and where it goes. What only this server may say (sub, acr, amr, …) no source can write.
package claims

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/verdict"
)

// Where a claim may go.
const (
	IDToken       = "id_token"
	AccessToken   = "access_token"
	Userinfo      = "userinfo"
	Introspection = "introspection"
)

// Where a value comes from.
const (
	FromAccount   = "account"
	FromJourney   = "journey"
	FromConnector = "connector"
	FromHook      = "hook"
	FromClient    = "client"
)

// Rule is one claim of the settings.
type Rule struct {
	From      string   `json:"from" jsonschema:"required,enum=account,enum=journey,enum=connector,enum=hook,enum=client" jsonschema_description:"account: an attribute. journey: what the journey published. connector: an outside system. hook: a function of the claims script. client: claims of the client's settings, in tokens of its own too."`
	Attribute string   `json:"attribute,omitempty" jsonschema_description:"Attribute of the account, name published by the journey, or name among the client's claims. Default: the claim's own name."`
	Connector string   `json:"connector,omitempty" jsonschema_description:"Name of the connector."`
	Get       string   `json:"get,omitempty" jsonschema_description:"What to fetch from it; ${subject.id} and ${client.id} are filled in."`
	Path      string   `json:"path,omitempty" jsonschema_description:"Where the value lies inside the attribute or answer: names with dots between. Default: all of it, for connectors the claim's name."`
	Call      string   `json:"call,omitempty" jsonschema_description:"Exported function to call; it returns an object with claims by name. Default: the function named claims."`
	Transform string   `json:"transform,omitempty" jsonschema_description:"Exported function that is shown the value and returns the one that is told, for each token anew. When it fails, so has the source."`
	Scope     string   `json:"scope,omitempty" jsonschema_description:"Scope that lets it out; payment:* for any that begins so. Default: none is needed."`
	To        []string `json:"to,omitempty" jsonschema:"enum=id_token,enum=access_token,enum=userinfo,enum=introspection" jsonschema_description:"Where it goes. Default: userinfo."`
	Required  bool     `json:"required,omitempty" jsonschema_description:"When its source fails, nothing is issued. Default: it is left out and logged."`

	movable bool // a claim of the standard, which the claims parameter may move into the ID token
}

// Settings are the claims by name.
type Settings map[string]Rule

// ErrSettings marks a mistake in the claims settings.
var ErrSettings = errors.New("claims settings")

// maxTransforms bounds the claims that are transformed.
const maxTransforms = 20

// HookName is the function that may shape all claims at once.
const HookName = "claims"

func compile(s Settings) (map[string]Rule, error) {
	rules := standard()
	var problems []error
	changed := 0
	problem := func(name, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%w: %q: "+format, append([]any{ErrSettings, name}, args...)...))
	}
	for name, r := range s {
		if verdict.Reserved(name) {
			problem(name, "only this server says that")
		}
		if name == "" || len(name) > 200 || strings.ContainsFunc(name, func(c rune) bool { return c < 0x21 || c == 0x7f || c == '"' || c == '\\' }) {
			problem(name, "not a claim's name")
		}
		switch r.From {
		case FromAccount, FromJourney, FromClient:
			if r.Connector != "" || r.Get != "" || r.Call != "" {
				problem(name, "connector, get and call do not go with from: %s", r.From)
			}
			if r.Attribute == "" {
				r.Attribute = name
			}
		case FromConnector:
			if r.Connector == "" || r.Get == "" || r.Call != "" || r.Attribute != "" {
				problem(name, "from: connector needs connector and get, and takes neither call nor attribute")
			}
			if _, err := fill(r.Get, "", ""); err != nil {
				problem(name, "get: %w", err)
			}
			if r.Path == "" {
				r.Path = name
			}
		case FromHook:
			if r.Connector != "" || r.Get != "" || r.Attribute != "" || r.Path != "" || r.Transform != "" {
				problem(name, "connector, get, attribute, path and transform do not go with from: hook")
			}
			if r.Call == "" {
				r.Call = HookName
			}
		default:
			problem(name, "from is %q; write account, journey, connector, hook or client", r.From)
		}
		if r.Transform != "" {
			changed++
		}
		if r.Transform == HookName {
			problem(name, "transform: the function claims sees all claims at once; write another for one value")
		}
		said := len(r.To) > 0
		if !said {
			r.To = []string{Userinfo}
		}
		for _, t := range r.To {
			if !slices.Contains([]string{IDToken, AccessToken, Userinfo, Introspection}, t) {
				problem(name, "to: %q; write id_token, access_token, userinfo or introspection", t)
			}
		}
		if old, ok := rules[name]; ok { // a standard claim keeps its scope, and may be asked for by name, when only its source changes
			r.movable = old.movable && !said // to: is where it goes, and nowhere else
			if r.Scope == "" {
				r.Scope = old.Scope
			}
		}
		rules[name] = r
	}
	if changed > maxTransforms {
		problems = append(problems, fmt.Errorf("%w: transform on %d claims; each is a call for each token, keep at most %d", ErrSettings, changed, maxTransforms))
	}
	return rules, errors.Join(problems...)
}

// standard are the claims of OpenID Connect Core §5.4.
func standard() map[string]Rule {
	rules := map[string]Rule{}
	for scope, names := range map[string][]string{
		"profile": {"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
			"website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"},
		"email":   {"email", "email_verified"},
		"phone":   {"phone_number", "phone_number_verified"},
		"address": {"address"},
	} {
		for _, n := range names {
			rules[n] = Rule{From: FromAccount, Attribute: n, Scope: scope, To: []string{Userinfo}, movable: true}
		}
	}
	return rules
}
