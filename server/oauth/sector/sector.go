// Package sector looks at what clients' sector_identifier_uri name (OpenID Connect Core §8.1).
package sector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/stile-id/stile/server/oauth"
)

// Err: what lies at the sector_identifier_uri does not name every redirect URI of the client.
var Err = errors.New("sector_identifier_uri")

const maxSector = 64 << 10 // bytes

// Check fetches what the sector_identifier_uri names and looks for each redirect URI there, so that nobody claims a sector of
// others (§8.1). Err is the client's mistake; any other error says that nothing could be fetched.
func Check(ctx context.Context, calls *http.Client, c *oauth.Client) error {
	if c.SectorURI == "" {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.SectorURI, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", Err, err)
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
		return fmt.Errorf("%w: client %q: %s is no list of redirect URIs", Err, c.ID, c.SectorURI)
	}
	for _, u := range c.Redirects {
		if !slices.Contains(list, u) {
			return fmt.Errorf("%w: client %q: %s does not list %s", Err, c.ID, c.SectorURI, u)
		}
	}
	return nil
}
