package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/proof"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/watch"
)

// checkTimes checks flows like the shipped ones, as long as nobody writes them, in this process: form, graph, data, scripts and proofs. The last one
// is made to explode: what it proves cannot be proved, and it is refused.
func checkTimes(out io.Writer) error {
	keys, err := passkey.New("http://localhost:8080", "Stile", nil)
	if err != nil {
		return err
	}
	acme := federate.Provider{Name: "acme", Vouches: "one-factor"}
	registry, err := all.Actions(all.Needs{Passkeys: keys, Providers: federate.NewProviders(acme)})
	if err != nil {
		return err
	}
	pool, err := host.New(host.Options{})
	if err != nil {
		return err
	}
	defer pool.Close()
	named := func(want string) func(string) bool { return func(name string) bool { return name == want } }
	world := check.World{Registry: registry, Hooks: pool, Consent: all.Consent, Connector: named("crm"), Provider: func(string) bool { return true }}
	for _, steps := range []int{1_000, 10_000} {
		folder := watch.Folder{"long.yaml": long(steps)}
		best, proofs := time.Hour, time.Hour
		for range 5 {
			began := time.Now()
			set := watch.Compile(folder, world)
			best = min(best, time.Since(began))
			if set.Programs == nil {
				return set.Problems
			}
			began = time.Now()
			proof.Prove(set.Programs["long"])
			proofs = min(proofs, time.Since(began))
		}
		if _, err := fmt.Fprintf(out, "check a flow of %d steps\t%.1f ms\tproofs of it %.1f ms\t\t\n", steps, ms(best), ms(proofs)); err != nil {
			return err
		}
	}
	if world.Registry, err = all.Actions(all.Needs{Passkeys: keys, Providers: federate.NewProviders(providers()...)}); err != nil {
		return err
	}
	began := time.Now()
	set := watch.Compile(watch.Folder{"long.yaml": explosive()}, world)
	if set.Programs != nil {
		return errors.New("the explosive flow was let through")
	}
	_, err = fmt.Fprintf(out, "refuse a flow that explodes\t%.1f ms\t%s\t\t\n", ms(time.Since(began)), set.Problems[0].Code)
	return err
}

func providers() []federate.Provider {
	var list []federate.Provider
	for i := range stages {
		list = append(list, federate.Provider{Name: fmt.Sprintf("a%d", i), Vouches: "one-factor"}, federate.Provider{Name: fmt.Sprintf("b%d", i), Vouches: "one-factor"})
	}
	return list
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// long is a flow of so many steps, made of blocks like the shipped signin, one after the other.
func long(steps int) []byte {
	const block = 11
	var text strings.Builder
	text.WriteString("flow: long\nstart: who0\naccept: { urn:stile:strong: [two-factor], urn:stile:basic: [one-factor] }\nvars: { tier: { type: string, default: basic } }\nsteps:\n")
	blocks := steps / block
	for i := range blocks {
		next := fmt.Sprintf("who%d", i+1)
		if i == blocks-1 {
			next = "done"
		}
		fmt.Fprintf(&text, `  who%[1]d: { use: ask.identifier, with: { passkey: autofill }, next: { given: route%[1]d, passkey: customer%[1]d } }
  route%[1]d: { use: switch, with: { cases: [{ when: "steps.who%[1]d.domain === 'acme.example'", then: staff }], default: others }, next: { staff: workforce%[1]d, others: password%[1]d } }
  workforce%[1]d: { use: federate.oidc, with: { provider: acme, login_hint: "${steps.who%[1]d.identifier}" }, next: { ok: link%[1]d, cancelled: who%[1]d, unavailable: away%[1]d } }
  away%[1]d: { use: ask.message, with: { title: Your employer is not answering }, next: { ok: who%[1]d } }
  link%[1]d: { use: account.link, with: { create: true, attributes: { name: "${steps.workforce%[1]d.name}" } }, next: { known: customer%[1]d, linked: customer%[1]d, created: customer%[1]d, refused: denied } }
  password%[1]d: { use: password.verify, next: { ok: customer%[1]d, forgot: code%[1]d, must-change: code%[1]d, locked: code%[1]d } }
  code%[1]d: { use: otp.email, with: { purpose: recovery }, next: { ok: set%[1]d, failed: denied } }
  set%[1]d: { use: password.set, next: { ok: customer%[1]d, stale: denied } }
  customer%[1]d: { use: connector.call, with: { connector: crm, get: "/customers/${subject.id}", timeout: 800ms }, next: { ok: claims%[1]d, missing: claims%[1]d, failed: claims%[1]d } }
  claims%[1]d: { use: claims.set, with: { tier: "${vars.tier}" }, next: offer%[1]d }
  offer%[1]d: { use: passkey.offer, with: { snooze: 30d }, next: %[2]s }
`, i, next)
	}
	return []byte(text.String())
}

// stages is how many times the explosive flow lets people choose between two providers: 2^stages different sets of facts.
const stages = 12

// explosive is a flow that asks for one of two providers, again and again, and then links: what was proved differs on every path.
func explosive() []byte {
	var text strings.Builder
	text.WriteString("flow: long\nstart: s0\naccept: { basic: [one-factor] }\nsteps:\n")
	for i := range stages {
		next := fmt.Sprintf("s%d", i+1)
		if i == stages-1 {
			next = "link"
		}
		fmt.Fprintf(&text, `  s%[1]d: { use: ask.choice, with: { title: Which, choices: [{ outcome: a, label: A }, { outcome: b, label: B }] }, next: { a: a%[1]d, b: b%[1]d } }
  a%[1]d: { use: federate.oidc, with: { provider: a%[1]d }, next: { ok: %[2]s, cancelled: s%[1]d, unavailable: s%[1]d } }
  b%[1]d: { use: federate.oidc, with: { provider: b%[1]d }, next: { ok: %[2]s, cancelled: s%[1]d, unavailable: s%[1]d } }
`, i, next)
	}
	text.WriteString("  link: { use: account.link, with: { create: true }, next: { known: done, linked: done, created: done, refused: denied } }\n")
	return []byte(text.String())
}

// hostile runs hooks that never end or want the world, and tells how long after its deadline each was over.
func hostile(ctx context.Context, out io.Writer, binary string) error {
	const deadline = 100 * time.Millisecond
	pool, err := host.New(host.Options{Command: []string{binary, "hook-worker"}, Deadline: deadline})
	if err != nil {
		return err
	}
	defer pool.Close()
	for name, body := range map[string]string{
		"for(;;){}":                           "for(;;){}",
		"'x'.repeat(2**40)":                   "return 'x'.repeat(2**40)",
		"new Array(1e8).join('abc')":          "return new Array(1e8).join('abc')",
		"JSON.parse('['.repeat(5e6))":         "return JSON.parse('['.repeat(5e6))",
		"/^(?=(a+)+$)/ on 40 letters":         "return /^(?=(a+)+$)/.test('a'.repeat(40)+'b')",
		"new Uint8Array(2**31-1)":             "return new Uint8Array(2**31-1)",
		"a return value of 100 MB":            "return 'x'.repeat(1e8)",
		"a promise that never settles, async": "return new Promise(() => {})",
	} {
		set, problems := pool.Compile(check.HookSource{File: "hook.js", Code: []byte("export function hook() { " + body + " }")})
		if problems.Failed() {
			return problems
		}
		began := time.Now()
		_, err := set.Call(ctx, check.HookCall{Function: "hook", Argument: map[string]any{}})
		took := time.Since(began)
		if err == nil {
			return fmt.Errorf("%s ended well", name)
		}
		if _, err := fmt.Fprintf(out, "hostile hook %s\tover after %d ms\tdeadline %d ms\t\t\n", name, took.Milliseconds(), deadline.Milliseconds()); err != nil {
			return err
		}
	}
	return nil
}
