package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/host"
)

const asking = `
declare const call: (c: string, r?: any) => Promise<any>;
export async function one({ id }: { id: string }) { const c = await call("crm", { get: "/customers/" + id }); return c.json.tier; }
export async function caught() { try { await call("crm", {}); return "ok" } catch (e) { return (e instanceof Error) + ": " + e.message; } }
export async function uncaught() { return await call("crm", {}); }
export async function together() { return (await Promise.all([1, 2, 3].map((n) => call("crm", { n })))).join(); }
export async function first() { return Promise.race([call("slow", {}), call("quick", {})]); }
export async function many() { for (let i = 0; i < 6; i++) await call("crm", i); return "all"; }
export async function spins() { await call("crm", {}); for (;;); }
export async function nameless() { await call(7 as any, {}); }
export async function large() { await call("crm", "x".repeat(1e6)); }
export async function tampered() { JSON.parse = () => { throw 1 }; Promise.prototype.then = null as any; return await call("crm", {}); }
export function quick() { return 1; }
`

type connector = func(ctx context.Context, connector string, request json.RawMessage) (json.RawMessage, error)

func ask(s check.HookSet, function string, argument any, c connector) (check.HookResult, error) {
	return s.Call(context.Background(), check.HookCall{Function: function, Argument: argument, Connect: c})
}

func answer(s string) connector {
	return func(context.Context, string, json.RawMessage) (json.RawMessage, error) { return raw(s), nil }
}

func TestConnectorCallsGoThroughTheParent(t *testing.T) {
	for _, isolation := range []string{host.IsolationProcess, host.IsolationInline} {
		s := compiled(t, pool(t, host.Options{Isolation: isolation}), asking)
		var calls atomic.Int64
		echo := func(_ context.Context, name string, r json.RawMessage) (json.RawMessage, error) {
			calls.Add(1)
			switch string(r) {
			case `{"get":"/customers/ann"}`:
				return raw(`{"status":200,"json":{"tier":"` + name + `-gold"}}`), nil
			case `{"n":1}`, `{"n":2}`, `{"n":3}`:
				return raw(string(r[5:6])), nil
			}
			return raw(`{}`), nil
		}
		tests := []struct {
			function, want string
			c              connector
		}{
			{"one", `"crm-gold"`, echo},
			{"together", `"1,2,3"`, echo},
			{"caught", `"ok"`, echo},
			{"caught", `"ok"`, answer("")},
			{"caught", `"true: no route to crm"`, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
				return nil, errors.New("no route to crm")
			}},
			{"caught", `"true: the connector failed"`, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
				panic("a bug in a connector")
			}},
			{"caught", `"true: the connector's answer is not JSON"`, answer("{")},
			{"caught", `"true: the connector's answer is too large"`, answer(`"` + strings.Repeat("x", 2<<20) + `"`)},
			{"caught", `"true: this hook may not call connectors"`, nil},
			{"tampered", `{"a":1}`, answer(`{"a":1}`)},
		}
		for _, x := range tests {
			got, err := ask(s, x.function, object{"id": "ann"}, x.c)
			if x.function == "tampered" && err != nil { // it broke its own promises: an error will do as well
				continue
			}
			if err != nil || string(got.Value) != x.want {
				t.Errorf("%s %s: %s, %v; want %s", isolation, x.function, got.Value, err, x.want)
			}
		}
		calls.Store(0)
		if got, err := ask(s, "many", nil, echo); !errors.Is(err, check.ErrHook) || calls.Load() != 5 {
			t.Errorf("%s: six calls: %s, %v, %d made", isolation, got.Value, err, calls.Load())
		}
		for _, f := range []string{"uncaught", "nameless", "large"} {
			failing := func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
				return nil, errors.New("down")
			}
			if got, err := ask(s, f, nil, failing); !errors.Is(err, check.ErrHook) {
				t.Errorf("%s %s: %s, %v", isolation, f, got.Value, err)
			}
		}
	}
}

func TestTheFirstAnswerIsNotHeldUpByASlowOne(t *testing.T) {
	s := compiled(t, pool(t, host.Options{Patience: time.Hour}), asking)
	gone := make(chan struct{})
	got, err := ask(s, "first", nil, func(ctx context.Context, name string, _ json.RawMessage) (json.RawMessage, error) {
		if name == "slow" {
			<-ctx.Done() // told that nobody waits any more
			close(gone)
			return nil, ctx.Err()
		}
		return raw(`"quick"`), nil
	})
	if err != nil || string(got.Value) != `"quick"` {
		t.Errorf("%s, %v", got.Value, err)
	}
	<-gone
}

func TestConnectorTimeIsNotTheHooksButBounded(t *testing.T) {
	p := pool(t, host.Options{Deadline: 300 * time.Millisecond, Patience: 700 * time.Millisecond})
	s := compiled(t, p, asking)
	got, err := ask(s, "one", object{"id": "ann"}, func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
		select {
		case <-time.After(400 * time.Millisecond): // longer than the deadline
			return raw(`{"json":{"tier":"gold"}}`), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	if err != nil || string(got.Value) != `"gold"` {
		t.Errorf("waited within patience: %s, %v", got.Value, err)
	}
	deaf := make(chan struct{})
	defer close(deaf)
	got, err = ask(s, "caught", nil, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		<-deaf // a connector that does not listen to its context
		return nil, nil
	})
	if err != nil || string(got.Value) != `"true: the connector took too long"` {
		t.Errorf("waited beyond patience: %s, %v", got.Value, err)
	}
	if _, err = ask(s, "spins", nil, answer("1")); !errors.Is(err, host.ErrKilled) {
		t.Errorf("ran on after an answer: %v", err)
	}
}

// TestWaitingHooksHoldNoWorkerOthersNeed: with one worker, hooks wait for connectors and another runs all the same.
func TestWaitingHooksHoldNoWorkerOthersNeed(t *testing.T) {
	p := pool(t, host.Options{Workers: 1, Waiting: 3, Patience: time.Hour})
	s := compiled(t, p, asking)
	release := make(chan struct{})
	var waiting, all sync.WaitGroup
	waiting.Add(3)
	for range 3 {
		all.Go(func() {
			got, err := ask(s, "one", object{"id": "ann"}, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
				waiting.Done()
				<-release
				return raw(`{"json":{"tier":"gold"}}`), nil
			})
			if err != nil || string(got.Value) != `"gold"` {
				t.Errorf("waiting: %s, %v", got.Value, err)
			}
		})
	}
	waiting.Wait()
	if got, err := call(s, "quick", nil); err != nil || string(got.Value) != "1" {
		t.Errorf("while others wait: %s, %v", got.Value, err)
	}
	got, err := ask(s, "caught", nil, answer("1"))
	if err != nil || string(got.Value) != `"true: too many hooks wait for connectors"` {
		t.Errorf("one waiting too many: %s, %v", got.Value, err)
	}
	close(release)
	all.Wait()
	if got, err := ask(s, "caught", nil, answer("1")); err != nil || string(got.Value) != `"ok"` {
		t.Errorf("afterwards: %s, %v", got.Value, err)
	}
}

func TestAFullQueueIsBusy(t *testing.T) {
	p := pool(t, host.Options{Workers: 1, Queue: 1, Deadline: 500 * time.Millisecond})
	s := compiled(t, p, `export function spin() { for (;;); }`)
	var all sync.WaitGroup
	var busy atomic.Int64
	for range 8 {
		all.Go(func() {
			_, err := call(s, "spin", nil)
			if !errors.Is(err, check.ErrHook) {
				t.Errorf("%v", err)
			}
			if errors.Is(err, host.ErrBusy) {
				busy.Add(1)
			}
		})
	}
	all.Wait()
	if busy.Load() == 0 {
		t.Error("nobody was refused")
	}
}

func TestAWorkerThatDoesNotStartIsAHookErrorAndDoesNotSpin(t *testing.T) {
	for _, command := range [][]string{{"/nonexistent"}, {"/bin/false"}, {"/bin/cat"}, {"/bin/echo", "hello"}} {
		p := pool(t, host.Options{Command: command, Workers: 1})
		s := compiled(t, p, `export function ok() { return 1; }`)
		began := time.Now()
		for range 8 {
			if got, err := call(s, "ok", nil); !errors.Is(err, check.ErrHook) {
				t.Errorf("%v: %s, %v", command, got.Value, err)
			}
		}
		if d := time.Since(began); d < 200*time.Millisecond { // the pauses of eight starts in a row add up to more
			t.Errorf("%v: eight starts within %v", command, d)
		}
	}
}

// TestAWorkerThatLiesIsAHookError plays workers that a hostile hook has taken over.
func TestAWorkerThatLiesIsAHookError(t *testing.T) {
	ready := `\000\000\000\001\005`
	for name, says := range map[string]string{
		"a result at once":      ready + ready + `\000\000\000\002\007\000`,
		"no JSON":               ready + ready + `\000\000\000\005\007\001\001x\000`,
		"a length and no more":  ready + ready + `\377\377\377\377\007`,
		"too long a frame":      ready + ready + `\000\140\000\000\007`,
		"asking for nothing":    ready + ready + `\000\000\000\002\006\000`,
		"asking out of turn":    ready + ready + `\000\000\000\010\006\001\003\003crm\001`,
		"asking with no JSON":   ready + ready + `\000\000\000\011\006\001\000\003crm\001{`,
		"another kind of frame": ready + ready + `\000\000\000\001\001`,
		"silence":               ready + ready,
		"garbage":               ready + ready + `garbage garbage garbage`,
	} {
		script := fmt.Sprintf("printf '%s'; exec sleep 60", says)
		p := pool(t, host.Options{Command: []string{"/bin/sh", "-c", script}, Workers: 1, Deadline: 300 * time.Millisecond})
		s := compiled(t, p, `export function ok() { return 1; }`, "vars.x")
		got, err := s.Call(context.Background(), check.HookCall{Expressions: []string{"vars.x"}, Argument: object{}, Connect: answer("1")})
		if !errors.Is(err, check.ErrHook) {
			t.Errorf("%s: %s, %v", name, got.Value, err)
		}
	}
}
