package client

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stile-id/stile/server/oauth"
)

// maxTranslations bounds the languages of a client.
const maxTranslations = 50

// shown checks what people see of the client, in every language. Tags are compared without regard to case, so they are kept in lower case.
func (k *checker) shown() {
	c := k.c
	if c.Name == "" {
		c.Name = c.ID
	}
	k.sight("", oauth.Shown{Name: c.Name, LogoURI: c.LogoURI, PolicyURI: c.PolicyURI, TosURI: c.TosURI})
	if len(c.Translations) > maxTranslations {
		k.hint("translations", "keep those your people read", "translations has more than %d languages", maxTranslations)
	}
	var lower map[string]oauth.Shown
	for _, tag := range slices.Sorted(maps.Keys(c.Translations)) {
		low := strings.ToLower(tag)
		if _, twice := lower[low]; twice || !Language(tag) {
			k.hint("translations", "write de or pt-BR, each once", "translations has %q, which is no language tag or there twice", tag)
			continue
		}
		if lower == nil {
			lower = map[string]oauth.Shown{}
		}
		lower[low] = c.Translations[tag]
		k.sight(tag, c.Translations[tag])
	}
	c.Translations = lower
}

// sight checks one language; "" is what stands for all others.
func (k *checker) sight(tag string, s oauth.Shown) {
	at := func(field string) string {
		if tag != "" {
			return "translations"
		}
		return field
	}
	of := ""
	if tag != "" {
		of = " in " + tag
	}
	if utf8.RuneCountInString(s.Name) > 200 {
		k.hint(at("name"), "shorten it", "the name%s is longer than 200 characters", of)
	}
	for _, x := range []struct{ field, address string }{{"policy_uri", s.PolicyURI}, {"tos_uri", s.TosURI}} {
		if x.address != "" && !linked(x.address) {
			k.hint(at(x.field), "write https://app.example/"+strings.TrimSuffix(x.field, "_uri"), "%s%s is no https address of at most 1000 characters", x.field, of)
		}
	}
	if s.LogoURI != "" && !fetchable(s.LogoURI, k.c.Private) {
		k.hint(at("logo_uri"), "write https://app.example/logo.png; http is for this machine, with allow_private", "logo_uri%s is no https address of at most 1000 characters", of)
	}
}

// Language reports whether a text has the form of a language tag (RFC 5646 §2.1) of at most 35 characters. Whether anybody speaks it is not looked at.
func Language(tag string) bool {
	if len(tag) > 35 {
		return false
	}
	for part := range strings.SplitSeq(tag, "-") {
		if part == "" || len(part) > 8 || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			return false
		}
	}
	return true
}

// linked reports whether people may be shown an address as a link: https, nobody's name in it, and what is written is where it leads.
func linked(address string) bool {
	u, err := url.Parse(address)
	return err == nil && len(address) <= 1000 && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && !strings.ContainsFunc(address, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r)
	})
}
