package rehearse_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/rehearse"
)

// TestAligned: what is the same stands side by side wherever something is missing, and the first difference is marked.
func TestAligned(t *testing.T) {
	for name, c := range map[string]struct{ want, got, text string }{
		"one more":   {"a b d", "a b c d", "  expected  got\n  a         a\n  b         b\n> —         c\n  d         d"},
		"one less":   {"a b c", "a c", "  expected  got\n  a         a\n> b         —\n  c         c"},
		"another":    {"a b c", "a x c", "  expected  got\n  a         a\n> b         x\n  c         c"},
		"nothing":    {"", "a", "  expected  got\n> —         a"},
		"far behind": {"a b c d e f", "a b c d e", "  expected  got\n  … 2 alike  …\n  c         c\n  d         d\n  e         e\n> f         —"},
		"the same":   {"a", "a", "  expected  got\n  a         a"},
	} {
		if got := rehearse.Aligned(strings.Fields(c.want), strings.Fields(c.got)); got != c.text {
			t.Errorf("%s:\n%s\nand should be\n%s", name, got, c.text)
		}
	}
	long := make([]string, 5000)
	for i := range long {
		long[i] = strconv.Itoa(i)
	}
	if got := rehearse.Aligned(long, long[:4990]); !strings.Contains(got, "> 4990      —") || !strings.Contains(got, "… 2 more") {
		t.Errorf("long lists:\n%s", got)
	}
}
