package worker_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stile-id/stile/scripts/worker"
)

const argument = `{"request":{"client":"shop","scopes":["openid","payments"],"locale":"en","ip":"192.0.2.7","user_agent":"Mozilla/5.0 (X11; Linux x86_64)"},"subject":{"id":"ann","email":"ann@example.com"},"steps":{"who":{"domain":"example.com"}},"vars":{"tier":"basic"},"evidence":[{"method":"password","phishingResistant":false}]}`

// BenchmarkMachine is what a run costs without the way to the worker and back.
func BenchmarkMachine(b *testing.B) {
	for name, code := range map[string]string{
		"hook": `"use strict";(() => { function risk({ request, evidence }) { const strong = evidence.some((e) => e.phishingResistant);
			return request.scopes.includes("payments") && !strong ? "high" : "low"; } globalThis.$hooks = { risk }; })();`,
		"switch": `[({ steps, vars }) => steps.who.domain === 'acme.example', ({ steps, vars }) => vars.tier === 'basic']`,
	} {
		b.Run(name, func(b *testing.B) {
			m := worker.NewMachine(time.Minute, time.Now)
			c := worker.Call{Program: sha256.Sum256([]byte(code)), Argument: []byte(argument)}
			if name == "hook" {
				c.Function = "risk"
			} else {
				c.Cases = []int{0, 1}
			}
			if err := m.Load(worker.Source{Hash: c.Program, Code: []byte(code)}); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if d, err := m.Run(c, worker.Door{}); err != nil || d.Fault != nil {
					b.Fatal(d.Fault, err)
				}
			}
		})
	}
}
