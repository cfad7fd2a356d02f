package authorize

import (
	"context"
	"slices"

	"github.com/stile-id/stile/server/oauth"
)

var errUnmet = oauth.Fail(oauth.Unmet, "The assurance asked for cannot be reached here.")

// pickFlow chooses the flow: prompt=create has its own; an essential acr picks the first listed flow that accepts it; else the default.
func pickFlow(_ context.Context, h *Handler, q *request) error {
	f := q.client.Flows
	candidates := append([]string{f.Default}, f.Others...)
	if q.create {
		candidates = []string{f.Create}
	}
	if len(q.journey.EssentialACR) == 0 {
		q.flow = candidates[0]
		return nil
	}
	for _, c := range candidates {
		accepted := h.Accepts(c)
		if c != "" && slices.ContainsFunc(q.journey.EssentialACR, func(a string) bool { return slices.Contains(accepted, a) }) {
			q.flow = c
			return nil
		}
	}
	return errUnmet
}
