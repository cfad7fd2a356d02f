package typings

import "testing"

// TestTypeOf: each form of schema that actions use becomes the TypeScript type of what it allows.
func TestTypeOf(t *testing.T) {
	for raw, want := range map[string]string{
		`true`: "any", `{}`: "any", `false`: "never", `{"type":"string"}`: "string", `{"type":"integer"}`: "number", `{"type":["string","null"]}`: "string | null",
		`{"enum":["a","b\"c",1]}`: `"a" | "b\"c" | 1`, `{"const":"x"}`: `"x"`, `{"type":"array"}`: "any[]",
		`{"type":"array","items":{"enum":["a","b"]}}`: `("a" | "b")[]`, `{"type":"array","items":{"type":"object"}}`: "{ [name: string]: any }[]",
		`{"type":"object","properties":{"b-c":{"type":"number"},"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`: `{ a: string; "b-c"?: number }`,
		`{"type":"object","additionalProperties":{"type":"string"}}`:                                                                   "{ [name: string]: string }", `{"type":"object","additionalProperties":false}`: "{}",
		`{"oneOf":[{"type":"string"},{"type":"string"},{"type":"number"}]}`: "string | number", `{"anyOf":[{"type":"string"},{}]}`: "any", `nonsense`: "any",
	} {
		if got := typeOf([]byte(raw)); got != want {
			t.Errorf("%s is %s, and should be %s", raw, got, want)
		}
	}
	for name, want := range map[string]string{"a": "a", "a1_": "a1_", "1a": `"1a"`, "a-b": `"a-b"`, "": `""`, "é": `"é"`} {
		if got := property(name); got != want {
			t.Errorf("%q as %s", name, got)
		}
	}
}
