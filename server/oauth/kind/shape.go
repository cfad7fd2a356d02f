package kind

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/encrypt"
	"github.com/stile-id/stile/server/oauth/foreign"
)

// Offers say what this server can do for clients with certificates.
type Offers struct {
	Certificates bool // callers are asked for theirs
	Authorities  bool // somebody stands behind those of tls_client_auth
}

// draft is metadata that are being brought into the form in which they are registered: defaults filled in, what a client may not have taken
// out or refused (RFC 7591 §2: a server may replace what was asked for).
type draft struct {
	*Metadata
	kind   Kind
	offers Offers
}

// rules is the whole treatment of metadata, in order; later rules rely on what earlier ones settled.
func rules() []func(*draft) error {
	return []func(*draft) error{lengths, people, pages, application, grants, responses, method, redirects, keys, algorithms, encryption, subjects, scopes, details, binding, certificate, logout, requests, backchannel, demands}
}

// Shape applies them. It changes nothing in metadata that have their form already.
func (m *Metadata) Shape(k Kind, o Offers) error {
	d := &draft{Metadata: m, kind: k, offers: o}
	for _, r := range rules() {
		if err := r(d); err != nil {
			return err
		}
	}
	return nil
}

// lengths bounds everything that is a list.
func lengths(d *draft) error {
	for _, x := range []struct {
		name string
		list []string
	}{{"redirect_uris", d.RedirectURIs}, {"response_types", d.ResponseTypes}, {"grant_types", d.GrantTypes}, {"contacts", d.Contacts}, {"default_acr_values", d.ACR},
		{"request_uris", d.RequestURIs}, {"post_logout_redirect_uris", d.LogoutURIs}, {"authorization_details_types", d.Details}} {
		if len(x.list) > maxList {
			return Bad(x.name, "more than 20 values.")
		}
		for _, v := range x.list {
			if v == "" || len(v) > maxText {
				return Bad(x.name, "a value is empty or longer than 1000 characters.")
			}
		}
	}
	return nil
}

// people checks what people may read. Nothing in it can break a line, turn the direction of writing or hide.
func people(d *draft) error {
	readable := func(s string, most int) bool {
		return len([]rune(s)) <= most && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
	}
	for _, x := range []struct{ name, text string }{{"client_name", d.Name}, {"software_id", d.SoftwareID}, {"software_version", d.SoftwareVersion}} {
		if !readable(x.text, 100) {
			return Bad(x.name, "more than 100 characters, or some that cannot be shown.")
		}
	}
	for _, c := range d.Contacts {
		if !readable(c, 200) {
			return Bad("contacts", "one has more than 200 characters, or some that cannot be shown.")
		}
	}
	for name, text := range d.Localized {
		if strings.HasPrefix(name, "client_name#") && !readable(text, 100) {
			return Bad("client_name", "more than 100 characters, or some that cannot be shown.")
		}
	}
	return nil
}

// https reports whether an address may lead people, or us, somewhere.
func https(address string) bool {
	u, err := url.Parse(address)
	return err == nil && len(address) <= maxText && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == "" && !strings.ContainsFunc(address, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r)
	})
}

// pages checks addresses that are kept. People are shown the policy and the terms as links; of them all, the logo alone is fetched, not now and not by browsers.
func pages(d *draft) error {
	list := map[string]string{"logo_uri": d.LogoURI, "client_uri": d.ClientURI, "policy_uri": d.PolicyURI, "tos_uri": d.TosURI, "initiate_login_uri": d.InitiateLogin}
	for name, text := range d.Localized {
		if base, _, _ := strings.Cut(name, "#"); base != "client_name" {
			if list[base] == "" || https(list[base]) {
				list[base] = text
			}
		}
	}
	for name, address := range list {
		if address != "" && !https(address) {
			return Bad(name, "it must be an https address.")
		}
	}
	return nil
}

func application(d *draft) error {
	switch d.ApplicationType {
	case "":
		d.ApplicationType = "web"
	case "web", "native":
	default:
		return Bad("application_type", "write web or native.")
	}
	return nil
}

// grants keeps those grant types that the kind has.
func grants(d *draft) error {
	if len(d.GrantTypes) == 0 {
		d.GrantTypes = []string{oauth.GrantCode}
	}
	d.GrantTypes = kept(d.GrantTypes, d.kind.grants())
	if len(d.GrantTypes) == 0 {
		return Bad("grant_types", "none of them is offered to this client.")
	}
	return nil
}

// responses goes with grants: a code comes where authorization_code is (RFC 7591 §2.1).
func responses(d *draft) error {
	code := slices.Contains(d.GrantTypes, oauth.GrantCode)
	asked := len(d.ResponseTypes) > 0
	d.ResponseTypes = kept(d.ResponseTypes, []string{"code"})
	switch {
	case asked && len(d.ResponseTypes) == 0:
		return Bad("response_types", "only code is offered.")
	case asked && !code:
		return Bad("response_types", "they do not go with the grant_types.")
	case code:
		d.ResponseTypes = []string{"code"}
	}
	return nil
}

// kept are the values of a list that are allowed, each once.
func kept(list, allowed []string) []string {
	var out []string
	for _, v := range list {
		if slices.Contains(allowed, v) && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// method is how the client authenticates. A native app that names no way has none: every copy of it would know the same secret (RFC 8252 §8.5).
func method(d *draft) error {
	ways := d.kind.auth(d.offers)
	if d.Auth == "" {
		d.Auth = oauth.AuthBasic
		if d.ApplicationType == "native" {
			d.Auth = oauth.AuthNone
		}
		if !slices.Contains(ways, d.Auth) && len(ways) > 0 {
			d.Auth = ways[0]
		}
	}
	if !slices.Contains(ways, d.Auth) {
		return Bad("token_endpoint_auth_method", "it is not offered to this client.")
	}
	return nil
}

// redirects checks where people may be sent: https; for native apps this machine too, and private schemes (RFC 8252 §7).
func redirects(d *draft) error {
	if len(d.RedirectURIs) == 0 && slices.Contains(d.GrantTypes, oauth.GrantCode) {
		return oauth.Fail(oauth.InvalidRedirect, "redirect_uris: at least one is needed.")
	}
	for _, u := range d.RedirectURIs {
		if err := d.leads(u); err != nil {
			return oauth.Fail(oauth.InvalidRedirect, "redirect_uris: https addresses; for native apps http on this machine and, without a secret, private schemes that are reversed domain names.").With(err)
		}
	}
	for _, u := range d.LogoutURIs {
		if err := d.leads(u); err != nil {
			return Bad("post_logout_redirect_uris", "the same rules hold as for redirect_uris.").With(err)
		}
	}
	return nil
}

func (d *draft) leads(uri string) error {
	if err := client.CheckRedirect(uri, d.Auth != oauth.AuthNone); err != nil {
		return err
	}
	if d.ApplicationType == "web" && !strings.HasPrefix(uri, "https://") {
		return client.ErrRedirect
	}
	return nil
}

func keys(d *draft) error {
	if string(d.JWKS) == "null" {
		d.JWKS = nil
	}
	if len(d.JWKS) > 0 && d.JWKSURI != "" {
		return Bad("jwks", "write jwks or jwks_uri, not both.")
	}
	if d.JWKSURI != "" && !https(d.JWKSURI) {
		return Bad("jwks_uri", "it must be an https address.")
	}
	if len(d.JWKS) > 0 {
		if _, err := foreign.ReadKeys(d.JWKS, true); err != nil {
			return Bad("jwks", "public keys only: EC on P-256, RSA from 2048 bits, or Ed25519.").With(err)
		}
	}
	if len(d.JWKS) == 0 && d.JWKSURI == "" && (d.Auth == oauth.AuthKey || d.Auth == oauth.AuthSelfSigned) {
		return Bad("token_endpoint_auth_method", "it needs jwks or jwks_uri.")
	}
	return nil
}

// algorithms checks signatures, ours and the client's. What OpenID Connect says of a client that names none holds for ID tokens: RS256, where the
// profile allows it.
func algorithms(d *draft) error {
	p := d.kind.profile()
	ours, theirs := p.Ours, p.Algorithms
	if ours == nil {
		ours = []string{oauth.RS256, oauth.ES256, oauth.PS256, oauth.EdDSA}
	}
	if theirs == nil {
		theirs = foreign.Algorithms()
	}
	if d.IDTokenAlg == "" {
		d.IDTokenAlg = ours[0]
	}
	for _, x := range []struct {
		name  string
		value *string
		known []string
	}{{"id_token_signed_response_alg", &d.IDTokenAlg, ours}, {"userinfo_signed_response_alg", &d.UserinfoAlg, ours}, {"introspection_signed_response_alg", &d.AnswerAlg, ours},
		{"authorization_signed_response_alg", &d.ResponseAlg, ours}, {"request_object_signing_alg", &d.RequestAlg, theirs}, {"token_endpoint_auth_signing_alg", &d.AuthAlg, theirs}} {
		if *x.value == "Ed25519" { // the newer name of the same (RFC 9864)
			*x.value = oauth.EdDSA
		}
		if *x.value != "" && !slices.Contains(x.known, *x.value) {
			return Bad(x.name, "it is not offered to this client.")
		}
	}
	return nil
}

// encryption checks what is encrypted to the client after it was signed (OpenID Connect Dynamic Client Registration §2). Keys that are written
// out are looked at now, those that the client publishes whenever something is encrypted. Userinfo is never encrypted unsigned: anybody could
// have encrypted it to a public key.
func encryption(d *draft) error {
	for _, x := range []struct {
		what     string
		alg, enc *string
	}{{"id_token", &d.IDTokenEncAlg, &d.IDTokenEnc}, {"userinfo", &d.UserinfoEncAlg, &d.UserinfoEnc}} {
		alg, enc := x.what+"_encrypted_response_alg", x.what+"_encrypted_response_enc"
		if *x.alg == "" {
			if *x.enc != "" {
				return Bad(enc, "it needs "+alg+".")
			}
			continue
		}
		if !slices.Contains(encrypt.Algorithms(), *x.alg) {
			return Bad(alg, "it is not offered to this client.")
		}
		if *x.enc == "" {
			*x.enc = encrypt.Encodings()[0]
		}
		if !slices.Contains(encrypt.Encodings(), *x.enc) {
			return Bad(enc, "it is not offered to this client.")
		}
		if !d.opens(*x.alg) {
			return Bad(alg, "it needs jwks_uri, or jwks with a key to encrypt to: RSA from 2048 bits for RSA-OAEP-256, EC on P-256 for ECDH-ES.")
		}
	}
	if d.UserinfoEncAlg != "" && d.UserinfoAlg == "" {
		d.UserinfoAlg = d.IDTokenAlg
	}
	return nil
}

// opens reports whether the client has said where its keys are, and has one there for the algorithm as far as that can be seen now.
func (d *draft) opens(alg string) bool {
	if len(d.JWKS) == 0 {
		return d.JWKSURI != ""
	}
	keys, err := foreign.ReadKeys(d.JWKS, true)
	return err == nil && encrypt.Pick(keys, alg) != nil
}

func subjects(d *draft) error {
	if d.SubjectType == "" {
		d.SubjectType = oauth.SubjectPublic
	}
	if d.SubjectType != oauth.SubjectPublic && d.SubjectType != oauth.SubjectPairwise {
		return Bad("subject_type", "write public or pairwise.")
	}
	if d.SectorURI != "" && !https(d.SectorURI) {
		return Bad("sector_identifier_uri", "it must be an https address.")
	}
	return nil
}

// scopes keeps those that the kind has; whoever names none gets them all.
func scopes(d *draft) error {
	asked := strings.Fields(d.Scope)
	if len(asked) == 0 {
		d.Scope = strings.Join(d.kind.scopes(), " ")
		return nil
	}
	got := kept(asked, d.kind.scopes())
	if len(got) == 0 {
		return Bad("scope", "none of them is offered to this client.")
	}
	d.Scope = strings.Join(got, " ")
	return nil
}

func details(d *draft) error {
	if len(kept(d.Details, d.kind.Details)) != len(d.Details) {
		return Bad("authorization_details_types", "one of them is not offered to this client, or is there twice.")
	}
	return nil
}

// binding writes down what the profile demands anyway, so that the answer says what holds.
func binding(d *draft) error {
	p := d.kind.profile()
	if d.TLSBound && !d.offers.Certificates {
		return Bad("tls_client_certificate_bound_access_tokens", "nobody asks for certificates here.")
	}
	d.DPoP = d.DPoP || p.Bound && !d.TLSBound
	d.RequirePAR = d.RequirePAR || p.PAR
	d.RequireSigned = d.RequireSigned || p.Signed
	if code := slices.Contains(d.GrantTypes, oauth.GrantCode); d.RequireSigned && code && len(d.JWKS) == 0 && d.JWKSURI == "" {
		return Bad("require_signed_request_object", "it needs jwks or jwks_uri.")
	}
	return nil
}

// certificate checks whom the client's certificate must name: in exactly one way, for tls_client_auth (RFC 8705 §2.1.2).
func certificate(d *draft) error {
	n := 0
	for _, v := range []string{d.TLSSubject, d.TLSDNS, d.TLSURI, d.TLSIP, d.TLSEmail} {
		if len(v) > maxText {
			return Bad("tls_client_auth_subject_dn", "longer than 1000 characters.")
		}
		if v != "" {
			n++
		}
	}
	if d.Auth == oauth.AuthTLS && n != 1 {
		return Bad("token_endpoint_auth_method", "exactly one tls_client_auth member says whom the certificate names.")
	}
	if d.Auth != oauth.AuthTLS {
		d.TLSSubject, d.TLSDNS, d.TLSURI, d.TLSIP, d.TLSEmail = "", "", "", "", ""
	}
	if d.TLSIP != "" {
		if _, err := netip.ParseAddr(d.TLSIP); err != nil {
			return Bad("tls_client_auth_san_ip", "no address.")
		}
	}
	return nil
}

// logout checks where the client hears of ends of sessions. A frame of another origin than its own could be anybody's.
func logout(d *draft) error {
	if d.BackLogout != "" && !https(d.BackLogout) {
		return Bad("backchannel_logout_uri", "it must be an https address.")
	}
	own := slices.ContainsFunc(d.RedirectURIs, func(r string) bool { return client.Origin(r) == client.Origin(d.FrontLogout) })
	if d.FrontLogout != "" && (!https(d.FrontLogout) || !own) {
		return Bad("frontchannel_logout_uri", "it must be an https address of the same origin as a redirect URI.")
	}
	d.BackSession, d.FrontSession = d.BackSession && d.BackLogout != "", d.FrontSession && d.FrontLogout != ""
	return nil
}

func requests(d *draft) error {
	for _, u := range d.RequestURIs {
		if at, fragment, _ := strings.Cut(u, "#"); !https(at) || !https(at+"?"+fragment) { // a fragment is the hash of what lies there (OpenID Connect Core §6.2)
			return Bad("request_uris", "they must be https addresses.")
		}
	}
	if len(d.RequestURIs) > 0 && len(d.JWKS) == 0 && d.JWKSURI == "" {
		return Bad("request_uris", "they need jwks or jwks_uri.")
	}
	return nil
}

// backchannel: of CIBA, polling is offered and no user code.
func backchannel(d *draft) error {
	if !slices.Contains(d.GrantTypes, oauth.GrantBackchannel) {
		d.Delivery, d.UserCode = "", false
		return nil
	}
	if d.Delivery == "" {
		d.Delivery = "poll"
	}
	if d.Delivery != "poll" {
		return Bad("backchannel_token_delivery_mode", "only poll is offered.")
	}
	d.UserCode = false
	return nil
}

func demands(d *draft) error {
	if d.MaxAge != nil && (*d.MaxAge < 0 || *d.MaxAge > 1<<31) {
		return Bad("default_max_age", "a number of seconds.")
	}
	return nil
}
