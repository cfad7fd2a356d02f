package dev_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/dev"
)

// walk is the README's first flow: the edits it tells people to make, in its own words.
type walk struct {
	change string   // what step 2 changes
	yaml   []string // what signin.yaml gets in steps 2 and 3
	ts     string   // what signin.ts gets in step 3
	word   string   // what step 4 leads "no" to
	told   string   // what the log then says
}

func readme(t *testing.T) walk {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## A first flow in five minutes\n")
	section, _, ended := strings.Cut(rest, "\n## ")
	if !found || !ended {
		t.Fatal("the README has no first flow any more")
	}
	var w walk
	for _, block := range regexp.MustCompile("(?ms)^   ```(yaml|ts)\n(.*?)^   ```").FindAllStringSubmatch(section, -1) {
		body := regexp.MustCompile(`(?m)^ {3}`).ReplaceAllString(block[2], "")
		if block[1] == "ts" {
			w.ts += body
			continue
		}
		w.yaml = append(w.yaml, body)
	}
	if m := regexp.MustCompile("change `([^`]+)` to").FindStringSubmatch(section); m != nil {
		w.change = m[1]
	}
	if m := regexp.MustCompile("lead `no` to `(\\w+)`").FindStringSubmatch(section); m != nil {
		w.word = m[1]
	}
	if m := regexp.MustCompile("\"did you mean `(\\w+)`\\?\"").FindStringSubmatch(section); m != nil {
		w.told = "did you mean `" + m[1] + "`?"
	}
	if w.change == "" || len(w.yaml) != 2 || w.ts == "" || w.word == "" || w.told == "" {
		t.Fatalf("the README's first flow reads otherwise now: %+v", w)
	}
	return w
}

// TestReadme_AFirstFlowInFiveMinutes: what the README promises happens, by exactly its edits.
func TestReadme_AFirstFlowInFiveMinutes(t *testing.T) {
	w := readme(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../flows")); err != nil {
		t.Fatal(err)
	}
	d, log := serveLogged(t, "127.0.0.1:0", t.TempDir(), dir)
	edit := func(name string, change func(string) string) {
		t.Helper()
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := change(string(text))
		if changed == string(text) {
			t.Fatalf("%s does not hold what the README says", name)
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded := func() int { return strings.Count(log.String(), "flow=signin") }
	logged := func(what string, so func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the log does not say it: %s", what)
			}
		}
	}

	// 1.
	ann := signIn(t, d, "ann@example.com", dev.Password)
	again := func(b *browser, email string) {
		t.Helper()
		b.press("Sign out")
		b.press("Sign in")
		b.answer("identifier", email)
		b.answer("password", dev.Password)
	}

	// 2. A message behind the sign-in.
	before := loaded()
	edit("signin.yaml", func(s string) string { return strings.Replace(s, "  "+w.change+"\n", w.yaml[0], 1) })
	logged("flow loaded", func() bool { return loaded() > before && strings.Contains(log.String(), "flow loaded") })
	again(ann, "ann@example.com")
	ann.expect("ask.message")
	if !ann.shows("Welcome back") || !ann.shows("Your parcel is on its way.") {
		t.Errorf("the message shows %s", words(ann.doc))
	}
	ann.answer()
	ann.expect("sample")

	// 3. A hook decides who sees it.
	edit("signin.ts", func(s string) string { return s + "\n" + w.ts })
	before = loaded()
	edit("signin.yaml", func(s string) string {
		return regexp.MustCompile(`(?m)^  offer: .*\n`).ReplaceAllLiteralString(s, w.yaml[1])
	})
	logged("flow loaded", func() bool { return loaded() > before })
	again(ann, "ann@example.com")
	ann.expect("ask.message")
	ann.answer()
	ann.expect("sample")
	signIn(t, d, "bob@example.com", dev.Password) // ends on the app without a message

	// 4. Broken: told under its line, and sign-ins go on as before.
	edit("signin.yaml", func(s string) string { return strings.Replace(s, "no: done }", "no: "+w.word+" }", 1) })
	logged(w.told, func() bool {
		return strings.Contains(log.String(), "flows refused") && strings.Contains(log.String(), w.told) && strings.Contains(log.String(), "^^^^")
	})
	again(ann, "ann@example.com")
	ann.expect("ask.message")
	ann.answer()
	ann.expect("sample")
	signIn(t, d, "bob@example.com", dev.Password)

	res, err := http.Get(d.Issuer() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var ready struct {
		Status   string
		Problems []struct{ Message, Hint string }
	}
	if err := json.NewDecoder(res.Body).Decode(&ready); err != nil || ready.Status != "ok" || len(ready.Problems) != 1 || ready.Problems[0].Hint != w.told {
		t.Errorf("%+v %v", ready, err)
	}
}
