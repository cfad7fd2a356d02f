package password

import (
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/identity"
)

func TestS102_GuessablePasswordsAreRefused(t *testing.T) {
	a := &identity.Account{Identifiers: []identity.Identifier{{Kind: identity.Email, Canonical: "ann.lee@example.com"}}}
	for _, p := range []string{"password", "Password", "p@ssw0rd", "password12345678", "!!!monkey!!!", "passwordpassword", "monkeydragon", "aaaaaaaaaaaaaaa",
		"abcabcabcabcabc", "123456789012345", "qwertyuiopasdfgh", "qwertzuiopasdfg", "zyxwvutsrqponml", "ann.lee@example.com", "example2024", "sample app 1", "abababababababab", "1q1q1q1q1q1q1q1q"} {
		if !guessable(p, a, "Sample app") {
			t.Errorf("%q is taken", p)
		}
	}
	for _, p := range []string{"correct-horse-battery", "tulip-orchard-violin-bridge", "Wann kommt der naechste Zug?", "日本語のパスワードです長い", "x7Kp2mQ9vL4tR8w", "four small words here"} {
		if guessable(p, a, "Sample app") {
			t.Errorf("%q is refused", p)
		}
	}
}

func TestTheBlocklistIsSortedAndSearchable(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(common, "\n"), "\n")
	if len(lines) < 3000 || !slices.IsSorted(lines) {
		t.Fatalf("%d lines, sorted: %v", len(lines), slices.IsSorted(lines))
	}
	for _, l := range lines {
		if !listed(l) {
			t.Fatalf("%q is not found", l)
		}
		if listed(l + "\x01") {
			t.Fatalf("%q is found", l+"\x01")
		}
	}
}
