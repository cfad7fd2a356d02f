package run_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/server/store/suite/expect"
	"github.com/stile-id/stile/server/watch"
)

// seen is what a person sees of a reply, to the byte, with the name typed replaced: two people with names of one length compare equal.
func seen(t *testing.T, b *browser, name string) []byte {
	t.Helper()
	denied := b.reply.Denied
	if denied != nil {
		same := *denied
		same.Reference = "random"
		denied = &same
	}
	raw, err := json.Marshal(struct {
		Prompt, Denied any
		Revision       int
		Rotated        bool
	}{b.reply.Prompt, denied, b.reply.Revision, b.reply.Binding != ""})
	expect.OK(t, err)
	return bytes.ReplaceAll(raw, []byte(name), []byte("NAME"))
}

// TestRule15_KnownAndUnknownLookTheSame: every prompt is the same to the byte, and so is the work: hashes, tries, commits.
func TestRule15_KnownAndUnknownLookTheSame(t *testing.T) {
	type answer struct {
		press  string
		fields []string
		wait   time.Duration
	}
	wrong := answer{fields: []string{"password", "wrong"}}
	guess := answer{fields: []string{"code", "000000"}}
	for name, c := range map[string]struct {
		flow    string
		files   map[string]string
		answers []answer
	}{
		"password":         {"signin", signin, []answer{wrong, {}, wrong, wrong, wrong, wrong, wrong, wrong, {wait: time.Minute, fields: wrong.fields}, wrong, {press: "forgot"}}},
		"recovery by code": {"recover", recovery, []answer{guess, {}, {press: "resend"}, {press: "resend", wait: time.Minute}, guess, guess, guess, guess, guess, guess}},
		"sign-up by code": {"signup", map[string]string{"signup.yaml": `flow: signup
start: who
accept: { basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: code } }
  code: { use: otp.email, with: { purpose: sign-up }, next: { ok: create, failed: denied } }
  create: { use: account.create, next: { created: set, exists: denied } }
  set: { use: password.set, next: { ok: done, stale: denied } }
`}, []answer{guess, {}, {press: "resend", wait: time.Minute}, guess, {press: "resend", wait: time.Minute}, {press: "resend", wait: time.Minute}, {press: "resend", wait: time.Minute}, {press: "resend", wait: time.Minute}}},
	} {
		t.Run(name, func(t *testing.T) {
			type work struct{ verifies, hashes, tries, commits int32 }
			var pages [2][][]byte
			var works [2][]work
			for i, who := range []string{"anna", "nobo"} {
				w := newWorld(t, c.files)
				w.account("anna", "correct horse battery")
				b := w.begin(c.flow, journey.Request{Client: "app", IP: "192.0.2.1"}).press("", "identifier", who+"@example.org")
				at := func() {
					pages[i] = append(pages[i], seen(t, b, who))
					works[i] = append(works[i], work{w.hasher.verifies.Load(), w.hasher.hashes.Load(), w.ledger.tries.Load(), w.ledger.commits.Load()})
				}
				at()
				for _, a := range c.answers {
					if b.reply.Prompt == nil {
						break
					}
					w.after(a.wait)
					b.press(a.press, a.fields...)
					at()
				}
			}
			for n := range pages[0] {
				if !bytes.Equal(pages[0][n], pages[1][n]) {
					t.Errorf("page %d:\nknown   %s\nunknown %s", n, pages[0][n], pages[1][n])
				}
				if works[0][n] != works[1][n] {
					t.Errorf("work until page %d: known %+v, unknown %+v", n, works[0][n], works[1][n])
				}
			}
			if name == "password" && works[0][1].verifies != 1 {
				t.Errorf("one password took %d comparisons", works[0][1].verifies)
			}
		})
	}
}

// TestRule16_TheTrailHoldsNoSecret: neither the log nor the stored journey holds a password or a code, and journeys at the password step of the
// shipped flow stay small.
func TestRule16_TheTrailHoldsNoSecret(t *testing.T) {
	folder, err := watch.ReadFolder(flows.Shipped)
	expect.OK(t, err)
	files := map[string]string{}
	for name, text := range folder {
		files[name] = strings.ReplaceAll(string(text), "use: federate.oidc\n    with: { provider: acme, login_hint: \"${steps.who.identifier}\" }\n    next: { ok: link, cancelled: who, unavailable: away }",
			"use: ask.message\n    with: { title: Employer }\n    next: { ok: away }")
	}
	files["signin.yaml"] = cut(files["signin.yaml"], "  link:\n", "  password:\n")
	w := newWorld(t, files)
	w.account("ann", "correct horse battery")
	r := journey.Request{Client: "shop", ClientName: "Shop", Scopes: []string{"openid", "email", "profile"}, Locale: []string{"de-DE", "en"}, IP: "192.0.2.1",
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		Context:   json.RawMessage(`{"redirect_uri":"https://shop.example.org/callback","state":"af0ifjsldkj","nonce":"n-0S6_WzA2Mj","code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}`)}
	b := w.begin("signin", r).at("who")
	b.press("", "identifier", "ann@example.org").at("password")
	raw, err := journey.Encode(b.stored())
	expect.OK(t, err)
	t.Logf("%d bytes at the password step: %q", len(raw), raw)
	if len(raw) > 1400 {
		t.Errorf("a journey at the password step takes %d bytes", len(raw))
	}
	b.press("", "password", "a wrong secret").at("password").press("", "password", "correct horse battery")
	raw, err = journey.Encode(b.stored())
	expect.OK(t, err)
	for _, secret := range []string{"a wrong secret", "correct horse", b.handle.Binding} {
		if strings.Contains(w.log.String(), secret) || bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%q is written down", secret)
		}
	}
}

// cut removes what lies between two lines.
func cut(s, from, to string) string {
	before, rest, ok := strings.Cut(s, from)
	_, after, found := strings.Cut(rest, to)
	if !ok || !found {
		return s
	}
	return before + to + after
}
