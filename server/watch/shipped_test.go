package watch_test

import (
	"strings"
	"testing"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/watch"
)

// TestShippedFlowsCheck: every flow that ships compiles without an error or a warning.
func TestShippedFlowsCheck(t *testing.T) {
	keys, err := passkey.New("http://localhost:8080", "Stile", nil)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := all.Actions(all.Needs{Passkeys: keys, Providers: federate.NewProviders(federate.Provider{Name: "acme", Vouches: "one-factor"})})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := host.New(host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	folder, err := watch.ReadFolder(flows.Shipped)
	if err != nil {
		t.Fatal(err)
	}
	named := func(want string) func(string) bool { return func(name string) bool { return name == want } }
	got := watch.Compile(folder, check.World{Registry: registry, Hooks: pool, Connector: named("crm"), Provider: named("acme"), Consent: all.Consent})
	if len(got.Problems) > 0 {
		var text strings.Builder
		diag.Render(&text, got.Problems, got.Sources)
		t.Fatal(text.String())
	}
	if len(got.Programs) != 4 {
		t.Fatalf("%d programs, want 4", len(got.Programs))
	}
}
