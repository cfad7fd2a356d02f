package seal_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/seal"
)

func TestVeil(t *testing.T) {
	m := master(t)
	v := m.Veil("test")
	a := v.Hide("account-1", "a.example")
	if a != m.Veil("test").Hide("account-1", "a.example") {
		t.Error("the same text in the same context looks different")
	}
	if text, ok := v.Show(a, "a.example"); !ok || text != "account-1" {
		t.Errorf("%q %v", text, ok)
	}
	others := map[string]string{"context": v.Hide("account-1", "b.example"), "text": v.Hide("account-2", "a.example"), "purpose": m.Veil("other").Hide("account-1", "a.example"),
		"boundary": v.Hide("eaccount-1", "a.exampl")}
	other, _, err := seal.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	others["key"] = other.Veil("test").Hide("account-1", "a.example")
	for name, x := range others {
		if x == a || x[:8] == a[:8] {
			t.Errorf("another %s looks alike", name)
		}
		if _, ok := v.Show(x, "a.example"); ok && name != "text" {
			t.Errorf("of another %s it is shown", name)
		}
	}
	for _, x := range []string{"", "A", a[:len(a)-1], a + "A", a + "=", strings.ToLower(a), strings.Repeat("A", 5000), "account-1", a[:20] + "é" + a[21:]} {
		if text, ok := v.Show(x, "a.example"); ok {
			t.Errorf("%q is shown as %q", x, text)
		}
	}
}

func FuzzVeilShow(f *testing.F) {
	v := master(f).Veil("test")
	f.Add(v.Hide("account-1", "a.example"))
	f.Add("")
	f.Fuzz(func(t *testing.T, hidden string) {
		if text, ok := v.Show(hidden, "a.example"); ok && v.Hide(text, "a.example") != hidden {
			t.Errorf("%q has two forms", text)
		}
	})
}
