package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/watch"
)

// compileTimes compiles a flow of 1,000 steps, in this process.
func compileTimes(out io.Writer) error {
	keys, err := passkey.New("http://localhost:8080", "Stile", nil)
	if err != nil {
		return err
	}
	registry, err := all.Actions(all.Needs{Passkeys: keys, Providers: federate.NewProviders()})
	if err != nil {
		return err
	}
	pool, err := host.New(host.Options{})
	if err != nil {
		return err
	}
	defer pool.Close()
	var text strings.Builder
	text.WriteString("flow: long\nstart: s0\naccept: { urn:stile:basic: [one-factor] }\nsteps:\n")
	for i := range 999 {
		fmt.Fprintf(&text, "  s%d: { use: ask.message, with: { title: Page %d }, next: { ok: s%d } }\n", i, i, i+1)
	}
	text.WriteString("  s999: { use: password.verify, next: { ok: done, forgot: s0, must-change: denied, locked: denied } }\n")
	folder := watch.Folder{"long.yaml": []byte(text.String())}
	best := time.Hour
	for range 5 {
		began := time.Now()
		set := watch.Compile(folder, check.World{Registry: registry, Hooks: pool, Consent: all.Consent})
		best = min(best, time.Since(began))
		if set.Programs == nil {
			return set.Problems
		}
	}
	_, err = fmt.Fprintf(out, "compile a flow of 1,000 steps\t%.1f ms\t\t\t\n", float64(best.Microseconds())/1000)
	return err
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
