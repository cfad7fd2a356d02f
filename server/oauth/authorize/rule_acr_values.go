package authorize

import (
	"context"
	"slices"
)

// acrValues adds voluntary acrs, in order of preference, and what the client's settings demand whatever the request says.
func acrValues(_ context.Context, _ *Handler, q *request) error {
	for _, a := range q.params.Words("acr_values") {
		if len(a) <= 200 && !slices.Contains(q.journey.ACR, a) && len(q.journey.ACR) < 20 {
			q.journey.ACR = append(q.journey.ACR, a)
		}
	}
	if len(q.journey.ACR) == 0 && len(q.journey.EssentialACR) == 0 {
		q.journey.ACR = q.client.DefaultACR
	}
	if len(q.client.ACR) > 0 {
		if len(q.journey.EssentialACR) == 0 {
			q.journey.EssentialACR = q.client.ACR
		} else {
			q.journey.EssentialACR = slices.DeleteFunc(slices.Clone(q.journey.EssentialACR), func(a string) bool { return !slices.Contains(q.client.ACR, a) })
			if len(q.journey.EssentialACR) == 0 {
				return errUnmet
			}
		}
	}
	q.note.Essential = q.journey.EssentialACR
	return nil
}
