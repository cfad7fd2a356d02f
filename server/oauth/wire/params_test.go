package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stile-id/stile/server/oauth/wire"
)

func TestWords(t *testing.T) {
	if got := strings.Join(wire.Words("  a b  a c "), "|"); got != "a|b|c" {
		t.Errorf("%q", got)
	}
	long := strings.Repeat("x ", 5000) + func() (s string) {
		for i := range 5000 {
			s += string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + " "
		}
		return s
	}()
	if n := len(wire.Words(long)); n != wire.MaxWords {
		t.Errorf("%d words", n)
	}
}

func FuzzParams(f *testing.F) {
	for _, s := range []string{"a=b", "a=b&a=c", "resource=a&resource=b", "%zz=1", "a=%00", "=x", "&&&", "a=%ff", "a=+b%20c", strings.Repeat("a&", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := wire.Parse(s)
		if err != nil {
			return
		}
		for _, name := range []string{"a", "scope", "client_id"} {
			v := p.Get(name)
			if len(p.All(name)) > 1 {
				t.Fatalf("%s is repeated", name)
			}
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) || len(v) > wire.MaxBody {
				t.Fatalf("%s is %q", name, v)
			}
		}
	})
}
