package worker_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stile-id/stile/scripts/worker"
)

// play runs the child's main loop on frames as a parent would send them, and gives what it answers.
func play(t *testing.T, frames ...[]byte) ([]worker.Kind, [][]byte, error) {
	t.Helper()
	var in, out bytes.Buffer
	for _, f := range frames {
		if err := worker.WriteFrame(&in, f); err != nil {
			t.Fatal(err)
		}
	}
	err := worker.Main(&in, &out)
	var kinds []worker.Kind
	var payloads [][]byte
	for {
		k, p, err := worker.ReadFrame(&out, nil, worker.MaxToParent)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds, payloads = append(kinds, k), append(payloads, p)
	}
	return kinds, payloads, err
}

func hello() []byte {
	return worker.Setup{Slow: time.Minute}.Append(worker.NewFrame(nil, worker.Hello))
}

func hash(code string) worker.Hash { return sha256.Sum256([]byte(code)) }

func load(code string) []byte {
	return worker.Source{Hash: hash(code), Code: []byte(code)}.Append(worker.NewFrame(nil, worker.Load))
}

func run(c worker.Call) []byte { return c.Append(worker.NewFrame(nil, worker.Run)) }

func TestWorkerServesUntilItsInputEnds(t *testing.T) {
	code := "[() => true]"
	kinds, payloads, err := play(t, hello(), load(code), load(code), load("]"), run(worker.Call{Program: hash(code), Cases: []int{0}, Argument: []byte("{}")}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]worker.Kind{worker.Ready, worker.Ready, worker.Ready, worker.Ready, worker.Ended}, kinds); diff != "" {
		t.Fatal(diff)
	}
	if len(payloads[2]) != 0 || len(payloads[3]) == 0 {
		t.Errorf("loading: %q, %q", payloads[2], payloads[3])
	}
	done, err := worker.ParseDone(payloads[4])
	if err != nil || string(done.Value) != "0" {
		t.Errorf("%s, %v", done.Value, err)
	}
}

func TestWorkerStopsAtFramesItDoesNotUnderstand(t *testing.T) {
	for name, frames := range map[string][][]byte{
		"no hello":     {load("[]")},
		"two hellos":   {hello(), hello()},
		"short source": {hello(), worker.NewFrame(nil, worker.Load)},
		"short call":   {hello(), worker.NewFrame(nil, worker.Run)},
		"long hello":   {append(hello(), 1)},
		"unknown kind": {hello(), worker.NewFrame(nil, 99)},
	} {
		if _, _, err := play(t, frames...); !errors.Is(err, worker.ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := worker.Main(strings.NewReader(""), io.Discard); err != nil {
		t.Errorf("an empty input: %v", err)
	}
}

// machine runs a hook program's function f in this process.
func machine(t *testing.T, body, argument string) worker.Done {
	t.Helper()
	code := `(() => { function f(a) { ` + body + ` } globalThis.$hooks = { f }; })(); /* call console */`
	m := worker.NewMachine(time.Minute, time.Now)
	if err := m.Load(worker.Source{Hash: hash(code), Code: []byte(code)}); err != nil {
		t.Fatal(err)
	}
	d, err := m.Run(worker.Call{Program: hash(code), Function: "f", Argument: []byte(argument)}, worker.Door{
		Ask: func([]worker.Ask) ([]worker.Answer, error) { return nil, errors.New("nobody is there") }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestScriptsSeeExactlyTheseGlobals is the list of all a hook can reach. Whatever is added to it must be judged first:
// nothing may read a file, use the network, start a process, wait or see another run.
func TestScriptsSeeExactlyTheseGlobals(t *testing.T) {
	d := machine(t, `return Object.getOwnPropertyNames(globalThis).concat(Object.getOwnPropertySymbols(globalThis).map(String)).sort().join(" ")`, "null")
	want := `AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError Float32Array
		Float64Array Function GoError Infinity Int16Array Int32Array Int8Array JSON Map Math NaN Number Object Promise Proxy
		RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array
		Uint8Array Uint8ClampedArray WeakMap WeakSet Symbol(Symbol.toStringTag) call console decodeURI decodeURIComponent encodeURI encodeURIComponent
		escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape`
	got := strings.Fields(strings.Trim(string(d.Value), `"`))
	words := strings.Fields(want)
	slices.Sort(words)
	if diff := cmp.Diff(words, got); diff != "" {
		t.Error(diff)
	}
}

// TestNoSourceMapIsReadFromDisk: the engine would read the file a comment names, also in code made at run time.
func TestNoSourceMapIsReadFromDisk(t *testing.T) {
	d := machine(t, `try { return String(eval("1\n//# sourceMappingURL=/etc/hostname")) + Function("return 2\n//# sourceMappingURL=/etc/hostname")() }
		catch (e) { return String(e) }`, "null")
	if string(d.Value) != `"12"` {
		t.Errorf("%s %v", d.Value, d.Fault)
	}
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	for _, argument := range []string{
		`null`, `true`, `false`, `0`, `-12.5`, `1e21`, `9007199254740991`, `""`, `"a\"\\\n\u00e9é😀"`, `[]`, `[[],[1,[2]]]`, `{}`,
		`{"a":{"b":[null,true]},"":1}`, `{"__proto__":{"x":1}}`, `{"10":1,"a":2}`, `"\u2028"`,
	} {
		d := machine(t, `return [a, JSON.stringify(a)]`, argument)
		e := machine(t, `const b = JSON.parse(`+"`"+strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(argument)+"`"+`); return [b, JSON.stringify(b)]`, "null")
		if d.Fault != nil || string(d.Value) != string(e.Value) {
			t.Errorf("%s: %s (%v), JSON.parse says %s (%v)", argument, d.Value, d.Fault, e.Value, e.Fault)
		}
	}
	for _, argument := range []string{``, `{`, `[1,]`, `{"a"}`, `{"a":1,}`, `1 2`, `nul`, `"a`, `01`, `--1`, strings.Repeat("[", 1e6)} {
		if d := machine(t, `return 1`, argument); d.Fault == nil {
			t.Errorf("%.20s was accepted", argument)
		}
	}
	if d := machine(t, `return [Object.keys(a), Object.getPrototypeOf(a) === Object.prototype, a.x]`, `{"__proto__":{"x":1}}`); string(d.Value) != `[["__proto__"],true,null]` {
		t.Errorf("__proto__: %s", d.Value)
	}
}

func TestARunThatTookTooLongIsNoAnswerEvenIfItEnded(t *testing.T) {
	code := `[() => !/^(?=(a+)+$)/.test("ab")]`
	now := time.Unix(0, 0)
	m := worker.NewMachine(time.Second, func() time.Time { now = now.Add(2 * time.Second); return now })
	if err := m.Load(worker.Source{Hash: hash(code), Code: []byte(code)}); err != nil {
		t.Fatal(err)
	}
	d, err := m.Run(worker.Call{Program: hash(code), Cases: []int{0}, Argument: []byte("{}")}, worker.Door{})
	if err != nil || d.Fault == nil {
		t.Errorf("%s, %v", d.Value, err)
	}
}

func TestConditionsMayNotBePromises(t *testing.T) {
	code := `[async () => false, () => new Proxy(function () {}, {})]`
	m := worker.NewMachine(time.Minute, time.Now)
	if err := m.Load(worker.Source{Hash: hash(code), Code: []byte(code)}); err != nil {
		t.Fatal(err)
	}
	for i, fault := range []bool{true, false} {
		d, err := m.Run(worker.Call{Program: hash(code), Cases: []int{i}, Argument: []byte("{}")}, worker.Door{})
		if err != nil || (d.Fault != nil) != fault {
			t.Errorf("case %d: %s, %v, %v", i, d.Value, d.Fault, err)
		}
	}
}
