package keys_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/keys"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/seal"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
)

type world struct {
	store  *sql.Store
	master seal.Master
	vault  keys.Vault // nil: sealed under master
	clock  atomic.Int64
}

func (w *world) now() time.Time { return time.Unix(0, w.clock.Load()).UTC() }

func (w *world) node() *keys.Ring {
	vault := w.vault
	if vault == nil {
		vault = keys.Sealed{Sealer: w.master.Sealer("signing-keys"), Random: rand.Reader}
	}
	return &keys.Ring{Store: w.store, Vault: vault, Now: w.now}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	w.clock.Store(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).UnixNano())
	var err error
	if w.master, _, err = seal.Generate(rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.store, err = sql.Open(context.Background(), database.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "k.db"), Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

func states(t *testing.T, r *keys.Ring) (out string) {
	t.Helper()
	list, err := r.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		if k.Private != nil {
			t.Error("a private key is shown")
		}
		out += k.State + " "
	}
	return strings.TrimSpace(out)
}

func TestKeys_ManyNodesMakeOne(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			r := w.node()
			if err := r.Start(context.Background()); err != nil {
				t.Error(err)
			}
			if _, err := r.Sign(context.Background(), oauth.ES256, "JWT", []byte(`{}`)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s := states(t, w.node()); s != "current" {
		t.Errorf("ring: %s", s)
	}
}

// TestKeys_PublishedBeforeTheySign: a client reads the key set before the first token it gets, so what it may be signed for with is published from the start.
func TestKeys_PublishedBeforeTheySign(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	r := w.node()
	for range 2 { // and the second start makes none again
		if err := r.Start(ctx, "", oauth.RS256, oauth.EdDSA, oauth.RS256, ""); err != nil {
			t.Fatal(err)
		}
	}
	before, err := r.Public(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if s := states(t, r); s != "current current current" {
		t.Errorf("ring: %s", s)
	}
	for _, alg := range []string{oauth.ES256, oauth.RS256, oauth.EdDSA} {
		if _, err := r.Sign(ctx, alg, "JWT", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if after, _ := w.node().Public(ctx); !bytes.Equal(before, after) || bytes.Contains(after, []byte(oauth.PS256)) {
		t.Errorf("the key set changed by signing: %s, then %s", before, after)
	}
	if err := w.node().Start(ctx, "HS256"); err == nil {
		t.Error("an algorithm that is none of ours")
	}
}

func TestKeys_Schedule(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	a, b := w.node(), w.node()
	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
	first, err := a.Sign(ctx, oauth.ES256, "JWT", []byte(`{"n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	day := int64(24 * time.Hour)
	step := func(days int64, want string) {
		t.Helper()
		w.clock.Add(days * day)
		for _, r := range []*keys.Ring{a, b, a} {
			if err := r.Keep(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if s := states(t, b); s != want {
			t.Fatalf("ring: %s, want %s", s, want)
		}
	}
	step(0, "current")
	step(88, "current")
	step(1, "current next")
	if body, _ := b.Public(ctx); strings.Count(string(body), `"kid"`) != 2 {
		t.Errorf("the next key is not published: %s", body)
	}
	old := kid(t, first)
	if s, _ := b.Sign(ctx, oauth.ES256, "JWT", []byte(`{}`)); kid(t, s) != old {
		t.Error("the next key signs too early")
	}
	step(1, "retiring current")
	if s, _ := b.Sign(ctx, oauth.ES256, "JWT", []byte(`{}`)); kid(t, s) == old {
		t.Error("the retiring key signs")
	}
	if _, err := b.Verify(ctx, first, "JWT"); err != nil {
		t.Errorf("what a retiring key signed: %v", err)
	}
	step(8, "current")
	if _, err := b.Verify(ctx, first, "JWT"); !errors.Is(err, tokens.ErrToken) {
		t.Errorf("a removed key verifies: %v", err)
	}
	if err := a.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	step(0, "current next")
	step(1, "retiring current")
}

func kid(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	var h struct{ Kid string }
	if err != nil || json.Unmarshal(b, &h) != nil {
		t.Fatalf("header %q", head)
	}
	return h.Kid
}

func TestKeys_ForgeriesRefused(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	r := w.node()
	good, err := r.Sign(ctx, oauth.ES256, "JWT", []byte(`{"sub":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	rs, err := r.Sign(ctx, oauth.RS256, "JWT", []byte(`{"sub":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, ok := range []string{good, rs} {
		if _, err := r.Verify(ctx, ok, "JWT"); err != nil {
			t.Fatal(err)
		}
	}
	public, err := r.Public(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: bytes.Repeat(public[:32], 2), KeyID: kid(t, good)}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	confused, _ := hmac.Sign([]byte(`{"sub":"x"}`))
	hs, _ := confused.CompactSerialize()
	foreign, _ := newWorld(t).node().Sign(ctx, oauth.ES256, "JWT", []byte(`{"sub":"x"}`))
	parts := strings.Split(good, ".")
	head := func(h string) string { return base64.RawURLEncoding.EncodeToString([]byte(h)) }
	for name, bad := range map[string]string{
		"hmac over the public key": hs, "none": head(`{"alg":"none","typ":"JWT","kid":"`+kid(t, good)+`"}`) + "." + parts[1] + ".", "foreign": foreign, "empty": "", "dots": "..", "cut": good[:len(good)-2],
		"other payload": parts[0] + "." + head(`{"sub":"y"}`) + "." + parts[2], "kid of the other algorithm": head(`{"alg":"ES256","typ":"JWT","kid":"`+kid(t, rs)+`"}`) + "." + parts[1] + "." + parts[2],
		"no kid": head(`{"alg":"ES256","typ":"JWT"}`) + "." + parts[1] + "." + parts[2], "huge": good + strings.Repeat("A", tokens.MaxJWT),
	} {
		if _, err := r.Verify(ctx, bad, "JWT"); !errors.Is(err, tokens.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Verify(ctx, good, "at+jwt"); !errors.Is(err, tokens.ErrToken) {
		t.Errorf("another typ: %v", err)
	}
}

func TestKeys_SealedAtRest(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	if err := w.node().Start(ctx); err != nil {
		t.Fatal(err)
	}
	list, err := w.store.SigningKeys(ctx)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	if bytes.Contains(list[0].Private, []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d}) || strings.Contains(string(list[0].Public), `"d"`) {
		t.Error("a private key lies open")
	}
	if w.master, _, err = seal.Generate(rand.Reader); err != nil {
		t.Fatal(err)
	}
	other := w.node()
	if _, err := other.Sign(ctx, oauth.ES256, "JWT", []byte(`{}`)); err == nil {
		t.Error("a key under another master key signs")
	}
	if body, err := other.Public(ctx); err != nil || strings.Contains(string(body), "kid") {
		t.Errorf("and is published: %s %v", body, err)
	}
}

// TestKeys_RemovedInAnEmergency: what a removed key signed is refused at once, signing goes on with another, and its private half is gone.
func TestKeys_RemovedInAnEmergency(t *testing.T) {
	for name, vault := range vaults(t) {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			w := newWorld(t)
			w.vault = vault
			a, b := w.node(), w.node()
			for _, alg := range []string{oauth.ES256, oauth.RS256, oauth.PS256, oauth.EdDSA} {
				old, err := a.Sign(ctx, alg, "JWT", []byte(`{}`))
				if err != nil {
					t.Fatal(err)
				}
				w.clock.Add(int64(2 * time.Second))
				if _, err := b.Verify(ctx, old, "JWT"); err != nil {
					t.Fatalf("%s: another node: %v", alg, err)
				}
				if err := a.Remove(ctx, kid(t, old)); err != nil {
					t.Fatal(err)
				}
				if _, err := a.Verify(ctx, old, "JWT"); !errors.Is(err, tokens.ErrToken) {
					t.Errorf("%s: a removed key verifies: %v", alg, err)
				}
				if body, _ := a.Public(ctx); strings.Contains(string(body), kid(t, old)) {
					t.Errorf("%s: a removed key is published", alg)
				}
				w.clock.Add(int64(11 * time.Second))
				if _, err := b.Verify(ctx, old, "JWT"); !errors.Is(err, tokens.ErrToken) {
					t.Errorf("%s: another node took no notice: %v", alg, err)
				}
				renewed, err := b.Sign(ctx, alg, "JWT", []byte(`{}`))
				if err != nil || kid(t, renewed) == kid(t, old) {
					t.Errorf("%s: signing goes on: %v", alg, err)
				}
				if _, err := a.Verify(ctx, renewed, "JWT"); err != nil {
					t.Errorf("%s: the new key: %v", alg, err)
				}
			}
			if s := states(t, b); s != "current current current current" {
				t.Errorf("ring: %s", s)
			}
			if err := a.Remove(ctx, "nobody"); !errors.Is(err, keys.ErrNotThere) {
				t.Errorf("an unknown id: %v", err)
			}
			if f, ok := vault.(keys.Folder); ok {
				files, err := os.ReadDir(f.Path)
				if err != nil || len(files) != 4 {
					t.Errorf("%d files are left, want those of 4 keys (%v)", len(files), err)
				}
			}
		})
	}
}

// TestKeys_RemovedWhileRotating: the next key takes over before its day; removing the next one leaves the current in use.
func TestKeys_RemovedWhileRotating(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	r := w.node()
	for _, state := range []string{"next", "current"} {
		if err := errors.Join(r.Start(ctx), r.Rotate(ctx)); err != nil {
			t.Fatal(err)
		}
		list, err := r.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			if k.State == state {
				if err := r.Remove(ctx, k.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		if s := states(t, r); s != "current" {
			t.Errorf("without the %s key: %s", state, s)
		}
	}
}

// TestKeys_AVaultIsNotTrustedWithNames: whoever writes to the ledger or to the folder cannot make the ring sign with another key.
func TestKeys_AVaultIsNotTrustedWithNames(t *testing.T) {
	ctx := context.Background()
	outside := t.TempDir()
	folder := keys.Folder{Path: t.TempDir(), Random: rand.Reader}
	other, err := folder.Generate(ctx, oauth.ES256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (keys.Folder{Path: outside}).Keep(ctx, "stolen", oauth.ES256, other); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(path string) error{
		"another key": func(path string) error { return copyFile(filepath.Join(outside, "stolen.pem"), path) },
		"a link outside": func(path string) error {
			return errors.Join(os.Remove(path), os.Symlink(filepath.Join(outside, "stolen.pem"), path))
		},
		"for all to read": func(path string) error { return os.Chmod(path, 0o604) },
		"no PEM":          func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"nothing":         os.Remove,
	} {
		w := newWorld(t)
		w.vault = folder
		good, err := w.node().Sign(ctx, oauth.ES256, "JWT", []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := spoil(filepath.Join(folder.Path, kid(t, good)+".pem")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.node().Sign(ctx, oauth.ES256, "JWT", []byte(`{}`)); err == nil {
			t.Errorf("%s: it signs", name)
		}
	}
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

func vaults(t *testing.T) map[string]keys.Vault {
	master, _, err := seal.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]keys.Vault{"sealed": keys.Sealed{Sealer: master.Sealer("signing-keys"), Random: rand.Reader}, "folder": keys.Folder{Path: t.TempDir(), Random: rand.Reader}}
}

func BenchmarkSignES256(b *testing.B) { sign(b, oauth.ES256) }
func BenchmarkSignRS256(b *testing.B) { sign(b, oauth.RS256) }

func sign(b *testing.B, alg string) {
	r := newWorld(b).node()
	payload := []byte(`{"iss":"https://login.example","sub":"0194a1b2-0000-7000-8000-00000000a001","aud":"web","iat":1767603600,"exp":1767603900}`)
	if _, err := r.Sign(context.Background(), alg, "JWT", payload); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Sign(context.Background(), alg, "JWT", payload); err != nil {
			b.Fatal(err)
		}
	}
}
