package trail_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/engine/trail"
)

// TestRule14_AnsweredKeepsOnlyWhatIsKnownToBeNoSecret: by type of field; a type nobody has judged is a secret.
func TestRule14_AnsweredKeepsOnlyWhatIsKnownToBeNoSecret(t *testing.T) {
	open := []action.FieldType{action.FieldEmail, action.FieldIdentifier, action.FieldText, action.FieldName, action.FieldPhone, action.FieldBirthday,
		action.FieldNumber, action.FieldCheck, action.FieldChoice, action.FieldLong, action.FieldUsername}
	secret := []action.FieldType{action.FieldPassword, action.FieldNewPassword, action.FieldCode, action.FieldHidden, "pin"}
	for i, types := range [][]action.FieldType{open, secret} {
		for _, typ := range types {
			a := trail.Answered("s", &action.Prompt{Fields: []action.Field{{Name: "f", Type: typ}}}, "", map[string]string{"f": "typed"})
			if want := []string{"typed", trail.Given}[i]; a.Fields["f"] != want {
				t.Errorf("a field of type %s is kept as %q", typ, a.Fields["f"])
			}
		}
	}
	p := &action.Prompt{Fields: []action.Field{{Name: "can_passkey", Type: action.FieldHidden}}}
	callback := trail.Answered("s", p, "callback", map[string]string{"code": "c", "state": "s", "iss": "https://acme.example", "error": "access_denied",
		"error_description": "d", "session_state": "s", "scope": "openid"})
	for name, want := range map[string]string{"code": trail.Given, "state": trail.Given, "iss": "https://acme.example", "error": "access_denied",
		"error_description": trail.Given, "session_state": trail.Given, "scope": trail.Given} {
		if callback.Fields[name] != want {
			t.Errorf("callback: %s is kept as %q", name, callback.Fields[name])
		}
	}
	key := trail.Answered("s", p, "passkey", map[string]string{"passkey": "{}", "passkey_error": "NotAllowedError", "can_passkey": "yes", "unknown": "x", "empty": ""})
	for name, want := range map[string]string{"passkey": trail.Given, "passkey_error": "NotAllowedError", "can_passkey": "yes", "unknown": trail.Given, "empty": ""} {
		if key.Fields[name] != want {
			t.Errorf("passkey: %s is kept as %q", name, key.Fields[name])
		}
	}
}

func TestMasked(t *testing.T) {
	for to, want := range map[string]string{"ann@example.com": "a…@example.com", "a@example.com": "a…@example.com", "ärger@x.de": "ä…@x.de", "": "…", "@x": "…", "nobody": "…"} {
		if got := trail.Masked(to); got != want {
			t.Errorf("%q becomes %q, want %q", to, got, want)
		}
	}
}

// TestSettle_ReadsOutWhatScriptsRead: values by path; of what came from outside only what was read, never the whole.
func TestSettle_ReadsOutWhatScriptsRead(t *testing.T) {
	reads := []settings.Read{{Path: "output.tier"}, {Path: "output"}, {Path: "steps.who.none"}, {Path: "request.scopes"}, {Path: "output.tier"}, {Path: "vars.big"}}
	e := trail.Entry{Step: "crm", Use: "connector.call", Calls: []trail.Call{{Connector: "crm"}}, Hooks: []trail.Hook{{Function: "keep"}}}
	e.Hooks[0].Saw(reads, map[string]any{"output": json.RawMessage(`{"tier":"gold","card":"4111"}`), "request": map[string]any{"scopes": []string{"openid"}},
		"vars": map[string]json.RawMessage{"big": json.RawMessage(`"` + strings.Repeat("x", 5000) + `"`)}})
	turn := trail.Turn{Entries: []trail.Entry{e}}
	turn.Settle()
	raw, err := trail.Encode(turn)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s", turn.Entries[0].Hooks[0].Read)
	if want := `[{output.tier "gold"} {output {"(not kept)":"an answer from outside"}} {steps.who.none null} {request.scopes ["openid"]} {vars.big {"(not kept)":"too large"}}]`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if strings.Contains(string(raw), "4111") {
		t.Error("a connector's answer is kept")
	}
}

// TestEncode_StaysWithinItsBounds: whatever a turn did, its row is bounded, can be read again and says that it is cut.
func TestEncode_StaysWithinItsBounds(t *testing.T) {
	for name, fill := range map[string]func(*trail.Turn){
		"console": func(x *trail.Turn) {
			for range 100 {
				x.Entries = append(x.Entries, trail.Entry{Hooks: []trail.Hook{{Console: []string{strings.Repeat("l", 400)}}}})
			}
		},
		"values": func(x *trail.Turn) {
			for range 100 {
				x.Entries = append(x.Entries, trail.Entry{Output: json.RawMessage(`"` + strings.Repeat("v", 3000) + `"`)})
			}
		},
		"steps": func(x *trail.Turn) {
			for range 100 {
				x.Entries = append(x.Entries, trail.Entry{Step: strings.Repeat("deep/", 100)})
			}
		},
		"ending": func(x *trail.Turn) {
			x.Ending = &trail.Ending{Code: "access_denied", Claims: map[string]json.RawMessage{"c": json.RawMessage(`"` + strings.Repeat("v", 40_000) + `"`)}}
		},
	} {
		x := trail.Turn{Journey: "j"}
		fill(&x)
		r, err := trail.NewRow(x)
		if err != nil || len(r.Body) > trail.MaxTurn {
			t.Fatalf("%s: %d bytes, %v", name, len(r.Body), err)
		}
		back, err := trail.Decode(r.Body)
		if err != nil || !back.Cut || back.Journey != "j" || x.Ending != nil && back.Ending.Code != "access_denied" {
			t.Errorf("%s: %+v %v", name, back, err)
		}
		if less := r.Less(); len(less.Body) > 500 {
			t.Errorf("%s: %d bytes are left", name, len(less.Body))
		}
	}
}

// FuzzDecode: a row that something else wrote is refused or read, and what is read can be written again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"journey":"j","steps":[{"step":"who","hooks":[{"read":[{"path":"a","value":1}]}]}]}`))
	f.Add([]byte(`{"took_ns":-1,"ending":{"claims":{"a":null}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		turn, err := trail.Decode(raw)
		if err != nil {
			return
		}
		turn.Settle()
		if out, err := trail.Encode(turn); err == nil && len(out) > trail.MaxTurn+len(raw) {
			t.Errorf("%d bytes", len(out))
		}
	})
}

// TestSettle_LeavesWhatItWasGiven: claims and vars may be a step's own settings, which other journeys read while a trail is kept.
func TestSettle_LeavesWhatItWasGiven(t *testing.T) {
	large := json.RawMessage(`"` + strings.Repeat("x", 64<<10) + `"`)
	shared := map[string]json.RawMessage{"a": json.RawMessage(`1`), "b": large}
	var readers sync.WaitGroup
	readers.Go(func() {
		for range 1000 {
			for k, v := range shared {
				_, _ = k, v
			}
		}
	})
	for range 100 {
		turn := &trail.Turn{Entries: []trail.Entry{{Claims: shared, Vars: shared}}}
		turn.Settle()
		e := turn.Entries[0]
		if !turn.Cut || !trail.Withheld(e.Claims["b"]) || !trail.Withheld(e.Vars["b"]) || string(e.Claims["a"]) != "1" {
			t.Fatalf("kept: %s", e.Claims["a"])
		}
	}
	readers.Wait()
	if string(shared["b"]) != string(large) {
		t.Error("what was given has changed")
	}
}
