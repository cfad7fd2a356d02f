package host_test

import (
	"testing"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/host"
)

func BenchmarkHookCallInline(b *testing.B) {
	s := compiled(b, pool(b, host.Options{Isolation: host.IsolationInline}), shop)
	measure(b, s, check.HookCall{Function: "risk", Argument: argument()})
}
