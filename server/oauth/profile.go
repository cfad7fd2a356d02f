package oauth

import (
	"slices"
	"time"
)

// Profiles by name. openid is another name of oidc.
const (
	ProfileOAuth21 = "oauth21"               // OAuth 2.1 and RFC 9700: the default
	ProfileOIDC    = "oidc"                  // OpenID certification: a confidential client may leave PKCE out
	ProfileFAPI2   = "fapi2"                 // FAPI 2.0 Security Profile
	ProfileSigning = "fapi2-message-signing" // FAPI 2.0 Message Signing: requests and answers are signed too
	ProfileCIBA    = "fapi-ciba"             // FAPI: Client Initiated Backchannel Authentication Profile
	ProfileOpenID  = "openid"
)

// Profile is what one word in a client's settings switches on. Everything that a profile decides is a field here and nowhere else.
type Profile struct {
	Name          string
	PKCEOptional  bool          // a confidential client may leave PKCE out
	Hybrid        bool          // an ID token may travel beside the code, to a confidential client that is set so
	NamesRedirect bool          // the request always names its redirect URI
	Methods       []string      // client authentication; nil: any
	Algorithms    []string      // signatures of the client's; nil: any that is known
	Ours          []string      // our signatures; nil: any
	PAR           bool          // the request is pushed
	Bound         bool          // tokens are bound to a key of the client's: DPoP or mutual TLS
	KeepRefresh   bool          // refresh tokens are not rotated: they are bound already
	Signed        bool          // the request is a signed object
	SignedAnswer  bool          // the authorization answer is a signed JWT
	HTTPS         bool          // redirect URIs are https
	IssuerOnly    bool          // client assertions are for the issuer alone
	Message       bool          // a backchannel request says what it is about in a binding_message
	NoPush        bool          // tokens are never pushed to the client
	Code          time.Duration // longest life of a code
}

// Profiles is the table of profiles.
func Profiles() []Profile {
	strong, safe := []string{AuthKey, AuthTLS, AuthSelfSigned}, []string{ES256, PS256, EdDSA}
	fapi := Profile{Name: ProfileFAPI2, NamesRedirect: true, Methods: strong, Algorithms: safe, Ours: safe, PAR: true, Bound: true, KeepRefresh: true, HTTPS: true, IssuerOnly: true, Code: time.Minute}
	signing := fapi
	signing.Name, signing.Signed, signing.SignedAnswer = ProfileSigning, true, true
	// CIBA Core §7.1 lets an assertion name the endpoints too; FAPI 1.0, on which its profile rests, knows two signatures.
	ciba := fapi
	ciba.Name, ciba.Signed, ciba.Message, ciba.NoPush, ciba.IssuerOnly = ProfileCIBA, true, true, true, false
	ciba.Algorithms, ciba.Ours = []string{ES256, PS256}, []string{ES256, PS256}
	return []Profile{
		{Name: ProfileOAuth21, Code: 10 * time.Minute},
		{Name: ProfileOIDC, PKCEOptional: true, Hybrid: true, NamesRedirect: true, Code: 10 * time.Minute},
		fapi,
		signing,
		ciba,
	}
}

// ProfileOf finds a profile; "" is the default one.
func ProfileOf(name string) (Profile, bool) {
	switch name {
	case "":
		name = ProfileOAuth21
	case ProfileOpenID:
		name = ProfileOIDC
	}
	for _, p := range Profiles() {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// Taken reports whether a client may sign with an algorithm: the one its settings pin, else those of its profile.
func Taken(pinned, profile, alg string) bool {
	if pinned != "" {
		return alg == pinned
	}
	p, known := ProfileOf(profile)
	return known && (p.Algorithms == nil || slices.Contains(p.Algorithms, alg))
}

// Rules are those of the client's profile.
func (c *Client) Rules() Profile {
	p, _ := ProfileOf(c.Profile)
	return p
}
