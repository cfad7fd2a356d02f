package app_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stile-id/stile/server/oauth/client"
)

// claimSettings adds a claim from every source there is.
const claimSettings = `claims-hook: claims.ts
claims:
  tier: { from: journey, scope: profile, to: [id_token, userinfo] }
  nickname: { from: account, attribute: nick, scope: profile, to: [userinfo] }
  balance: { from: connector, connector: bank, get: "/accounts/${subject.id}", path: balance, scope: api, to: [id_token, introspection], required: true }
  segment: { from: hook, call: segment, scope: profile, to: [id_token] }
  shaped: { from: hook, call: segment, scope: profile, to: [id_token] }
  masked: { from: journey, attribute: tier, transform: mask, scope: profile, to: [id_token] }
  how: { from: hook, call: how, to: [id_token, introspection] }
`

const claimsHook = `interface Asked { subject: string; scopes: string[]; claims: Record<string, unknown> }

export async function segment({ subject }: Asked) {
  const { json } = await call("bank", { get: "/accounts/" + subject });
  return { segment: json.balance > 100 ? "rich" : "plain", shaped: "no" };
}

export function mask({ claim, value }: { claim: string; value: string }) {
  return claim + " " + value[0] + "…";
}

export function how({ grant_type, token }: { grant_type: string; token: string }) {
  return { how: grant_type + " for " + token };
}

export function claims({ claims }: Asked) {
  return claims.shaped === undefined ? {} : { shaped: "by the last word" };
}

declare function call(name: string, request: { get: string }): Promise<{ status: number; json: { balance: number } }>;
`

// TestClaimsComeFromAccountJourneyConnectorAndHook: and a required one whose source is down holds the token back.
func TestClaimsComeFromAccountJourneyConnectorAndHook(t *testing.T) {
	var down atomic.Bool
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, `{"balance": 250, "secret": "kept"}`)
	}))
	t.Cleanup(bank.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "claims.ts"), []byte(claimsHook), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveIn(t, dir, claimSettings, "  bank: { base: \""+bank.URL+"\", allow-private: true, timeout: 1s, retries: 0 }\n")
	v := visit(t, p.base)
	v.begin("scope", "openid profile api")
	v.post("identifier", "ann@example.com")
	tokens, status := v.redeem(v.post("password", secret))
	if status != http.StatusOK {
		t.Fatal(status, tokens)
	}
	id := claimsOf(t, tokens["id_token"].(string))
	if id["tier"] != "basic" || id["segment"] != "rich" || id["shaped"] != "by the last word" || id["balance"] != 250.0 || id["how"] != "authorization_code for id_token" || id["masked"] != "masked b…" {
		t.Errorf("id_token: %v", id)
	}
	seen, err := v.send(http.MethodPost, "/introspect", url.Values{"token": {tokens["access_token"].(string)}}, func(r *http.Request) { r.SetBasicAuth("app", "app-secret") })
	if err != nil || !strings.Contains(seen.body, `"balance":250`) || !strings.Contains(seen.body, `"how":"authorization_code for introspection"`) || strings.Contains(seen.body, "kept") {
		t.Errorf("introspection: %v %s", err, seen.body)
	}
	down.Store(true)
	w := visit(t, p.base)
	w.begin("scope", "openid profile api")
	w.post("identifier", "bob@example.com")
	refused, status := w.redeem(w.post("password", secret))
	if status != http.StatusServiceUnavailable && status != http.StatusBadRequest || refused["error"] != "temporarily_unavailable" {
		t.Errorf("a required claim without its source: %d %v", status, refused)
	}
	x := visit(t, p.base)
	x.begin("scope", "openid profile") // nothing required here
	x.post("identifier", "bob@example.com")
	tokens, status = x.redeem(x.post("password", secret))
	if status != http.StatusOK || claimsOf(t, tokens["id_token"].(string))["segment"] != nil {
		t.Errorf("an optional claim without its source: %d %v", status, tokens)
	}
}

func claimsOf(t *testing.T, jwt string) map[string]any {
	t.Helper()
	parts := strings.Split(jwt, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

const exchangeHook = `interface Asked { client: string; owner: string; subject: string; scopes: string[]; audience: string[]; acr?: string }

export function exchange({ scopes, owner, acr }: Asked) {
  if (scopes.includes("email")) return false;
  if (scopes.includes("profile")) throw new Error("a mistake in the hook");
  return owner === "app" && acr === "urn:stile:basic" ? { scopes: ["api"] } : undefined;
}
`

// TestS036_ExchangeHook: the script of the settings allows, narrows and refuses; a mistake in it refuses.
func TestS036_ExchangeHook(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "exchange.ts"), []byte(exchangeHook), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveIn(t, dir, "exchange-hook: exchange.ts\n", "", fmt.Sprintf(`  - id: orders
    secrets: [%s]
    grant_types: ["urn:ietf:params:oauth:grant-type:token-exchange"]
    scopes: [api, email, profile]
    audience: ["ISSUER"]
    resources: [stock]
    exchange: { audience: [stock] }
`, client.Kept("app-secret")))
	v := visit(t, p.base)
	v.begin("scope", "openid profile email api")
	v.post("identifier", "ann@example.com")
	tokens, _ := v.redeem(v.post("password", secret))
	swap := func(scope string) answer {
		a, err := v.send(http.MethodPost, "/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "scope": {scope},
			"subject_token": {tokens["access_token"].(string)}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}},
			func(r *http.Request) { r.SetBasicAuth("orders", "app-secret") })
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for scope, want := range map[string]string{"api": `"scope":"api"`, "api email": "access_denied", "api profile": "access_denied"} {
		if a := swap(scope); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s, want %s", scope, a.body, want)
		}
	}
}
