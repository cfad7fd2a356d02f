package explain

import (
	"encoding/json"
	"testing"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/trail"
)

// TestComparisonsAreWordedAsTheyCameOut: each kind, both ways; where it is not certain, nothing is said.
func TestComparisonsAreWordedAsTheyCameOut(t *testing.T) {
	some := func(op, path, of, literal string) check.Test {
		return check.Test{Path: "evidence", Op: op, Of: &check.Test{Path: path, Op: of, Literal: raw(literal)}}
	}
	for _, c := range []struct {
		test  check.Test
		value string
		want  string
	}{
		{check.Test{Op: "===", Literal: raw(`"shop"`)}, `"shop"`, `x was "shop"`},
		{check.Test{Op: "===", Literal: raw(`"shop"`)}, `"web"`, `x was "web", not "shop"`},
		{check.Test{Op: "!==", Literal: raw(`"shop"`)}, `"web"`, `x was "web", not "shop"`},
		{check.Test{Op: "!==", Literal: raw(`"shop"`)}, `"shop"`, `x was "shop"`},
		{check.Test{Op: "===", Literal: raw(`"shop"`)}, `null`, `x was not there, not "shop"`},
		{check.Test{Op: "===", Literal: raw(`null`)}, `null`, ``},
		{check.Test{Op: "===", Literal: raw(`1`)}, `1.0`, `x was 1.0`},
		{check.Test{Op: "<", Literal: raw(`5`)}, `3`, `x was 3, less than 5`},
		{check.Test{Op: ">=", Literal: raw(`5`)}, `3`, `x was 3, not at least 5`},
		{check.Test{Op: ">", Literal: raw(`5`)}, `"6"`, ``},
		{check.Test{Op: "<", Literal: raw(`5`)}, `null`, ``},
		{check.Test{Op: "includes", Literal: raw(`"a"`)}, `["a","b"]`, `x included "a"`},
		{check.Test{Op: "includes", Literal: raw(`"c"`)}, `["a","b"]`, `x did not include "c"`},
		{check.Test{Op: "includes", Literal: raw(`"b"`)}, `"abc"`, `x included "b"`},
		{check.Test{Op: "startsWith", Literal: raw(`"10."`)}, `"10.1"`, `x began with "10."`},
		{check.Test{Op: "endsWith", Literal: raw(`"10."`)}, `"10.1"`, `x did not end with "10."`},
		{check.Test{Op: "startsWith", Literal: raw(`"10."`)}, `null`, ``},
		{check.Test{Op: "among", Literal: raw(`["a","b"]`)}, `"a"`, `x was "a", one of ["a","b"]`},
		{check.Test{Op: "has", Literal: raw(`"k"`)}, `{"k":null}`, `x had "k"`},
		{check.Test{Op: "has", Literal: raw(`"k"`)}, `{}`, `x did not have "k"`},
		{check.Test{Op: "true"}, `""`, `x was ""`},
		{check.Test{Op: "true"}, `null`, `x was not there`},
		{check.Test{Op: "absent"}, `null`, `x was not there`},
		{check.Test{Op: "present"}, `3`, `x was 3`},
		{some("some", "strong", "true", ""), `[{"strong":false},{"strong":true}]`, `an entry of evidence was strong`},
		{some("some", "strong", "true", ""), `[]`, `no entry of evidence was strong`},
		{some("every", "method", "===", `"passkey"`), `[{"method":"passkey"},{"method":"password"}]`, `not every entry of evidence had method "passkey"`},
		{some("some", "age", "<", `60`), `[{"age":30}]`, `an entry of evidence had age < 60`},
		{some("some", "age", "<", `60`), `{"no":"list"}`, ``},
	} {
		if c.test.Path == "" {
			c.test.Path = "x"
		}
		got := ""
		if yes, certain := holds(c.test, raw(c.value)); certain {
			got = worded(c.test, raw(c.value), yes)
		}
		if got != c.want {
			t.Errorf("%+v of %s: %q, want %q", c.test, c.value, got, c.want)
		}
	}
}

func raw(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

// TestKnownFindsValuesBelowWhatWasRead: a part of what was read whole, a length, and nothing of what was not kept.
func TestKnownFindsValuesBelowWhatWasRead(t *testing.T) {
	reads := []trail.Read{{Path: "request", Value: raw(`{"scopes":["a","b"],"client":"shop"}`)}, {Path: "output", Value: raw(`{"(not kept)":"too large"}`)}}
	for path, want := range map[string]string{"request.client": `"shop"`, "request.scopes.length": `2`, "request.client.length": "4", "request.none": `null`, "output.x": "", "requested": "", "vars": ""} {
		v, ok := known(reads, path)
		if string(v) != want || ok != (want != "") {
			t.Errorf("%s is %s", path, v)
		}
	}
	if got := reasons(nil, reads[:1]); got != `it read request ({"scopes":["a","b"],"client":"shop"})` {
		t.Error(got)
	}
	if got := reasons(nil, nil); got != "what it read is not known" {
		t.Error(got)
	}
}
