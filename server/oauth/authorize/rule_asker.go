package authorize

import (
	"context"
	"slices"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
)

// asker notes who asks from where.
func asker(_ context.Context, h *Handler, q *request) error {
	j := &q.journey
	j.Client, j.ClientName, j.Theme = q.client.ID, q.client.Name, q.client.Theme
	j.PolicyURI, j.TosURI = q.client.PolicyURI, q.client.TosURI
	if h.Address != nil {
		j.IP = h.Address(q.http)
	} else {
		j.IP = authentication.Address(q.http)
	}
	agent := []rune(strings.ToValidUTF8(q.http.UserAgent(), ""))
	j.UserAgent = string(agent[:min(len(agent), 200)])
	n := &q.note
	n.Rests = int64(q.client.RestsFor().Seconds())
	n.Absolute = int64(q.client.AbsoluteFor().Seconds())
	if !slices.Contains(q.client.GrantTypes, oauth.GrantRefresh) {
		n.Absolute = int64((q.client.CodeFor() + q.client.AccessFor()).Seconds())
	}
	return nil
}
