package journey_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stile-id/stile/engine/journey"
)

var update = flag.Bool("update", false, "write testdata anew")

// full is a journey in which every field of every kind is set, so that none can be forgotten.
func full(t testing.TB) *journey.Journey {
	j := &journey.Journey{}
	n := 0
	fill(t, reflect.ValueOf(j).Elem(), &n)
	return j
}

func fill(t testing.TB, v reflect.Value, n *int) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *json.RawMessage:
		*x = json.RawMessage(`{"a":[1, "<ä>"]}`)
		return
	case *time.Time:
		*x = time.Date(2026, 1, 2, 3, 4, 5, *n, time.UTC)
		return
	case *[]byte:
		*x = []byte{0xff, byte(*n)}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("ü", *n%5) + "x")
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		fill(t, e, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), e)
	default:
		t.Fatalf("nobody knows how to fill a %s", v.Type())
	}
}

// TestEncode: what is read is what was written, in every field; JSON that steps keep comes back byte for byte.
func TestEncode(t *testing.T) {
	for name, j := range map[string]*journey.Journey{"full": full(t), "empty": {ID: "i", Expires: time.Unix(1, 0).UTC()}} {
		raw, err := journey.Encode(j)
		if err != nil {
			t.Fatal(err)
		}
		back, err := journey.Decode(raw, time.Time{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(j, back); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestDecode_WhatIsStored: journeys in flight outlive a new version of the server, those that were written as JSON included.
func TestDecode_WhatIsStored(t *testing.T) {
	want := full(t)
	if *update {
		raw, err := journey.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/journey.hex", []byte(hex.EncodeToString(raw)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored := map[string][]byte{}
	text, err := os.ReadFile("testdata/journey.hex")
	if err != nil {
		t.Fatal(err)
	}
	if stored["CBOR"], err = hex.DecodeString(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	if stored["JSON"], err = os.ReadFile("testdata/journey.json"); err != nil {
		t.Fatal(err)
	}
	compact := cmp.Transformer("compact", func(r json.RawMessage) string {
		var b bytes.Buffer
		if err := json.Compact(&b, r); err != nil {
			return err.Error()
		}
		return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(b.String())
	})
	for name, raw := range stored {
		j, err := journey.Decode(raw, time.Time{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, j, compact); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestDecode_Refuses: whatever is no journey, is cut short, is written in a way of a later version or has had its time is gone.
func TestDecode_Refuses(t *testing.T) {
	j := full(t)
	raw, err := journey.Encode(j)
	if err != nil {
		t.Fatal(err)
	}
	later := append([]byte{2}, raw[1:]...)
	for name, b := range map[string][]byte{"nothing": nil, "half": raw[:len(raw)/2], "more": append(bytes.Clone(raw), 0), "a later version": later,
		"a list": {1, 0x80}, "no id": {1, 0xa0}, "a text without end": {1, 0x7f}, "an object": []byte(`{}`), "half an object": []byte(`{"i":"x"`), "an array": []byte(`[]`),
		"a map that claims to be huge": {1, 0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "too much": append([]byte{1}, make([]byte, journey.MaxEncoded)...)} {
		if _, err := journey.Decode(b, time.Time{}); !errors.Is(err, journey.ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := journey.Decode(raw, j.Expires); !errors.Is(err, journey.ErrGone) {
		t.Errorf("past its time: %v", err)
	}
	j.Prompt = make(json.RawMessage, journey.MaxEncoded)
	if _, err := journey.Encode(j); !errors.Is(err, journey.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	raw, err := journey.Encode(full(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"i":"x","e":"2026-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := journey.Decode(b, time.Time{})
		if err != nil {
			return
		}
		raw, err := journey.Encode(j)
		if err != nil {
			return // JSON is shorter where it names nothing
		}
		if again, err := journey.Decode(raw, time.Time{}); err != nil || again.ID != j.ID {
			t.Errorf("what was read cannot be written down: %v", err)
		}
	})
}
