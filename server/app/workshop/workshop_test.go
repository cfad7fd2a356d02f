package workshop_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/server/app/workshop"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/registration"
	"github.com/stile-id/stile/server/watch"
)

func open(t *testing.T) *workshop.Workshop {
	t.Helper()
	w, err := workshop.New(nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func types(t *testing.T, folder watch.Folder, names ...string) []workshop.Types {
	t.Helper()
	made, problems, sources := open(t).Types(folder, names, nil)
	if problems.Failed() {
		var text strings.Builder
		diag.Render(&text, problems, sources)
		t.Fatal(text.String())
	}
	return made
}

// TestShippedTypesAreCurrent: what is checked in is what the code makes.
func TestShippedTypesAreCurrent(t *testing.T) {
	folder, err := watch.ReadFolder(os.DirFS("../../../flows"))
	if err != nil {
		t.Fatal(err)
	}
	made := types(t, folder)
	if len(made) != 1 {
		t.Fatalf("%d flows have hooks", len(made))
	}
	for _, m := range made {
		got, err := os.ReadFile(filepath.Join("../../../flows", m.File))
		if err != nil || string(got) != m.Text {
			t.Errorf("%s is not current; run `stile types` (%v)", m.File, err)
		}
	}
}

// TestTypesSpeakOfEverythingThereIs: the request, the subject and evidence have the fields that the engine lets hooks read.
func TestTypesSpeakOfEverythingThereIs(t *testing.T) {
	folder := watch.Folder{"a.yaml": []byte("flow: a\nstart: s\naccept: { urn:x: [one-factor] }\nsteps:\n  s: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }\n")}
	text := types(t, folder, "a")[0].Text
	for name, want := range map[string][]string{"Request": settings.RequestFields(), "Subject": settings.SubjectFields(),
		"Evidence": {"age", "amr", "at", "credential", "facts", "method", "phishingResistant", "userVerified"}} {
		_, body, ok := strings.Cut(text, "export interface "+name+" {")
		body, _, _ = strings.Cut(body, "\n}")
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^  (\w+)\??:`).FindAllStringSubmatch(body, -1) {
			got = append(got, m[1])
		}
		slices.Sort(got)
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s has %q and should have %q", name, got, want)
		}
	}
	known := map[string]bool{}
	for f := range reflect.TypeFor[journey.Request]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[name] = true
	}
	for _, f := range settings.RequestFields() {
		if !known[f] {
			t.Errorf("the request has no %s", f)
		}
	}
}

// TestTypesOfRegistrations: the hook's types name every metadata that is read, and the kinds of the settings; without a hook there are none.
func TestTypesOfRegistrations(t *testing.T) {
	dir := t.TempDir()
	made := func(text string) []workshop.Types {
		t.Helper()
		f := config.Draft(filepath.Join(dir, "stile.yaml"), []byte("issuer: http://localhost:1\n"+text))
		if f == nil {
			t.Fatal("no settings")
		}
		w, err := workshop.New(f, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		return w.HookTypes(nil)
	}
	if m := made(""); len(m) != 0 {
		t.Errorf("%+v", m)
	}
	const hook = "registration-hook: hooks/registration.ts\n"
	m := made("registration: { open: b, kinds: { b: { flows: { default: signin } }, \"a'\": { flows: { default: signin } } } }\nconnectors: { crm: { base: \"https://crm.example\" } }\n" + hook)
	if len(m) != 1 || m[0].File != filepath.Join(dir, "hooks", "registration.hook.d.ts") {
		t.Fatalf("%+v", m)
	}
	text := m[0].Text
	for _, want := range []string{`import type * as hooks from "./registration.js";`, `{ kind?: "a'" | "b"; metadata?:`, "client: Fits<typeof hooks.client, Register, RegisterResult>;", `function call(connector: "crm",`,
		"\n    [name: `client_name#${string}`]: string | undefined;", `action: "register" | "update";`, "\n  token?: string;", "\n  kind: string;"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s", want)
		}
	}
	for _, of := range []reflect.Type{reflect.TypeFor[kind.Metadata](), reflect.TypeFor[registration.Asked]()} {
		for f := range of.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" && !regexp.MustCompile(`(?m)^ +`+name+`\??: `).MatchString(text) {
				t.Errorf("nothing of %s", name)
			}
		}
	}
	if m := made(hook); len(m) != 1 || !strings.Contains(m[0].Text, "{ kind?: string; metadata?:") {
		t.Errorf("settings that are being written: %+v", m)
	}
	if m := made("registration-hook: r.js\n"); len(m) != 1 || strings.Contains(m[0].Text, "Checked") {
		t.Errorf("a script without types: %+v", m)
	}
}

// TestTypesWhileWriting: a hook that does not exist yet, or does not compile, has types all the same; a flow that does not check has none.
func TestTypesWhileWriting(t *testing.T) {
	good := "flow: a\nhooks: a.ts\nstart: s\naccept: { urn:x: [one-factor] }\nsteps:\n" +
		"  s: { use: password.verify, next: { ok: d, forgot: denied, must-change: denied, locked: denied } }\n  d: { use: decide, with: { call: later }, next: { a: done, \"b-c\": done } }\n"
	made := types(t, watch.Folder{"a.yaml": []byte(good), "a.ts": []byte("export function ("), "b.yaml": []byte("flow: b\nstart: nowhere\nsteps: { s: { use: nothing } }\n")})
	if len(made) != 1 || !strings.Contains(made[0].Text, `"d.call": Fits<typeof hooks.later, Decide<"d">, DecideResult<"d">>;`) || !strings.Contains(made[0].Text, `d: "a" | "b-c";`) {
		t.Errorf("%+v", made)
	}
	_, problems, _ := open(t).Types(watch.Folder{"a.yaml": []byte(strings.ReplaceAll(good, "ok: d", "okay: d")), "a.ts": nil}, nil, nil)
	if !problems.Failed() {
		t.Error("a flow that does not check has types")
	}
	raw, _ := json.Marshal(made)
	if strings.Contains(string(raw), "undefined:") {
		t.Error("a name is missing")
	}
}
