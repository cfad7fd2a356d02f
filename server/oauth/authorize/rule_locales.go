package authorize

import (
	"context"
	"strings"
)

func locales(_ context.Context, _ *Handler, q *request) error {
	for _, l := range q.params.Words("ui_locales") {
		if len(q.journey.Locale) == 10 {
			break
		}
		if len(l) <= 35 && strings.Trim(l, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" {
			q.journey.Locale = append(q.journey.Locale, l)
		}
	}
	return nil
}
