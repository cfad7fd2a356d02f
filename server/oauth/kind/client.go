package kind

import (
	"errors"
	"fmt"
	"maps"
	"slices"

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
