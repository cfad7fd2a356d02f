package foreign_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth/foreign"
)

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestObject(t *testing.T) {
	for text, ok := range map[string]bool{`{}`: true, ` {"a":1} `: true, `{"a":1,"a":2}`: false, `{"a":1,"\u0061":2}`: false, `{"a":1}{}`: false, `{"a":1}]`: false, `[]`: false, `null`: false, ``: false,
		`{"a"}`: false, `{"a":1,}`: false, `{"a":` + strings.Repeat("[", 20_000): false} {
		if _, err := foreign.ReadObject([]byte(text)); (err == nil) != ok {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	o, err := foreign.ReadObject([]byte(`{"s":"x","n":1.5,"l":["a","b"],"big":1e400,"neg":-1,"A":"y","null":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if list, single := o.Texts("l"); single || len(list) != 2 || o.Text("s") != "x" || o.Text("a") != "" || o.Text("n") != "" || o.Text("null") != "" || !o.Has("null") {
		t.Errorf("%v", o)
	}
	for name, ok := range map[string]bool{"n": true, "big": false, "neg": false, "s": false, "null": false, "none": false} {
		if _, got := o.Time(name); got != ok {
			t.Errorf("time %s: %v", name, got)
		}
	}
}

func TestKeys(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := json.Marshal(jose.JSONWebKey{Key: k})
	public, _ := json.Marshal(jose.JSONWebKey{Key: k.Public()})
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	wide, _ := json.Marshal(jose.JSONWebKey{Key: p384.Public()})
	for name, c := range map[string]struct {
		raw string
		ok  bool
	}{"public": {string(public), true}, "private": {string(private), false}, "P-384": {string(wide), false}, "symmetric": {`{"kty":"oct","k":"AAAA"}`, false},
		"off the curve": {`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`, false},
		"small RSA":     {`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("A", 171) + `"}`, false}, "nothing": {"", false}} {
		if _, err := foreign.ReadKey([]byte(c.raw)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse: whatever comes in, nothing panics, and what is taken apart has an algorithm that was asked for and no key of its own.
func FuzzParse(f *testing.F) {
	for _, s := range []string{encoded(`{"alg":"ES256"}`) + "." + encoded(`{"sub":"x"}`) + ".AAAA", "..", "a.b.c", encoded(`{"alg":"none"}`) + "." + encoded(`{}`) + ".",
		encoded(`{"alg":"ES256","jwk":{"kty":"EC"}}`) + "." + encoded(`{}`) + ".AA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, embedded := range []bool{false, true} {
			j, err := foreign.Parse(s, []string{foreign.ES256, foreign.EdDSA}, embedded)
			if err != nil {
				continue
			}
			if j.Alg != foreign.ES256 && j.Alg != foreign.EdDSA || (j.Key != nil) != embedded || j.Claims == nil {
				t.Fatalf("%+v", j)
			}
			if j.Verify(nil) == nil {
				t.Fatal("no key, and a good signature")
			}
		}
	})
}

// FuzzKeys: whatever is published, only public keys of known kinds come out.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AA"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := foreign.ReadKeys(raw, false)
		for _, k := range keys {
			if err != nil || !k.IsPublic() || !k.Valid() {
				t.Fatalf("%v %v", k, err)
			}
		}
	})
}

// TestRemote_KnownKeysNeverWait: while an address is slow to say what an unknown key is, those who know theirs go on.
func TestRemote_KnownKeysNeverWait(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.Public(), KeyID: "one"}}})
	if err != nil {
		t.Fatal(err)
	}
	var now atomic.Int64
	now.Store(1_000_000)
	slow, asked := make(chan struct{}), make(chan struct{}, 10)
	r := &foreign.Remote{Now: func() time.Time { return time.Unix(now.Load(), 0) }, Fetch: func(context.Context, string, bool) ([]byte, error) {
		asked <- struct{}{}
		if len(asked) > 1 {
			<-slow
		}
		return set, nil
	}}
	if keys, err := r.Keys(t.Context(), "https://x.example", false, "one"); err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	now.Add(60)
	gone, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = r.Keys(gone, "https://x.example", false, "made-up")
	}()
	for len(asked) < 2 {
		time.Sleep(time.Millisecond)
	}
	if keys, err := r.Keys(t.Context(), "https://x.example", false, "one"); err != nil || len(keys) != 1 { // would wait for ever
		t.Error(keys, err)
	}
	cancel() // whoever hangs up does not make the next one fetch again
	close(slow)
	<-done
	for range 5 {
		_, _ = r.Keys(t.Context(), "https://x.example", false, "made-up")
	}
	if len(asked) != 2 {
		t.Errorf("asked %d times", len(asked))
	}
}
