package watch_test

import (
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/server/watch"
)

// TestShippedFlowsCheck: every flow that ships compiles without an error or a warning.
func TestShippedFlowsCheck(t *testing.T) {
	folder, err := watch.ReadFolder(flows.Shipped)
	if err != nil {
		t.Fatal(err)
	}
	got := watch.Compile(folder, world(t))
	if len(got.Problems) > 0 {
		var text strings.Builder
		diag.Render(&text, got.Problems, got.Sources)
		t.Fatal(text.String())
	}
	if len(got.Programs) != 6 {
		t.Fatalf("%d programs, want 6", len(got.Programs))
	}
}
