package authentication

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestBasic(t *testing.T) {
	encode := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
	}
	for _, c := range [][2]string{{"web", "s"}, {"a b", "p:w"}, {"ä", "%/+"}} {
		if id, secret, ok := basic(encode(c[0], c[1])); !ok || id != c[0] || secret != c[1] {
			t.Errorf("%q: %q %q %v", c, id, secret, ok)
		}
	}
	if id, _, ok := basic(strings.Replace(encode("web", "s"), "Basic", "bAsIc", 1)); !ok || id != "web" {
		t.Error("the scheme's case matters")
	}
}

func FuzzBasic(f *testing.F) {
	for _, s := range []string{"Basic d2ViOnM=", "Basic ", "basic Og==", "Bearer x", "Basic JTAwOiUwMA==", "Basic /w==", "Basic d2Vi:OnM="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		id, secret, ok := basic(header)
		if ok && (id == "" || secret == "" || !utf8.ValidString(id+secret) || strings.ContainsRune(id+secret, 0)) {
			t.Fatalf("%q gave %q %q", header, id, secret)
		}
	})
}
