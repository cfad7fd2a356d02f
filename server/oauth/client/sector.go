package client

import (
	"net/url"
	"slices"
	"strings"

	"github.com/stile-id/stile/server/oauth"
)

// sector finds the sector of a client with pairwise subjects: the host of its sector_identifier_uri, else the one host of its
// redirect URIs (OpenID Connect Core §8.1).
func (k *checker) sector() {
	c := k.c
	c.Sector = ""
	k.oneOf("subject_type", &c.SubjectType, oauth.SubjectPublic, oauth.SubjectPublic, oauth.SubjectPairwise)
	if c.SectorURI != "" {
		u, err := url.Parse(c.SectorURI)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(c.SectorURI) > 1000 {
			k.problem("sector_identifier_uri %q: write an https address", c.SectorURI)
			return
		}
		c.Sector = strings.ToLower(u.Hostname())
		return
	}
	if c.SubjectType != oauth.SubjectPairwise {
		return
	}
	if !slices.Contains(c.GrantTypes, oauth.GrantCode) {
		k.unredirected()
		return
	}
	for _, r := range c.Redirects {
		u, err := url.Parse(r)
		if err != nil {
			return // told already
		}
		host := strings.ToLower(u.Hostname())
		if host == "" || c.Sector != "" && host != c.Sector {
			k.problem("subject_type is pairwise and the redirect URIs have no host or several; name the sector by sector_identifier_uri")
			return
		}
		c.Sector = host
	}
}

// unredirected finds the sector of a client that asks for people by name and has no redirect URIs: the host of where tokens are pushed, else of
// where its keys are published (CIBA Core §4).
func (k *checker) unredirected() {
	c := k.c
	if !slices.Contains(c.GrantTypes, oauth.GrantBackchannel) {
		return
	}
	address := c.JWKSURI
	if c.Backchannel.Delivery == oauth.DeliverPush {
		address = c.Backchannel.Endpoint
	}
	if u, err := url.Parse(address); err == nil {
		c.Sector = strings.ToLower(u.Hostname())
	}
	if c.Sector == "" {
		k.problem("subject_type is pairwise and there is neither jwks_uri nor a place that tokens are pushed to; name the sector by sector_identifier_uri")
	}
}
