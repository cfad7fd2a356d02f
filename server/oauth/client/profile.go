package client

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/reply"
)

// named finds the client's profile.
func (k *checker) named() {
	p, known := oauth.ProfileOf(k.c.Profile)
	if !known {
		var names []string
		for _, p := range oauth.Profiles() {
			names = append(names, p.Name)
		}
		k.hint("profile", "write one of "+strings.Join(names, ", "), "profile %q is not known", k.c.Profile)
		return
	}
	k.profile, k.c.Profile = p, p.Name
}

// contradictions refuses settings that the profile rules out. Each is told where the setting lies, and if it is left out, at the profile.
func (k *checker) contradictions() {
	c, p := k.c, k.profile
	against := func(bad bool, field, hint, format string, args ...any) {
		if bad {
			k.hint(field, hint, format, args...)
		}
	}
	against(p.Methods != nil && !slices.Contains(p.Methods, c.Auth), "profile", "write `auth: "+strings.Join(p.Methods, "` or `auth: ")+"`",
		"profile %s does not go with auth %s", p.Name, c.Auth)
	against(p.Algorithms != nil && c.AuthAlg != "" && !slices.Contains(p.Algorithms, c.AuthAlg), "auth_alg", "write one of "+strings.Join(p.Algorithms, ", "),
		"auth_alg %s is ruled out by profile %s", c.AuthAlg, p.Name)
	if slices.Contains(c.Responses, oauth.ResponseHybrid) {
		against(!p.Hybrid, "response_types", "write `response_types: [code]`, or `profile: oidc`", "response type %q is ruled out by profile %s", oauth.ResponseHybrid, p.Name)
		against(!c.Confidential(), "response_types", "write `response_types: [code]`", "response type %q needs a client that authenticates", oauth.ResponseHybrid)
		against(!slices.ContainsFunc(c.Modes, func(m string) bool { _, ok := reply.WithIDToken(m); return ok }), "response_modes", "add fragment or form_post",
			"none of the response modes may carry the ID token of response type %q", oauth.ResponseHybrid)
	}
	against(p.IssuerOnly && c.LegacyAud, "auth_legacy_audience", "remove it", "auth_legacy_audience is ruled out by profile %s", p.Name)
	against(p.Bound && c.DPoP != oauth.Required && !c.TLSBound, "dpop", "write `dpop: required` or `tls_bound: true`", "dpop %s without tls_bound is ruled out by profile %s", c.DPoP, p.Name)
	against(p.KeepRefresh && c.Rotation != oauth.Never, "refresh_rotation", "remove it; tokens are bound to a key already", "refresh_rotation %s is ruled out by profile %s", c.Rotation, p.Name)
	against(p.PAR && c.PAR != oauth.Required, "par", "remove it; the profile says required", "par %s is ruled out by profile %s", c.PAR, p.Name)
	against(p.Signed && c.SignedRequests != oauth.Required, "signed_requests", "remove it; the profile says required", "signed_requests %s is ruled out by profile %s", c.SignedRequests, p.Name)
	against(p.Algorithms != nil && c.RequestAlg != "" && !slices.Contains(p.Algorithms, c.RequestAlg), "request_object_alg", "write one of "+strings.Join(p.Algorithms, ", "),
		"request_object_alg %s is ruled out by profile %s", c.RequestAlg, p.Name)
	if p.SignedAnswer {
		for _, m := range c.Modes {
			against(!strings.HasSuffix(m, reply.JWT), "response_modes", "write some of "+strings.Join(reply.Modes()[3:], ", "), "response mode %q is ruled out by profile %s", m, p.Name)
		}
	}
	for _, x := range []struct{ field, alg string }{{"token_alg", c.TokenAlg}, {"id_token_alg", c.IDTokenAlg}, {"userinfo_alg", c.UserinfoAlg}, {"introspection_alg", c.AnswerAlg}, {"response_alg", c.ResponseAlg}} {
		against(p.Ours != nil && x.alg != "" && !slices.Contains(p.Ours, x.alg), x.field, "write one of "+strings.Join(p.Ours, ", "), "%s %s is ruled out by profile %s", x.field, x.alg, p.Name)
	}
	if p.HTTPS {
		for _, u := range c.Redirects {
			against(!strings.HasPrefix(u, "https://"), "redirect_uris", "use https", "redirect URI %q is ruled out by profile %s", u, p.Name)
		}
	}
	against(c.CodeFor() > p.Code && p.Code > 0, "lifetimes", "choose at most "+p.Code.String(), "lifetimes.code is longer than profile %s allows", p.Name)
}
