package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/trail"
)

// known is the value at a path, from what was read; ok is false where nothing is known of it.
func known(reads []trail.Read, path string) (json.RawMessage, bool) {
	base, length := strings.CutSuffix(path, ".length")
	for _, r := range reads {
		rest, below := strings.CutPrefix(base, r.Path+".")
		if r.Path != base && !below || trail.Withheld(r.Value) {
			continue
		}
		v := r.Value
		if below {
			var there bool
			if v, there = trail.Dig(r.Value, rest); !there {
				v = json.RawMessage("null")
			}
		}
		if !length {
			return v, true
		}
		return lengthOf(v)
	}
	return nil, false
}

func lengthOf(v json.RawMessage) (json.RawMessage, bool) {
	var s string
	var l []json.RawMessage
	switch {
	case json.Unmarshal(v, &l) == nil && l != nil:
		return fmt.Appendf(nil, "%d", len(l)), true
	case len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &s) == nil:
		return fmt.Appendf(nil, "%d", len([]rune(s))), true
	}
	return nil, false
}

// holds evaluates a comparison as JavaScript would; ok is false where that is not certain.
func holds(x check.Test, v json.RawMessage) (yes, ok bool) {
	null := string(v) == "null"
	switch x.Op {
	case "===", "!==":
		if null && string(x.Literal) == "null" {
			return false, false // nothing there, or null: a trail does not tell them apart
		}
		return same(v, x.Literal) == (x.Op == "==="), true
	case "<", "<=", ">", ">=":
		var a, b float64
		if null || json.Unmarshal(v, &a) != nil || json.Unmarshal(x.Literal, &b) != nil {
			return false, false
		}
		return x.Op == "<" && a < b || x.Op == "<=" && a <= b || x.Op == ">" && a > b || x.Op == ">=" && a >= b, true
	case "includes":
		if l, is := list(v); is {
			return among(l, x.Literal), true
		}
		return text(v, x.Literal, strings.Contains)
	case "startsWith":
		return text(v, x.Literal, strings.HasPrefix)
	case "endsWith":
		return text(v, x.Literal, strings.HasSuffix)
	case "among":
		l, is := list(x.Literal)
		return is && among(l, v), is
	case "has":
		var m map[string]json.RawMessage
		var key string
		if null || json.Unmarshal(v, &m) != nil || json.Unmarshal(x.Literal, &key) != nil {
			return false, false
		}
		_, yes = m[key]
		return yes, true
	case "true":
		return truthy(v), true
	case "absent", "present":
		return null == (x.Op == "absent"), true
	case "some", "every":
		return quantified(x, v)
	}
	return false, false
}

func quantified(x check.Test, v json.RawMessage) (yes, ok bool) {
	l, is := list(v)
	if !is || x.Of == nil {
		return false, false
	}
	for _, entry := range l {
		part, there := trail.Dig(entry, x.Of.Path)
		if !there {
			part = json.RawMessage("null")
		}
		held, certain := holds(*x.Of, part)
		switch {
		case !certain:
			return false, false
		case held == (x.Op == "some"):
			return held, true
		}
	}
	return x.Op == "every", true
}

func list(v json.RawMessage) (l []json.RawMessage, is bool) {
	return l, json.Unmarshal(v, &l) == nil && l != nil
}

func among(l []json.RawMessage, v json.RawMessage) bool {
	for _, x := range l {
		if same(x, v) {
			return true
		}
	}
	return false
}

// same compares JSON values as === compares what they stand for; two objects are never the same, but none is compared here.
func same(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	switch x.(type) {
	case string, float64, bool, nil:
		return x == y
	}
	return false
}

func text(v, literal json.RawMessage, compare func(s, part string) bool) (yes, ok bool) {
	var s, part string
	if string(v) == "null" || json.Unmarshal(v, &s) != nil || json.Unmarshal(literal, &part) != nil {
		return false, false
	}
	return compare(s, part), true
}

func truthy(v json.RawMessage) bool {
	switch s := string(v); s {
	case "null", "false", "0", "-0", `""`, "":
		return false
	}
	return true
}

// worded says a comparison that was made, as it came out.
func worded(x check.Test, v json.RawMessage, yes bool) string {
	lit, val := short(x.Literal), short(v)
	was := fmt.Sprintf("%s was %s", x.Path, val)
	if string(v) == "null" {
		was = x.Path + " was not there"
	}
	not := func(plain, negated string) string {
		if yes {
			return plain
		}
		return negated
	}
	switch x.Op {
	case "===", "!==":
		if yes == (x.Op == "===") {
			return was
		}
		return was + ", not " + lit
	case "<", "<=", ">", ">=":
		words := map[string]string{"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}[x.Op]
		return was + ", " + not(words, "not "+words) + " " + lit
	case "includes":
		return x.Path + not(" included ", " did not include ") + lit
	case "startsWith":
		return x.Path + not(" began with ", " did not begin with ") + lit
	case "endsWith":
		return x.Path + not(" ended with ", " did not end with ") + lit
	case "among":
		return was + not(", one of ", ", none of ") + lit
	case "has":
		return x.Path + not(" had ", " did not have ") + lit
	case "some", "every":
		return quantifier(x, yes)
	}
	return was // true, absent, present
}

func quantifier(x check.Test, yes bool) string {
	who := map[bool]string{true: "an entry of ", false: "no entry of "}[yes]
	if x.Op == "every" {
		who = map[bool]string{true: "every entry of ", false: "not every entry of "}[yes]
	}
	of := *x.Of
	part := of.Path
	switch of.Op {
	case "true":
		return who + x.Path + " was " + part
	case "===":
		return who + x.Path + " had " + part + " " + short(of.Literal)
	case "!==":
		return who + x.Path + " had another " + part + " than " + short(of.Literal)
	}
	return who + x.Path + " had " + part + " " + strings.TrimSpace(of.Op+" "+short(of.Literal))
}

// short is a value in a sentence.
func short(v json.RawMessage) string {
	const most = 80
	if trail.Withheld(v) {
		return "(not kept)"
	}
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return string(v)
	}
	s := []rune(b.String())
	if len(s) > most {
		return string(s[:most]) + "…"
	}
	return string(s)
}

// reasons says which of a script's comparisons came out how, as far as what was read tells; without any, what was read.
func reasons(tests []check.Test, reads []trail.Read) string {
	const most = 6
	var out []string
	for _, x := range tests {
		v, there := known(reads, x.Path)
		if !there {
			continue
		}
		if yes, certain := holds(x, v); certain && len(out) < most {
			if w := worded(x, v, yes); !contains(out, w) {
				out = append(out, w)
			}
		}
	}
	if len(out) > 0 {
		return joined(out)
	}
	if len(reads) == 0 {
		return "what it read is not known"
	}
	for _, r := range reads[:min(len(reads), most)] {
		out = append(out, fmt.Sprintf("%s (%s)", r.Path, short(r.Value)))
	}
	return "it read " + joined(out)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// joined puts "and" before the last.
func joined(list []string) string {
	switch n := len(list); n {
	case 0:
		return ""
	case 1:
		return list[0]
	default:
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
}
