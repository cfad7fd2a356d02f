package details_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/details"
)

func payments(t testing.TB) *details.Types {
	t.Helper()
	types, err := details.New(details.Settings{"payment": {Schema: oauth.Document(`{"type":"object","required":["amount"],"properties":{"amount":{"type":"string","pattern":"^[0-9]+$"},
		"actions":{"type":"array","items":{"enum":["initiate","status"]}},"to":{"type":"object","properties":{"iban":{"type":"string"}},"additionalProperties":false}}}`)},
		"account": {Schema: oauth.Document(`{"type":"object"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func TestS042_Read(t *testing.T) {
	types := payments(t)
	for text, ok := range map[string]bool{
		`[{"type":"payment","amount":"12"}]`:                                         true,
		`[{"type":"payment","amount":"12","to":{"iban":"DE"},"actions":["status"]}]`: true,
		`[{"type":"payment","amount":"12"},{"type":"payment","amount":"13"}]`:        true,
		`[{"type":"payment"}]`:                                              false,
		`[{"type":"payment","amount":12}]`:                                  false,
		`[{"type":"payment","amount":"12","note":"x"}]`:                     false,
		`[{"type":"payment","amount":"12","to":{"iban":"DE","bic":"X"}}]`:   false,
		`[{"type":"account"}]`:                                              false, // not the client's
		`[{"type":"unknown"}]`:                                              false,
		`[{"amount":"12"}]`:                                                 false,
		`[{"type":"payment","amount":"1","amount":"1000"}]`:                 false,
		`[{"type":["payment"],"amount":"1"}]`:                               false,
		`[{"type":"payment","amount":"12","to":{"iban":"DE","iban":"FR"}}]`: false, // which of the two was shown, and which counts?
		`{"type":"payment","amount":"12"}`:                                  false,
		`[]`:                                                                false,
		`[1]`:                                                               false,
		`nonsense`:                                                          false,
		`[{"type":"payment","amount":"` + strings.Repeat("1", 300) + `"}]`:                                false,
		`[` + strings.Repeat(`{"type":"payment","amount":"1"},`, 10) + `{"type":"payment","amount":"1"}]`: false,
	} {
		if _, err := types.Read(text, []string{"payment"}); (err == nil) != ok {
			t.Errorf("%.80s: %v", text, err)
		}
	}
	for _, schema := range []string{``, `[]`, `{"type":"nonsense"}`, `{"$ref":"file:///etc/passwd"}`, `{"$ref":"https://evil.example/x"}`} {
		if _, err := details.New(details.Settings{"x": {Schema: oauth.Document(schema)}}); err == nil {
			t.Errorf("schema %s", schema)
		}
	}
}

func TestS042_Within(t *testing.T) {
	granted := json.RawMessage(`[{"type":"payment","amount":"12","actions":["initiate","status"]},{"type":"account","deep":{"a":[1]}}]`)
	for asked, ok := range map[string]bool{
		`[{"type":"payment","amount":"12","actions":["initiate","status"]}]`:                                            true,
		`[{"type":"payment","amount":"12","actions":["status"]}]`:                                                       true,
		`[{"type":"account","deep":{"a":[1]}}]`:                                                                         true,
		`[{"type":"payment","amount":"12"}]`:                                                                            false, // no list may mean all of them
		`[{"type":"payment","amount":"12","actions":[]}]`:                                                               false,
		`[{"type":"payment","amount":"13","actions":["status"]}]`:                                                       false,
		`[{"type":"payment","amount":"12","actions":["cancel"]}]`:                                                       false,
		`[{"type":"payment","amount":"12","actions":"status"}]`:                                                         false,
		`[{"type":"account","deep":{"a":[]}}]`:                                                                          false,
		`[{"type":"account","deep":{"a":[1]},"more":1}]`:                                                                false,
		`[{"type":"payment","amount":"12","actions":["status"]},{"type":"payment","amount":"12","actions":["status"]}]`: false, // twice, of one
		`[{"type":"payment","amount":"12","actions":["status","status"]}]`:                                              false,
		`[{"type":"account","deep":{"a":[1]}},{"type":"payment","amount":"12","actions":["status"]}]`:                   true,
		`nonsense`: false,
	} {
		if details.Within(json.RawMessage(asked), granted) != ok {
			t.Errorf("%s", asked)
		}
	}
}

// TestS042_WithinOnceEach: of what was granted, each part is there once. Where two would do for one that is asked for, the other is left for the next.
func TestS042_WithinOnceEach(t *testing.T) {
	granted := json.RawMessage(`[{"type":"payment","amount":"12","actions":["initiate","status"]},{"type":"payment","amount":"12","actions":["status"]}]`)
	const both, one = `{"type":"payment","amount":"12","actions":["initiate"]}`, `{"type":"payment","amount":"12","actions":["status"]}`
	for asked, ok := range map[string]bool{one: true, one + "," + both: true, both + "," + one: true, one + "," + one: true, both + "," + both: false, one + "," + one + "," + one: false} {
		if details.Within(json.RawMessage("["+asked+"]"), granted) != ok {
			t.Errorf("%s", asked)
		}
	}
	// An amount that differs where a float does not.
	if details.Within(json.RawMessage(`[{"type":"x","n":9007199254740993}]`), json.RawMessage(`[{"type":"x","n":9007199254740992}]`)) {
		t.Error("one more")
	}
}

// FuzzRead: what is read is of a type the client may use and within itself.
func FuzzRead(f *testing.F) {
	types := payments(f)
	f.Add(`[{"type":"payment","amount":"12","actions":["status"]}]`)
	f.Add(`[{"type":"payment","amount":"12","to":{"iban":"x"}},{}]`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := types.Read(text, []string{"payment"})
		if err != nil {
			return
		}
		var list []struct{ Type string }
		if json.Unmarshal(got, &list) != nil || len(list) == 0 || !details.Within(got, got) {
			t.Fatalf("%s became %s", text, got)
		}
	})
}

// TestS042_Remembered: a consent to details is remembered for exactly these, however they are written, and for none when one of them is asked about each time.
func TestS042_Remembered(t *testing.T) {
	open := oauth.Document(`{"type":"object","properties":{"days":{"type":"number"},"who":{"type":"string"}}}`)
	types, err := details.New(details.Settings{"calendar": {Schema: open, Remember: true}, "payment": {Schema: open}})
	if err != nil {
		t.Fatal(err)
	}
	names := func(text string) []string {
		t.Helper()
		read, err := types.Read(text, []string{"calendar", "payment"})
		if err != nil {
			t.Fatal(err)
		}
		return types.Remembered(read)
	}
	first := names(`[{"type":"calendar","days":7,"who":"ann"}]`)
	if len(first) != 1 || !strings.HasPrefix(first[0], identity.ConsentToDetails) {
		t.Fatalf("%q", first)
	}
	if again := names(` [ { "who" : "ann" , "days":7, "type":"calendar"} ]`); !slices.Equal(first, again) {
		t.Errorf("written otherwise: %q and %q", first, again)
	}
	for _, other := range []string{`[{"type":"calendar","days":8,"who":"ann"}]`, `[{"type":"calendar","days":7}]`, `[{"type":"calendar","days":7,"who":"Ann"}]`} {
		if slices.Equal(first, names(other)) {
			t.Errorf("%s is taken for the first", other)
		}
	}
	if got := names(`[{"type":"calendar","days":7,"who":"ann"},{"type":"payment","days":7}]`); got != nil {
		t.Errorf("beside one that is asked about each time: %q", got)
	}
	if got := types.Remembered(nil); got != nil {
		t.Errorf("nothing: %q", got)
	}
}
