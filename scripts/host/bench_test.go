package host_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/host"
)

func argument() object {
	return object{
		"request": object{"client": "shop", "scopes": []string{"openid", "payments"}, "locale": "en", "ip": "192.0.2.7",
			"user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
		"subject":  object{"id": "ann", "email": "ann@example.com", "passkey": true},
		"steps":    object{"who": object{"identifier": "ann@example.com", "domain": "example.com"}},
		"vars":     object{"tier": "basic"},
		"evidence": []object{{"method": "password", "kind": "knowledge", "phishingResistant": false, "age": 12}},
	}
}

// measure reports, beside the time of a call, the processor time it costs: ours and the workers'.
func measure(b *testing.B, s check.HookSet, c check.HookCall) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := s.Call(ctx, c); err != nil {
		b.Fatal(err)
	}
	before, beforeWorkers := used("self"), usedByWorkers()
	for b.Loop() {
		if _, err := s.Call(ctx, c); err != nil {
			b.Fatal(err)
		}
	}
	ours, theirs := used("self")-before, usedByWorkers()-beforeWorkers
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "parent-µs/op")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N), "worker-µs/op")
}

func BenchmarkHookCall(b *testing.B) {
	s := compiled(b, pool(b, host.Options{}), shop)
	measure(b, s, check.HookCall{Function: "risk", Argument: argument()})
}

func BenchmarkSwitch(b *testing.B) {
	s := compiled(b, pool(b, host.Options{}), "", "steps.who.domain === 'acme.example'", "vars.tier === 'basic'")
	measure(b, s, check.HookCall{Expressions: []string{"steps.who.domain === 'acme.example'", "vars.tier === 'basic'"}, Argument: argument()})
}

func BenchmarkConnectorCall(b *testing.B) {
	s := compiled(b, pool(b, host.Options{}), asking)
	measure(b, s, check.HookCall{Function: "one", Argument: object{"id": "ann"}, Connect: answer(`{"json":{"tier":"gold"}}`)})
}

func usedByWorkers() time.Duration {
	var sum time.Duration
	for _, pid := range children() {
		sum += used(strconv.Itoa(pid))
	}
	return sum
}

// used is the processor time of a process, from a clock that ticks a hundred times a second; 0 where there is no /proc.
func used(pid string) time.Duration {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
