package words

import (
	"strconv"
	"time"

	"github.com/stile-id/stile/engine/action"
)

// date words a point in time that a step gave in one of the forms below, under the placeholder `date` or `when`.
func (s Speaker) date(slot, v string) (string, bool) {
	if slot != "date" && slot != "when" {
		return "", false
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.RFC3339} {
		t, err := time.Parse(layout, v)
		if err != nil {
			continue
		}
		t = t.UTC()
		day := s.Plain(action.T("date.day", "day", t.Day(), "month", action.T("date.month-"+strconv.Itoa(int(t.Month()))), "year", t.Year()))
		if layout == time.DateOnly {
			return day, true
		}
		return s.Plain(action.Text{Key: "date.time", Args: map[string]any{"day": action.Text{Words: map[string]string{"": day}}, "time": t.Format("15:04")}}), true
	}
	return "", false
}
