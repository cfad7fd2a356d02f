package dev_test

import (
	"testing"

	webauthn "github.com/descope/virtualwebauthn"
	"golang.org/x/net/html"

	"github.com/stile-id/stile/server/dev"
)

// device is an authenticator with one passkey, and the script that a page would run beside it.
type device struct {
	t    *testing.T
	rp   webauthn.RelyingParty
	auth webauthn.Authenticator
	key  webauthn.Credential
}

func newDevice(t *testing.T, d *dev.Dev) *device {
	return &device{t: t, rp: webauthn.RelyingParty{Name: "Stile development", ID: "localhost", Origin: d.Issuer()},
		auth: webauthn.NewAuthenticator(), key: newKey()}
}

// ceremony is the form of the page whose answer is a passkey's.
func (b *browser) ceremony() *html.Node {
	b.t.Helper()
	for n := range b.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && has(n, "data-passkey") {
			return n
		}
	}
	b.t.Fatalf("there is no passkey form on %s:\n%s", b.at, b.text)
	return nil
}

// create makes the passkey that the page asks for.
func (v *device) create(b *browser) {
	v.t.Helper()
	form := b.ceremony()
	o, err := webauthn.ParseAttestationOptions(attr(form, "data-passkey"))
	if err != nil {
		v.t.Fatal(err)
	}
	v.auth.Options.UserHandle = []byte(o.UserID)
	b.submitForm(form, nil, "passkey", webauthn.CreateAttestationResponse(v.rp, v.auth, v.key, *o))
	v.auth.AddCredential(v.key)
}

// use answers with the passkey.
func (v *device) use(b *browser) {
	v.t.Helper()
	form := b.ceremony()
	o, err := webauthn.ParseAssertionOptions(attr(form, "data-passkey"))
	if err != nil {
		v.t.Fatal(err)
	}
	b.submitForm(form, nil, "passkey", webauthn.CreateAssertionResponse(v.rp, v.auth, v.key, *o))
}

func TestSignUpAndSignInWithAPasskey(t *testing.T) {
	d := serveAt(t, "localhost:0", t.TempDir(), "")
	phone := newDevice(t, d)
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Create an account")
	b.answer("identifier", "eve@example.com")
	b.answer("code", codeIn(t, letter(t, d, "eve@example.com", 1)))
	b.press("passkey")
	b.expect("passkey.enroll")
	phone.create(b)
	b.expect("sample")
	want(t, b.object("claims"), "acr", "urn:stile:strong")
	sub := b.object("claims")["sub"]
	letter(t, d, "eve@example.com", 2) // told by mail

	b = open(t, d.Issuer()+"/dev/app")
	b.press("Sign in")
	b.expect("ask.identifier")
	phone.use(b) // nobody was named
	b.expect("sample")
	want(t, b.object("claims"), "sub", sub)
	want(t, b.object("claims"), "acr", "urn:stile:strong")

	b.press("Manage account")
	b.expect("ask.choice")
	b.press("passkeys")
	b.expect("passkey.manage")

	stranger := newDevice(t, d)
	stranger.auth.Options.UserHandle = phone.auth.Options.UserHandle
	b = open(t, d.Issuer()+"/dev/app")
	b.press("Sign in")
	stranger.use(b)
	b.expect("ask.identifier")
	if !b.shows("This passkey no longer opens an account here") {
		t.Errorf("an unknown passkey shows: %s", words(b.doc))
	}
}

func TestAPasskeyIsOfferedAfterAPasswordOnADeviceThatCan(t *testing.T) {
	d := serveAt(t, "localhost:0", t.TempDir(), "")
	laptop := newDevice(t, d)
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Sign in")
	b.answer("identifier", "ann@example.com", "can_passkey", "yes")
	b.answer("password", dev.Password)
	b.expect("passkey.offer")
	laptop.create(b)
	b.expect("sample")
	b.press("Sign out")
	b.press("Sign in")
	laptop.use(b)
	b.expect("sample")
	want(t, b.object("claims"), "name", "Ann Archer")
	want(t, b.object("claims"), "tier", "gold")
}

func TestAnOfferPutOffIsNotRepeated(t *testing.T) {
	d := serveAt(t, "localhost:0", t.TempDir(), "")
	for _, offered := range []bool{true, false} {
		b := open(t, d.Issuer()+"/dev/app")
		b.press("Sign in")
		b.answer("identifier", "bob@example.com", "can_passkey", "yes")
		b.answer("password", dev.Password)
		if offered {
			b.expect("passkey.offer")
			b.press("later")
		}
		b.expect("sample")
	}
}

func TestAnIssuerAtAnIPAddressAsksForNoPasskey(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d))
	b.expect("ask.identifier")
	for n := range b.doc.Descendants() {
		if n.Type == html.ElementNode && has(n, "data-passkey") {
			t.Error("no browser makes passkeys for an IP address, yet the page asks for one")
		}
	}
}

// newKey is a fresh key whose coordinates both have their full length: the virtual authenticator leaves zeros out that COSE wants
// (RFC 9053 §7.1.1), and such a key is refused.
func newKey() webauthn.Credential {
	const full = 77
	for {
		if k := webauthn.NewCredential(webauthn.KeyTypeEC2); len(k.Key.AttestationData()) == full {
			return k
		}
	}
}
