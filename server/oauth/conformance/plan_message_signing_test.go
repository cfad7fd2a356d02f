package conformance_test

import (
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth/pushed"
)

// TestPlanFAPI2MessageSigning: fapi2-message-signing-final-test-plan: the modules of the security profile with signed requests and answers, and those about request objects.
func TestPlanFAPI2MessageSigning(t *testing.T) {
	changed := func(change func(now int64) map[string]any) func(*testing.T, *fapi) {
		return func(_ *testing.T, f *fapi) {
			f.refused("", f.sealed("one", ask("one"), change(f.now().Unix())), "invalid_request_object")
		}
	}
	taken := func(change func(now int64) map[string]any) func(*testing.T, *fapi) {
		return func(_ *testing.T, f *fapi) { f.flow(f.sealed("one", ask("one"), change(f.now().Unix()))) }
	}
	one := func(n string, v any) func(int64) map[string]any {
		return func(int64) map[string]any { return map[string]any{n: v} }
	}
	typ := map[string]any{"typ": "oauth-authz-req+jwt"}
	everyFAPI(t, true, append(fapiModules(), []fapiModule{
		{"ensure-request-object-with-multiple-aud-succeeds", "", taken(one("aud", []string{issuer, "https://other.example"}))},
		{"ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted", "", taken(func(now int64) map[string]any { return map[string]any{"nbf": now + 8} })},
		{"ensure-request-object-without-exp-fails", "", changed(one("exp", nil))},
		{"ensure-request-object-without-nbf-fails", "", changed(one("nbf", nil))},
		{"ensure-expired-request-object-fails", "", changed(func(now int64) map[string]any { return map[string]any{"nbf": now - 600, "exp": now - 300} })},
		{"ensure-request-object-with-bad-aud-fails", "", changed(one("aud", "https://other.example"))},
		{"ensure-request-object-with-exp-over-60-fails", "", changed(func(now int64) map[string]any { return map[string]any{"exp": now + 4200} })},
		{"ensure-request-object-with-nbf-over-60-fails", "", changed(func(now int64) map[string]any { return map[string]any{"nbf": now - 4200} })},
		{"ensure-signed-request-object-with-RS256-fails", "", func(t *testing.T, f *fapi) {
			rs := key{private: f.keys["one"].private, alg: "RS256", kid: "one"}
			f.refused("", form("request", rs.sign(t, typ, f.object("one", ask("one")))), "invalid_request_object")
		}},
		{"ensure-request-object-signature-algorithm-is-not-none", "", func(t *testing.T, f *fapi) {
			f.refused("", form("request", encode(t, map[string]any{"alg": "none"})+"."+encode(t, f.object("one", ask("one")))+"."), "invalid_request_object")
		}},
		{"ensure-request-object-with-invalid-signature-fails", "", func(_ *testing.T, f *fapi) {
			v := f.sealed("one", ask("one"), nil)
			jwt := v.Get("request")
			v.Set("request", jwt[:strings.LastIndexByte(jwt, '.')+1]+strings.Repeat("A", 342))
			f.refused("", v, "invalid_request_object")
		}},
		{"ensure-matching-key-in-authorization-request", "", func(t *testing.T, f *fapi) {
			f.refused("", form("request", f.keys["two"].sign(t, typ, f.object("one", ask("one")))), "invalid_request_object")
		}},
		{"ensure-unsigned-request-at-par-endpoint-fails", "", func(_ *testing.T, f *fapi) { f.refused("", ask("one"), "invalid_request", "invalid_request_object") }},
		{"par-authorization-request-containing-request_uri", "", changed(one("request_uri", pushed.Prefix+strings.Repeat("A", 26)))},
		{"ensure-different-nonce-inside-and-outside-request-object, ensure-different-state-inside-and-outside-request-object", "", func(t *testing.T, f *fapi) {
			a := f.opened("one", f.pushes("one", f.sealed("one", ask("one"), nil)), "nonce", "outside", "state", "outside")
			if a["state"] != "st&te=1" || a["code"] == nil {
				t.Fatalf("%v", a)
			}
			status, m := f.call("one", "/token", f.grant(a["code"].(string)), nil)
			if status != 200 || f.payload(m["id_token"], "JWT")["nonce"] != "n-0S6" {
				t.Errorf("%d %v", status, m)
			}
		}},
		{"state-only-outside-request-object-not-used", "", func(t *testing.T, f *fapi) {
			if a := f.opened("one", f.pushes("one", f.sealed("one", ask("one"), map[string]any{"state": nil})), "state", "outside"); a["state"] != nil || a["code"] == nil {
				t.Errorf("%v", a)
			}
		}},
	}...))
}
