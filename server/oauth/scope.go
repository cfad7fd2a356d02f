package oauth

import (
	"slices"
	"strings"
)

// A client's settings allow a scope as it is, or any scope that begins alike: payment:* allows payment:123. What stands for the star is the
// value; it has 1 to 64 letters, digits, - . _ ~, so that it can be shown and holds no star and no further colon. Whatever a person allowed,
// and whatever a token says, is always a scope with its value: no star is ever granted.
const (
	maxValue  = 64
	maxValued = 10 // in one request
)

// Pattern is what would allow a scope by its beginning (payment:* for payment:123); "" for one that has no value.
func Pattern(scope string) string {
	i := strings.LastIndexByte(scope, ':')
	if i < 1 || i == len(scope)-1 || len(scope)-1-i > maxValue {
		return ""
	}
	for _, c := range []byte(scope[i+1:]) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return ""
		}
	}
	return scope[:i+1] + "*"
}

// Starred reports whether a scope of the settings allows others by their beginning.
func Starred(scope string) bool { return strings.HasSuffix(scope, ":*") }

// Covers reports whether a scope is among those allowed, as it is or by its beginning. One that ends in a star is nobody's.
func Covers(allowed []string, scope string) bool {
	if Starred(scope) {
		return false
	}
	if slices.Contains(allowed, scope) {
		return true
	}
	p := Pattern(scope)
	return p != "" && slices.Contains(allowed, p)
}

// Granted reports whether scopes that were granted have what a rule wants: that scope, or any that begins alike (payment:*).
func Granted(scopes []string, wanted string) bool {
	if !Starred(wanted) {
		return slices.Contains(scopes, wanted)
	}
	return slices.ContainsFunc(scopes, func(s string) bool { return Pattern(s) == wanted })
}

// May reports whether the client may have a scope; offline_access goes with Offline.
func (c *Client) May(scope string) bool {
	if scope == "offline_access" {
		return c.Offline
	}
	return Covers(c.Scopes, scope)
}

var errValued = Fail(InvalidScope, "The request names too many scopes with values.")

// Pick keeps the scopes the client may have. valued are those among them that only their beginning allows: whoever may ask for them may ask for
// any number in time, so there are few in a request, and people are asked about each anew.
func (c *Client) Pick(asked []string) (kept, valued []string, err error) {
	for _, s := range asked {
		if !c.May(s) {
			continue
		}
		if kept = append(kept, s); s != "offline_access" && !slices.Contains(c.Scopes, s) {
			valued = append(valued, s)
		}
	}
	if len(valued) > maxValued {
		return nil, nil, errValued
	}
	return kept, valued, nil
}
