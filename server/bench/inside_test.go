package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestCheckTimes: what is measured is what it is taken for: long flows are sound, and the one that explodes is refused as not provable.
func TestCheckTimes(t *testing.T) {
	var out bytes.Buffer
	if err := checkTimes(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "STILE-A09") {
		t.Errorf("%s", out.String())
	}
	t.Log(out.String())
}
