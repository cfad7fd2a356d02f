package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	if c.SubjectType != oauth.SubjectPairwise || !slices.Contains(c.GrantTypes, oauth.GrantCode) {
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

// ErrSector: what lies at the sector_identifier_uri does not name every redirect URI of the client.
var ErrSector = errors.New("sector_identifier_uri")

const maxSector = 64 << 10 // bytes

// CheckSector fetches what the sector_identifier_uri names and looks for each redirect URI there, so that nobody claims a sector of
// others (§8.1). ErrSector is the client's mistake; any other error says that nothing could be fetched.
func CheckSector(ctx context.Context, calls *http.Client, c *oauth.Client) error {
	if c.SectorURI == "" {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.SectorURI, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSector, err)
	}
	r.Header.Set("Accept", "application/json")
	res, err := calls.Do(r)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", c.SectorURI, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxSector+1))
	if err != nil {
		return fmt.Errorf("fetch %s: %w", c.SectorURI, err)
	}
	if res.StatusCode >= 500 {
		return fmt.Errorf("fetch %s: answered %d", c.SectorURI, res.StatusCode)
	}
	var list []string
	if res.StatusCode != http.StatusOK || len(body) > maxSector || json.Unmarshal(body, &list) != nil {
		return fmt.Errorf("%w: client %q: %s is no list of redirect URIs", ErrSector, c.ID, c.SectorURI)
	}
	for _, u := range c.Redirects {
		if !slices.Contains(list, u) {
			return fmt.Errorf("%w: client %q: %s does not list %s", ErrSector, c.ID, c.SectorURI, u)
		}
	}
	return nil
}
