package host_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/host"
)

// TestHostileHooksEndAsHookErrors: whatever a hook does to its process, its call fails, others do not notice, and the
// next call finds a worker.
func TestHostileHooksEndAsHookErrors(t *testing.T) {
	tests := map[string]string{
		"endless loop":              `for(;;){}`,
		"huge repetition":           `return 'x'.repeat(2**40)`,
		"repetition kept":           `const a = []; for (;;) a.push('x'.repeat(2**20) + a.length)`,
		"join of a hundred million": `return new Array(1e8).join('abc')`,
		"deeply nested JSON":        `return JSON.parse('['.repeat(5e6))`,
		"runaway look-ahead":        `return /^(?=(a+)+$)/.test('a'.repeat(40)+'b')`,
		"runaway pattern caught":    `try { return /^(?=(a+)+$)/.test('a'.repeat(40)+'b') } catch { return true }`,
		"huge typed array":          `return new Uint8Array(2**31-1).length`,
		"hundred megabytes back":    `return 'x'.repeat(1e8)`,
		"large object back":         `return Array.from({length: 300000}, (_, i) => 'value ' + i)`,
		"promise without end":       `return new Promise(() => {})`,
		"endless microtasks":        `const again = () => Promise.resolve().then(again); return again()`,
		"endless toJSON":            `return { toJSON() { for(;;){} } }`,
		"endless message":           `throw { toString() { for(;;){} } }`,
		"endless recursion":         `const f = () => f() + 1; return f()`,
		"recursion in natives":      `const f = (): any => [1].map(f); return f()`,
		"sort that never ends":      `const a = new Array(1e7).fill(0).map((_, i) => -i); for(;;) a.sort((x, y) => Math.random() - 0.5)`,
		"cyclic result":             `const o: any = {}; o.o = o; return o`,
		"deep result":               `let o: any = {}; for (let i = 0; i < 1e6; i++) o = { o }; return o`,
		"a function back":           `return () => 1`,
		"a thrown nothing":          `throw undefined`,
		"call not awaited":          `call("crm", {}); return 1`,
		"awaiting nothing":          `return (async () => { await new Promise(() => {}) })()`,
		"a big integer back":        `return 10n ** 20n`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pool(t, host.Options{Deadline: 400 * time.Millisecond})
			bad := compiled(t, p, "declare const call: any; export function bad(): any { "+body+" }")
			good := compiled(t, p, `export function good({ n }: { n: number }) { return n + 1 }`)
			stop := make(chan struct{})
			var others sync.WaitGroup
			var went atomic.Int64
			others.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					got, err := call(good, "good", object{"n": n})
					if errors.Is(err, host.ErrKilled) { // this machine was too slow for it
						continue
					}
					if err != nil || string(got.Value) != strconv.Itoa(n+1) {
						t.Errorf("another call: %s, %v", got.Value, err)
						return
					}
					went.Add(1)
				}
			})
			for range 2 {
				began := time.Now()
				got, err := call(bad, "bad", nil)
				t.Logf("%v", err)
				if !errors.Is(err, check.ErrHook) {
					t.Errorf("%s, %v", got.Value, err)
				}
				if d := time.Since(began); d > 30*time.Second {
					t.Errorf("hung for %v", d)
				}
			}
			close(stop)
			others.Wait()
			if went.Load() == 0 {
				t.Error("no other call went through")
			}
		})
	}
}
