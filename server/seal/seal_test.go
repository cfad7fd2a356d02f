package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/server/seal"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func master(t testing.TB) seal.Master {
	t.Helper()
	m, _, err := seal.Generate(bytes.NewReader(bytes.Repeat([]byte{7, 9}, 16)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRule14_SecretsDoNotPrintLogOrMarshal(t *testing.T) {
	m, text, err := seal.Generate(bytes.NewReader([]byte(strings.Repeat("Q", 32))))
	if err != nil {
		t.Fatal(err)
	}
	s := seal.NewSecret("hush-hush")
	type box struct {
		Open   seal.Secret
		hidden seal.Secret
		key    seal.Master
	}
	b := box{Open: s, hidden: s, key: m}
	var out bytes.Buffer
	for _, v := range []any{s, &s, b, &b, m, &m, []any{s, m}, map[string]any{"a": b}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%U", "%e", "%b", "%o"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		_ = json.NewEncoder(&out).Encode(v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for _, leak := range []string{"hush-hush", "686173682d", "QQQQ", "81 81 81", text.Reveal(), "51 51", "0x51, 0x51"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("output holds %q", leak)
		}
	}
	if !s.Equal("hush-hush") || s.Equal("hush-husk") || s.Empty() || !(seal.Secret{}).Empty() {
		t.Error("Equal or Empty is wrong")
	}
	var back seal.Secret
	if err := json.Unmarshal([]byte(`"abc"`), &back); err != nil || back.Reveal() != "abc" {
		t.Errorf("unmarshal: %v", err)
	}
}

func TestMaster_Parse(t *testing.T) {
	good := "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk"
	for text, ok := range map[string]bool{
		good: true, good + "=": true, " " + good + "\n": true, "": false, good[1:]: false, good + "AAAA": false,
		strings.Repeat("A", 43): false, "!" + good[1:]: false,
	} {
		_, err := seal.Parse(text)
		if (err == nil) != ok || (err != nil && !errors.Is(err, seal.ErrKey)) {
			t.Errorf("Parse(%q): %v", text, err)
		}
	}
}

func TestMaster_LoadCreatesOnceAndRefusesWrongModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	var wg sync.WaitGroup
	names := make([]string, 8)
	for i := range names {
		wg.Go(func() {
			m, err := seal.Load(path)
			if err != nil {
				t.Error(err)
				return
			}
			names[i] = m.Pseudonym("x")
		})
	}
	wg.Wait()
	for _, n := range names {
		if n != names[0] {
			t.Fatal("two starts made two keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".master-*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.Load(path); !errors.Is(err, seal.ErrMode) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600)
	if _, err := seal.Load(path); !errors.Is(err, seal.ErrKey) {
		t.Errorf("nonsense: %v", err)
	}
	if _, err := seal.Load(t.TempDir()); err == nil {
		t.Error("a folder is no key")
	}
}

func TestBox_LongerTexts(t *testing.T) {
	m := master(t)
	long := m.Box("form", "sf_", 1).UpTo(2 * seal.MaxSealed)
	text := long.Seal(make([]byte, seal.MaxSealed), noon)
	if got, err := long.Open(text, noon); err != nil || len(got) != seal.MaxSealed {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := m.Box("form", "sf_", 1).Open(text, noon); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("a box that is not made for it: %v", err)
	}
	if _, err := long.Open(long.Seal(make([]byte, 2*seal.MaxSealed), noon), noon); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("longer still: %v", err)
	}
}

func TestBox_RoundTripAndRefusals(t *testing.T) {
	m := master(t)
	b := m.Box("code", "sc_", 2)
	text := b.Seal([]byte("record"), noon)
	if got, err := b.Open(text, noon.Add(time.Hour)); err != nil || string(got) != "record" {
		t.Fatalf("%q %v", got, err)
	}
	if got, err := b.Open(text, noon.AddDate(0, 0, 2)); err != nil || string(got) != "record" {
		t.Errorf("two days later: %q %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"three days later": func() ([]byte, error) { return b.Open(text, noon.AddDate(0, 0, 3)) },
		"from the future":  func() ([]byte, error) { return b.Open(text, noon.AddDate(0, 0, -2)) },
		"other kind":       func() ([]byte, error) { return m.Box("access", "sc_", 2).Open(text, noon) },
		"other prefix":     func() ([]byte, error) { return m.Box("code", "sa_", 2).Open(text, noon) },
		"other key": func() ([]byte, error) {
			o, _, _ := seal.Generate(strings.NewReader(strings.Repeat("z", 32)))
			return o.Box("code", "sc_", 2).Open(text, noon)
		},
		"empty":    func() ([]byte, error) { return b.Open("", noon) },
		"prefix":   func() ([]byte, error) { return b.Open("sc_", noon) },
		"too long": func() ([]byte, error) { return b.Open(text+strings.Repeat("A", seal.MaxSealed), noon) },
		"newline":  func() ([]byte, error) { return b.Open(text[:10]+"\n"+text[10:], noon) },
	} {
		if _, err := open(); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range text {
		for _, c := range []byte{'A', text[i] ^ 1} {
			if c == text[i] {
				continue
			}
			bad := text[:i] + string(c) + text[i+1:]
			if _, err := b.Open(bad, noon); !errors.Is(err, seal.ErrSealed) {
				t.Fatalf("byte %d changed to %q was opened", i, c)
			}
		}
	}
}

func TestS015_SealedTextsNeverRepeat(t *testing.T) {
	b := master(t).Box("access", "sa_", 1)
	seen := map[string]bool{}
	for range 10_000 {
		s := b.Seal([]byte("same"), noon)
		if seen[s] {
			t.Fatal("repeated")
		}
		seen[s] = true
	}
}

func TestSealer(t *testing.T) {
	m := master(t)
	s := m.Sealer("outbox")
	sealed := s.Seal([]byte("body"), []byte("row 1"))
	if got, err := s.Open(sealed, []byte("row 1")); err != nil || string(got) != "body" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := s.Open(sealed, []byte("row 2")); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("swapped rows: %v", err)
	}
	if _, err := m.Sealer("signing-keys").Open(sealed, []byte("row 1")); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("other purpose: %v", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := s.Open(bad, []byte("row 1")); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("byte %d: %v", i, err)
		}
		if _, err := s.Open(sealed[:i], []byte("row 1")); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

func TestMaster_Pseudonym(t *testing.T) {
	m := master(t)
	a := m.Pseudonym("ann@example.com")
	if a != m.Pseudonym("ann@example.com") || a == m.Pseudonym("bob@example.com") || len(a) != 22 {
		t.Errorf("pseudonym %q", a)
	}
}

func FuzzBoxOpen(f *testing.F) {
	b := master(f).Box("access", "sa_", 30)
	f.Add(b.Seal([]byte("record"), noon))
	f.Add("sa_")
	f.Add("sa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		plain, err := b.Open(text, noon)
		if err == nil && string(plain) != "record" { // every run seals anew, so a good text of another run is no forgery
			t.Fatalf("opened a forged text: %q", plain)
		}
	})
}

func BenchmarkBoxSeal(b *testing.B) {
	box := master(b).Box("access", "sa_", 30)
	plain := make([]byte, 80)
	b.ReportAllocs()
	for b.Loop() {
		box.Seal(plain, noon)
	}
}

func BenchmarkBoxOpen(b *testing.B) {
	box := master(b).Box("access", "sa_", 30)
	text := box.Seal(make([]byte, 80), noon)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Open(text, noon); err != nil {
			b.Fatal(err)
		}
	}
}
