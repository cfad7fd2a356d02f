package oauth

import "strings"

// Shown is what people see of a client in one language.
type Shown struct {
	Name      string `json:"name,omitempty" jsonschema_description:"What people see."`
	LogoURI   string `json:"logo_uri,omitempty" jsonschema_description:"Address of the app's picture."`
	PolicyURI string `json:"policy_uri,omitempty" jsonschema_description:"Address of its privacy policy."`
	TosURI    string `json:"tos_uri,omitempty" jsonschema_description:"Address of its terms of service."`
}

// maxTag bounds a language tag in characters (RFC 5646 §4.4.1).
const maxTag = 35

// In is what people who read a language see of the client. Each member is looked up by itself (RFC 4647 §3.4): as it is written for de-AT, for de,
// or without a language. "" and what is no tag stand for no language.
func (c *Client) In(tag string) Shown {
	out := Shown{c.Name, c.LogoURI, c.PolicyURI, c.TosURI}
	if len(tag) > maxTag {
		return out
	}
	var narrow Shown
	for t := strings.ToLower(tag); t != "" && len(c.Translations) > 0; t = wider(t) {
		narrow = narrow.or(c.Translations[t])
	}
	return narrow.or(out)
}

// wider is the next range to look for: without the last subtag, and without a single letter that would then stand last; "" at the end.
func wider(tag string) string {
	i := strings.LastIndexByte(tag, '-')
	if i < 0 {
		return ""
	}
	if i >= 2 && tag[i-2] == '-' {
		i -= 2
	}
	return tag[:i]
}

// or fills what is missing.
func (s Shown) or(other Shown) Shown {
	for _, x := range []struct{ here, there *string }{{&s.Name, &other.Name}, {&s.LogoURI, &other.LogoURI}, {&s.PolicyURI, &other.PolicyURI}, {&s.TosURI, &other.TosURI}} {
		if *x.here == "" {
			*x.here = *x.there
		}
	}
	return s
}
