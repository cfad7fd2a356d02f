package action_test

import (
	"testing"
	"time"

	"github.com/stile-id/stile/engine/action"
)

func TestTimeSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{"800ms": 800 * time.Millisecond, "30s": 30 * time.Second, "1d12h": 36 * time.Hour, "30d": 720 * time.Hour, "0s": 0} {
		if got, err := action.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1s", "-1d", "1", "1w", "4000d", "60000d2562047h", "2562047h47m", "99999999999h", "1d1d", "1.5d"} {
		if got, err := action.ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
