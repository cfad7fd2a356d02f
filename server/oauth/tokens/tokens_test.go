package tokens

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/seal"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

type noSigner struct{}

func (noSigner) Sign(context.Context, string, string, []byte) (string, error) { return "", ErrToken }
func (noSigner) Verify(_ context.Context, token, _ string) ([]byte, error)    { return []byte(token), nil }

func maker(t testing.TB) *Tokens {
	m, _, err := seal.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return New("https://login.example", m, noSigner{}, rand.Reader)
}

func TestTokens_RoundTrip(t *testing.T) {
	k := maker(t)
	a := &Access{ID: "id", Grant: "g", Client: "web", Audience: []string{"a", "b"}, Scope: []string{"openid", "x"}, Issued: noon, Expires: noon.Add(time.Minute), Confirm: oauth.Confirm{JKT: "k", X5T: "x"}}
	text, err := k.SealAccess(a, noon)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.OpenAccess(text, noon); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := k.OpenAccess(text, noon.Add(time.Minute)); !errors.Is(err, ErrToken) {
		t.Errorf("expired: %v", err)
	}
	c := Code{Grant: "g", JKT: "key", Expires: noon.Add(time.Minute)}
	code := k.SealCode(c, noon)
	if got, err := k.OpenCode(code, noon); err != nil || got != c {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := k.OpenCode(code, noon.Add(time.Minute)); !errors.Is(err, ErrToken) {
		t.Errorf("expired: %v", err)
	}
	r := Refresh{Grant: "g", Generation: 300, Confirm: oauth.Confirm{X5T: "x"}}
	refresh := k.SealRefresh(r, noon)
	if got, err := k.OpenRefresh(refresh, noon.AddDate(0, 0, 90)); err != nil || got != r {
		t.Errorf("%+v %v", got, err)
	}
	l := Logout{Session: "s", Client: "c", Redirect: "r", State: "x", Hinted: true, Expires: noon.Add(time.Minute)}
	if got, err := k.OpenLogout(k.SealLogout(l, noon), noon); err != nil || got != l {
		t.Errorf("%+v %v", got, err)
	}
	for _, kind := range []string{text, code, refresh} { // no kind passes for another, not even with its prefix
		body := kind[4:]
		for _, prefix := range []string{AccessPrefix, RefreshPrefix, CodePrefix} {
			other := prefix + body
			if other == kind {
				continue
			}
			_, e1 := k.OpenAccess(other, noon)
			_, e2 := k.OpenRefresh(other, noon)
			_, e3 := k.OpenCode(other, noon)
			if e1 == nil || e2 == nil || e3 == nil {
				t.Errorf("%s passes as %s", kind, prefix)
			}
		}
	}
	if _, err := k.SealAccess(&Access{ID: "x", Client: "c", Scope: []string{strings.Repeat("s", maxRecord)}}, noon); err == nil {
		t.Error("a token of any size is made")
	}
}

func FuzzDecodeAccess(f *testing.F) {
	w := writer{b: []byte{version}}
	w.text("id")
	w.text("grant")
	w.text("web")
	w.time(noon)
	w.time(noon)
	w.texts([]string{"a"})
	w.texts(nil)
	w.confirm(oauth.Confirm{JKT: "k"})
	w.text(`[{"type":"x"}]`)
	f.Add(string(w.b))
	w.texts([]string{"actor", "before"})
	w.text("may")
	f.Add(string(w.b))
	f.Add("")
	f.Add("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := decodeAccess(s)
		if !ok {
			return
		}
		w := writer{b: []byte{version}}
		w.text(a.ID)
		w.text(a.Grant)
		w.text(a.Client)
		w.time(a.Issued)
		w.time(a.Expires)
		w.texts(a.Audience)
		w.texts(a.Scope)
		w.confirm(a.Confirm)
		w.text(a.Details)
		a.write(&w)
		if string(w.b) != s {
			t.Fatalf("%q has a second form", s)
		}
	})
}

func FuzzHint(f *testing.F) {
	k := maker(f)
	f.Add(`{"iss":"https://login.example","sub":"x","aud":["a","b"],"sid":"s"} . . `)
	f.Add("a.b.c")
	f.Add(`{"iss":"https://login.example","sub":"x","aud":"a..` + `"}`)
	f.Fuzz(func(t *testing.T, s string) {
		h, err := k.ParseHint(context.Background(), s) // the signer lets everything through: what it says is what is fuzzed
		if err == nil && h.Subject == "" {
			t.Fatal("a hint without subject")
		}
		if a, err := k.ParseAccess(context.Background(), s, noon); err == nil && (a.ID == "" && a.Grant == "" || a.Client == "") {
			t.Fatalf("an access token without a client: %+v", a)
		}
	})
}
