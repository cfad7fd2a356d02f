package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/host"
)

const shop = `
interface Ask { request: { scopes: string[] }; evidence: { phishingResistant: boolean }[] }
export function risk({ request, evidence }: Ask) {
  const strong = evidence.some((e) => e.phishingResistant);
  return request.scopes.includes("payments") && !strong ? "high" : "low";
}
export async function later({ n }: { n: number }) { await null; return { n: n + 1, when: new Date(0).getHours() }; }
export function nothing() {}
export function fails() { throw new RangeError("no such tier"); }
export async function rejects() { await null; throw new Error("later, no such tier"); }
`

func TestHooksReturnWhatTheyReturn(t *testing.T) {
	for _, isolation := range []string{host.IsolationProcess, host.IsolationInline} {
		s := compiled(t, pool(t, host.Options{Isolation: isolation}), shop)
		tests := []struct {
			function string
			argument any
			want     string
		}{
			{"risk", object{"request": object{"scopes": []string{"payments"}}, "evidence": []object{{"phishingResistant": false}}}, `"high"`},
			{"risk", object{"request": object{"scopes": []string{"payments"}}, "evidence": []object{{"phishingResistant": true}}}, `"low"`},
			{"later", object{"n": 41}, `{"n":42,"when":0}`},
			{"nothing", nil, ""},
		}
		for _, x := range tests {
			got, err := call(s, x.function, x.argument)
			if err != nil || string(got.Value) != x.want {
				t.Errorf("%s %s: %s, %v; want %s", isolation, x.function, got.Value, err, x.want)
			}
		}
	}
}

func TestFailuresNameTheAuthorsPlace(t *testing.T) {
	for _, isolation := range []string{host.IsolationProcess, host.IsolationInline} {
		s := compiled(t, pool(t, host.Options{Isolation: isolation}), shop, "steps.who.domain === 'x'")
		for function, want := range map[string][]string{
			"fails":   {"signin.ts:9:", "no such tier"},
			"rejects": {"signin.ts:10:", "later, no such tier"},
			"risk":    {"signin.ts:4:", "TypeError"},
			"absent":  {"absent"},
		} {
			_, err := call(s, function, object{})
			if !errors.Is(err, check.ErrHook) {
				t.Errorf("%s: %v is no hook error", function, err)
				continue
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s %s: %v does not tell %q", isolation, function, err, w)
				}
			}
		}
		_, err := s.Call(context.Background(), check.HookCall{Expressions: []string{"steps.who.domain === 'x'"}, Argument: object{"steps": object{}}})
		if !errors.Is(err, check.ErrHook) || !strings.Contains(err.Error(), "signin.yaml:10:") {
			t.Errorf("condition: %v", err)
		}
	}
}

func TestConditionsGiveTheFirstThatHolds(t *testing.T) {
	p := pool(t, host.Options{})
	a, b, c := "steps.who.domain === 'acme.example'", "vars.tier", "({ a: 1 }).a > 2 || request.n?.m === 7 // seven"
	s := compiled(t, p, "", a, b, c)
	tests := []struct {
		argument any
		order    []string
		want     string
	}{
		{object{"steps": object{"who": object{"domain": "acme.example"}}}, []string{a, b, c}, "0"},
		{object{"steps": object{"who": object{}}, "vars": object{"tier": "gold"}}, []string{a, b, c}, "1"},
		{object{"steps": object{"who": object{}}, "vars": object{"tier": ""}, "request": object{"n": object{"m": 7}}}, []string{a, b, c}, "2"},
		{object{"steps": object{"who": object{}}, "vars": object{}, "request": object{}}, []string{a, b, c}, "-1"},
		{object{"vars": object{"tier": "gold"}, "request": object{}}, []string{c, b}, "1"},
	}
	for _, x := range tests {
		got, err := s.Call(context.Background(), check.HookCall{Expressions: x.order, Argument: x.argument})
		if err != nil || string(got.Value) != x.want {
			t.Errorf("%v: %s, %v; want %s", x.argument, got.Value, err, x.want)
		}
	}
}

func TestNothingOfOneCallIsSeenByTheNext(t *testing.T) {
	p := pool(t, host.Options{Workers: 1})
	s := compiled(t, p, `
let count = 0;
export function look() {
  const g = globalThis as any;
  const seen = [count++, g.left ?? null, ({} as any).stain ?? null, ([] as any).stain ?? null, JSON.stringify({}), typeof g.$hooks, typeof g.call];
  g.left = "something"; g.Array.prototype.stain = 1; g.Object.prototype.stain = 1; g.JSON.stringify = () => "forged"; g.JSON.parse = () => "forged";
  g.Promise.prototype.then = null; delete g.Math; g.call = 0;
  Object.defineProperty(g.Object.prototype, "toJSON", { value: () => "forged" });
  return seen.map(String).join();
}`)
	for range 3 {
		got, err := call(s, "look", object{"a": 1})
		if err != nil || string(got.Value) != `"0,null,null,null,{},undefined,function"` {
			t.Fatalf("%s, %v", got.Value, err)
		}
	}
}

func TestArgumentsAreCopiesAndBounded(t *testing.T) {
	s := compiled(t, pool(t, host.Options{}), `export function take(a: any) { a.x.push(1); a.__proto__ = null; return a.x.length; }`)
	argument := object{"x": []int{1}}
	for range 2 {
		if got, err := call(s, "take", argument); err != nil || string(got.Value) != "2" {
			t.Fatalf("%s, %v", got.Value, err)
		}
	}
	if _, err := call(s, "take", object{"x": strings.Repeat("x", 2<<20)}); !errors.Is(err, check.ErrHook) {
		t.Errorf("a huge argument: %v", err)
	}
	if _, err := call(s, "take", object{"x": make(chan int)}); !errors.Is(err, check.ErrHook) {
		t.Errorf("an impossible argument: %v", err)
	}
}

func TestConsoleIsBounded(t *testing.T) {
	s := compiled(t, pool(t, host.Options{}), `
export function loud() {
  console.log("one", { two: 2 }, [3], undefined, new Error("four"), "line\nbreak\u001b[31m");
  console.error("x".repeat(1e6));
  for (let i = 0; i < 1e4; i++) console.warn("again", i);
  throw new Error("after all that");
}`)
	got, err := call(s, "loud", nil)
	if !errors.Is(err, check.ErrHook) {
		t.Fatalf("%v", err)
	}
	if len(got.Console) != 50 {
		t.Fatalf("%d lines", len(got.Console))
	}
	if diff := cmp.Diff(`one {"two":2} [3] undefined Error: four line break [31m`, got.Console[0]); diff != "" {
		t.Error(diff)
	}
	for _, l := range got.Console {
		if len([]rune(l)) > 500 {
			t.Errorf("a line of %d characters", len([]rune(l)))
		}
	}
}

func TestCancelledContextIsReturnedAsItIs(t *testing.T) {
	p := pool(t, host.Options{Workers: 1, Deadline: 500 * time.Millisecond})
	s := compiled(t, p, `export function spin() { for (;;); } export function ok() { return 1; }
export async function ask() { return call("crm", {}); }`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Call(ctx, check.HookCall{Function: "ok"}); !errors.Is(err, context.Canceled) || errors.Is(err, check.ErrHook) {
		t.Errorf("before: %v", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Call(ctx, check.HookCall{Function: "spin"}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, check.ErrHook) {
		t.Errorf("while running: %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	_, err := s.Call(ctx, check.HookCall{Function: "ask", Connect: func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	if !errors.Is(err, context.Canceled) || errors.Is(err, check.ErrHook) {
		t.Errorf("while a connector is asked: %v", err)
	}
	if got, err := call(s, "ok", nil); err != nil || string(got.Value) != "1" {
		t.Errorf("afterwards: %s, %v", got.Value, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := host.New(host.Options{Isolation: "container"}); err == nil {
		t.Error("an unknown isolation was accepted")
	}
}
