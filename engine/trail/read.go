package trail

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/stile-id/stile/engine/settings"
)

// Bounds of a trail, in bytes and entries.
const (
	MaxTurn    = 32 << 10 // of one turn, encoded
	MaxJourney = 256 << 10
	maxValue   = 4 << 10
	maxReads   = 100
	maxConsole = 20
	maxLine    = 500
	maxCalls   = 20
)

// saw is what a script was given: read out only when the turn is finished, off the request's path.
type saw struct {
	reads    []settings.Read
	argument map[string]any
}

// Saw notes what a script that runs was given and which paths of it its text reads. The argument is kept as it is and must not change.
func (h *Hook) Saw(reads []settings.Read, argument map[string]any) { h.saw = &saw{reads, argument} }

// Settle reads out what scripts were given and cuts what is too large. Whoever keeps a turn calls it once, where nobody waits.
func (t *Turn) Settle() {
	for i := range t.Entries {
		e := &t.Entries[i]
		e.Read = bounded(e.Read)
		e.Output = t.value(e.Output)
		if len(e.Calls) > maxCalls {
			e.Calls, t.Cut = e.Calls[:maxCalls], true
		}
		for k := range e.Calls {
			e.Calls[k].Path, e.Calls[k].Failed = cut(e.Calls[k].Path, maxField), cut(e.Calls[k].Failed, maxField)
		}
		e.Vars, e.Claims = t.values(e.Vars), t.values(e.Claims)
		for k := range e.Hooks {
			h := &e.Hooks[k]
			h.settle(len(e.Calls) > 0 && e.Use != "decide" && e.Use != "switch")
			h.Returned = t.value(h.Returned)
		}
		e.Cause = cut(e.Cause, maxField)
	}
	t.Cause = cut(t.Cause, maxField)
}

// withheld stands for a value that is not kept: a connector's whole answer, or what is too large.
func withheld(why string) json.RawMessage { return json.RawMessage(`{"(not kept)":"` + why + `"}`) }

// Withheld reports whether a value was left out of the trail.
func Withheld(v json.RawMessage) bool { return strings.HasPrefix(string(v), `{"(not kept)":`) }

// values cuts what is too large out of a copy: the map may be a step's own settings, which other journeys read at the same time.
func (t *Turn) values(m map[string]json.RawMessage) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	for k, v := range m {
		if len(v) <= maxValue {
			continue
		}
		if out == nil {
			out = maps.Clone(m)
		}
		out[k] = t.value(v)
	}
	if out == nil {
		return m
	}
	return out
}

func (t *Turn) value(v json.RawMessage) json.RawMessage {
	if len(v) > maxValue {
		t.Cut = true
		return withheld("too large")
	}
	return v
}

// settle reads the paths out. outside: the step called a connector, whose whole answer is not kept, only what was read of it.
func (h *Hook) settle(outside bool) {
	h.Failed = cut(h.Failed, maxField)
	if len(h.Console) > maxConsole {
		h.Console = append(h.Console[:maxConsole:maxConsole], "…")
	}
	for i := range h.Console {
		h.Console[i] = cut(h.Console[i], maxLine)
	}
	if h.saw == nil {
		return
	}
	for _, r := range h.saw.reads {
		switch path := r.Path; {
		case has(h.Read, path):
		case outside && path == "output":
			h.Read = append(h.Read, Read{path, withheld("an answer from outside")})
		case path == "":
		default:
			h.Read = append(h.Read, Read{path, found(h.saw.argument, path)})
		}
	}
	h.Read, h.saw = bounded(h.Read), nil
}

// found is the value at a path of a script's argument.
func found(argument map[string]any, path string) json.RawMessage {
	root, rest, _ := strings.Cut(path, ".")
	v, ok := argument[root]
	if !ok {
		return json.RawMessage("null")
	}
	raw, isRaw := v.(json.RawMessage)
	if !isRaw {
		var err error
		if raw, err = json.Marshal(v); err != nil {
			return json.RawMessage("null")
		}
	}
	if raw, ok = Dig(raw, rest); !ok {
		return json.RawMessage("null")
	}
	return raw
}

// Dig reads a dotted path inside a JSON value.
func Dig(raw json.RawMessage, path string) (json.RawMessage, bool) {
	if len(raw) == 0 {
		return nil, false
	}
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		var m map[string]json.RawMessage
		if json.Unmarshal(raw, &m) == nil {
			next, ok := m[name]
			if !ok {
				return nil, false
			}
			raw = next
			continue
		}
		var l []json.RawMessage
		var i int
		if json.Unmarshal(raw, &l) != nil || json.Unmarshal([]byte(name), &i) != nil || i < 0 || i >= len(l) {
			return nil, false
		}
		raw = l[i]
	}
	return raw, true
}

func has(list []Read, path string) bool {
	for _, r := range list {
		if r.Path == path {
			return true
		}
	}
	return false
}

// bounded drops doubles and values that are too large.
func bounded(list []Read) []Read {
	out := list[:0]
	for _, r := range list {
		switch {
		case has(out, r.Path) || len(out) == maxReads:
			continue
		case len(r.Value) == 0:
			r.Value = json.RawMessage("null")
		case len(r.Value) > maxValue:
			r.Value = withheld("too large")
		}
		out = append(out, r)
	}
	return out
}

// Encode writes a settled turn down in at most MaxTurn bytes. What does not fit is cut: first what scripts said and read, then all values,
// in the end everything but how the turn went.
func Encode(t Turn) ([]byte, error) {
	for level := 0; ; level++ {
		raw, err := json.Marshal(t)
		if err != nil || len(raw) <= MaxTurn || level > 2 {
			return raw, err
		}
		t = t.less(level)
	}
}

func (t Turn) less(level int) Turn {
	t.Cut = true
	if level == 2 {
		t.Entries, t.Request, t.Answer = nil, nil, nil
		if t.Ending != nil {
			z := *t.Ending
			z.Claims, t.Ending = nil, &z
		}
		return t
	}
	entries := make([]Entry, len(t.Entries))
	for i, e := range t.Entries {
		e.Hooks = append([]Hook(nil), e.Hooks...)
		for k := range e.Hooks {
			e.Hooks[k].Console = nil
			if level > 0 {
				e.Hooks[k].Read, e.Hooks[k].Returned = nil, nil
			}
		}
		if level > 0 {
			e.Read, e.Output, e.Vars, e.Claims, e.Calls = nil, nil, nil, nil, nil
		}
		entries[i] = e
	}
	t.Entries = entries
	return t
}

// Decode reads what Encode wrote.
func Decode(raw []byte) (t Turn, err error) {
	if len(raw) > 2*MaxTurn {
		return t, errTooLarge
	}
	err = json.Unmarshal(raw, &t)
	return t, err
}
