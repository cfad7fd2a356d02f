package identity

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxIdentifier is the most bytes an identifier may have (an e-mail address has at most 254).
const MaxIdentifier = 254

// ErrIdentifier: the text is no identifier of the kind.
var ErrIdentifier = errors.New("identity: not an identifier of that kind")

// Canonical brings what a person typed to the one written form of its kind: NFKC and case-folded, phone numbers as E.164
// (region names the country of numbers without a prefix; "" allows none). It refuses what cannot be an identifier:
// control and invisible characters, display names, spaces inside.
func Canonical(kind IdentifierKind, typed, region string) (string, error) {
	if !utf8.ValidString(typed) || len(typed) > MaxIdentifier {
		return "", ErrIdentifier
	}
	s := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(typed))))
	if s == "" || len(s) > MaxIdentifier || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp) && kind != Phone || r == utf8.RuneError
	}) {
		return "", ErrIdentifier
	}
	switch kind {
	case Email:
		return canonicalEmail(s)
	case Phone:
		n, err := phonenumbers.Parse(s, region)
		if err != nil || !phonenumbers.IsValidNumber(n) {
			return "", ErrIdentifier
		}
		return phonenumbers.Format(n, phonenumbers.E164), nil
	case Username:
		if strings.ContainsAny(s, "@/\\\"<>") {
			return "", ErrIdentifier
		}
		return s, nil
	}
	return "", ErrIdentifier
}

func canonicalEmail(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" {
		return "", ErrIdentifier
	}
	local, domain, _ := strings.Cut(s, "@")
	if len(local) > 64 || !strings.Contains(domain, ".") || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") ||
		strings.ContainsAny(s, " \"()<>,:;[]\\") {
		return "", ErrIdentifier
	}
	return s, nil
}

// Kind guesses what a person typed into a field that takes several kinds: an address has an @, a phone number only
// digits and their punctuation, anything else is a username.
func Kind(typed string) IdentifierKind {
	s := strings.TrimSpace(typed)
	switch {
	case strings.Contains(s, "@"):
		return Email
	case len(s) > 4 && strings.Trim(s, "+0123456789 ()-./") == "":
		return Phone
	}
	return Username
}

// Domain is the part of a canonical e-mail address behind the @, or "".
func Domain(canonical string) string {
	_, domain, _ := strings.Cut(canonical, "@")
	return domain
}
