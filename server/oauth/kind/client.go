package kind

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/foreign"
)

// Client makes the client of a registration, by the settings as they are now. Its error means that they no longer let it be one.
func (s *Settings) Client(reg *identity.Registration, o Offers) (*oauth.Client, error) {
	k, ok := s.Kinds[reg.Kind]
	if !ok {
		return nil, fmt.Errorf("there is no kind %q", reg.Kind)
	}
	m, err := Stored(reg)
	if err != nil {
		return nil, err
	}
	if err := m.Shape(k, o); err != nil {
		return nil, err
	}
	var secrets []string
	if reg.Secret != "" {
		secrets = []string{reg.Secret}
	}
	c, problems := client.Check(m.client(reg.ID, k, secrets))
	return &c, errors.Join(problems...)
}

// Stored reads the metadata of a registration back.
func Stored(reg *identity.Registration) (*Metadata, error) {
	o, err := foreign.ReadObject(reg.Metadata)
	if err != nil {
		return nil, err
	}
	return Read(o)
}

// Names lists the kinds.
func (s *Settings) Names() []string { return slices.Sorted(maps.Keys(s.Kinds)) }

// Pages reports whether some kind's clients may be pages that redeem their codes themselves: by script, without a secret.
func (s *Settings) Pages() bool {
	for _, k := range s.Kinds {
		if slices.Contains(k.auth(Offers{}), oauth.AuthNone) && slices.Contains(k.grants(), oauth.GrantCode) {
			return true
		}
	}
	return false
}

// client is the client that metadata in their form describe.
func (m *Metadata) client(id string, k Kind, secrets []string) oauth.Client {
	c := oauth.Client{ID: id, Name: m.Name, LogoURI: m.LogoURI, Translations: m.translations(), PolicyURI: m.PolicyURI, TosURI: m.TosURI, Secrets: secrets, Auth: m.Auth, AuthAlg: m.AuthAlg, JWKS: m.JWKS, JWKSURI: m.JWKSURI,
		Certificate: oauth.Subject{DN: m.TLSSubject, DNS: m.TLSDNS, URI: m.TLSURI, IP: m.TLSIP, Email: m.TLSEmail},
		Private:     k.Private, LegacyAud: k.LegacyAud, Profile: k.Profile, TLSBound: m.TLSBound, RequestAlg: m.RequestAlg, RequestURIs: m.RequestURIs, ResponseAlg: m.ResponseAlg, Redirects: m.RedirectURIs, LogoutURIs: m.LogoutURIs,
		SubjectType: m.SubjectType, SectorURI: m.SectorURI, BackLogout: m.BackLogout, BackSession: m.BackSession, FrontLogout: m.FrontLogout, FrontSession: m.FrontSession,
		GrantTypes: m.GrantTypes, Responses: m.ResponseTypes, Flows: k.Flows, Format: k.Format, IDTokenAlg: m.IDTokenAlg, UserinfoAlg: m.UserinfoAlg, AnswerAlg: m.AnswerAlg,
		IDTokenEncAlg: m.IDTokenEncAlg, IDTokenEnc: m.IDTokenEnc, UserinfoEncAlg: m.UserinfoEncAlg, UserinfoEnc: m.UserinfoEnc,
		Consent: k.Consent, Theme: k.Theme, Lifetimes: k.Lifetimes, MaxAge: m.MaxAge, DefaultACR: m.ACR, Resources: k.Resources, Details: m.Details}
	for _, s := range strings.Fields(m.Scope) {
		if s == "offline_access" {
			c.Offline = true
			continue
		}
		c.Scopes = append(c.Scopes, s)
	}
	if m.Auth == oauth.AuthNone && m.ApplicationType == "web" {
		c.Origins = origins(m.RedirectURIs)
	}
	required := func(yes bool, field *string) {
		if yes {
			*field = oauth.Required
		}
	}
	required(m.DPoP, &c.DPoP)
	required(m.RequirePAR, &c.PAR)
	required(m.RequireSigned, &c.SignedRequests)
	if !slices.Contains(m.GrantTypes, oauth.GrantDevice) {
		c.Flows.Device = ""
	}
	if !slices.Contains(m.GrantTypes, oauth.GrantBackchannel) {
		c.Flows.Backchannel = ""
	}
	return c
}

// translations are what people see, by language. Tags that differ in case alone are one; the later in the alphabet counts. What has no tag's form was
// kept and is given back, and no page is in that language.
func (m *Metadata) translations() oauth.Seen {
	var out oauth.Seen
	for _, name := range slices.Sorted(maps.Keys(m.Localized)) {
		base, tag, _ := strings.Cut(name, "#")
		tag = strings.ToLower(tag)
		if !client.Language(tag) {
			continue
		}
		if out == nil {
			out = oauth.Seen{}
		}
		s := out[tag]
		if field, ok := map[string]*string{"client_name": &s.Name, "logo_uri": &s.LogoURI, "policy_uri": &s.PolicyURI, "tos_uri": &s.TosURI}[base]; ok {
			*field = m.Localized[name]
		}
		out[tag] = s
	}
	return out
}

// origins are those of the pages that https redirect URIs lead to, as browsers write them. Such a page is where codes arrive, so that its script may redeem them.
func origins(uris []string) []string {
	var out []string
	for _, u := range uris {
		o := strings.TrimSuffix(client.Origin(u), ":443")
		if strings.HasPrefix(o, "https://") && client.Origin(o) == o && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}
