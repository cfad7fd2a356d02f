package config_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/client"
)

var update = flag.Bool("update", false, "write the texts of testdata anew")

func setting(t testing.TB) {
	t.Helper()
	t.Setenv("STILE_TEST_SET", "a-secret-from-outside")
	t.Setenv("STILE_TEST_EMPTY", "")
}

// TestSettings_BrokenOnesAreTold: what an operator is told of each mistake, to the letter: the sentence, the place, the way to mend it.
func TestSettings_BrokenOnesAreTold(t *testing.T) {
	setting(t)
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(file)
			f, problems := config.Read(name, source)
			if f != nil || !problems.Failed() {
				t.Errorf("the settings are taken: %v", problems)
			}
			var text bytes.Buffer
			diag.Render(&text, problems, diag.Sources{name: source})
			placed(t, source, problems)
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, text.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text.String() != string(want) {
				t.Errorf("the operator is told\n%s\nand should be told\n%s", text.String(), want)
			}
		})
	}
}

// placed: every problem lies inside the text, and nothing is told twice.
func placed(t testing.TB, source []byte, problems diag.Problems) {
	t.Helper()
	lines := strings.Split(string(source), "\n")
	seen := map[diag.Problem]bool{}
	for _, p := range problems {
		if p.At.Line < 0 || p.At.Line > len(lines) || p.At.Line > 0 && p.At.Col > len([]rune(lines[p.At.Line-1]))+1 {
			t.Errorf("%s lies outside the text: %s", p.Message, p.At)
		}
		if seen[p] {
			t.Errorf("told twice: %s", p.Message)
		}
		seen[p] = true
	}
}

// TestSettings_SoundOnesAreTaken: nothing is said of what operators may write.
func TestSettings_SoundOnesAreTaken(t *testing.T) {
	setting(t)
	for _, name := range []string{"smallest", "local", "everything"} {
		f, problems, sources := config.Load("testdata/sound/" + name + ".yaml")
		if f == nil || len(problems) > 0 {
			var text bytes.Buffer
			diag.Render(&text, problems, sources)
			t.Errorf("%s: %s", name, text.String())
		}
	}
}

// TestSettings_AServerIsAlwaysCalledSomething: mail and passkeys name it, with its host where nothing else is said.
func TestSettings_AServerIsAlwaysCalledSomething(t *testing.T) {
	for text, want := range map[string]string{"issuer: https://login.example.com:8443/a\n": "login.example.com", "issuer: https://login.example.com\nname: Shop\n": "Shop", "issuer: http://127.0.0.1:8080\n": "127.0.0.1"} {
		f, problems := config.Read("stile.yaml", []byte(text))
		if f == nil || f.Name != want {
			t.Errorf("%q: %+v", text, problems)
		}
	}
}

// TestSettings_ReferencesStartBesideTheFile: whatever the working directory, file: means a file beside the settings.
func TestSettings_ReferencesStartBesideTheFile(t *testing.T) {
	setting(t)
	path, err := filepath.Abs("testdata/sound/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	f, problems, _ := config.Load(path)
	if f == nil {
		t.Fatal(problems)
	}
	for what, ref := range map[string]struct {
		ref  config.Ref
		want string
	}{
		"file beside the settings": {f.Transient, "redis://cache:6379/0"},
		"environment":              {f.Mail.Password, "a-secret-from-outside"},
		"absolute file":            {config.Literal("file:" + filepath.Join(filepath.Dir(path), "secret.txt")), "another-secret"},
		"written out":              {f.Ledger, "postgres://stile@db/stile?sslmode=verify-full"},
	} {
		got, err := ref.ref.Resolve(f.Dir)
		if err != nil || got.Reveal() != ref.want {
			t.Errorf("%s: %q %v", what, got.Reveal(), err)
		}
	}
	secrets := f.Clients[0].Secrets
	if len(secrets) != 3 || secrets[0] != client.Kept("a-secret-from-outside") || secrets[1] != client.Kept("another-secret") {
		t.Errorf("client secrets are kept as %q", secrets)
	}
	if at := f.At("clients", "1", "id"); at.Line == 0 || at.File != path {
		t.Errorf("a setting has no place: %v", at)
	}
}

// TestSettings_SecretFilesAreBounded: a reference to something endless or huge is refused, not read.
func TestSettings_SecretFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "huge"), make([]byte, 65<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blank"), []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"file:huge", "file:.", "file:/dev/zero", "file:gone", "file:blank", "file:", "env:", "env:STILE_TEST_NOT_SET"} {
		if got, err := config.Literal(ref).Resolve(dir); err == nil {
			t.Errorf("%s is taken: %d bytes", ref, len(got.Reveal()))
		}
	}
}

// TestSettings_AWrittenOutSecretIsNotRepeated: not by an error, and not when settings are written as JSON.
func TestSettings_AWrittenOutSecretIsNotRepeated(t *testing.T) {
	source := []byte("issuer: https://id.example.com\nmaster-key: hunter2hunter2\n")
	_, problems := config.Read("stile.yaml", source)
	if len(problems) != 1 || strings.Contains(problems.Error(), "hunter2") {
		t.Errorf("%v", problems)
	}
	raw, err := json.Marshal(config.Settings{MasterKey: config.Literal("hunter2hunter2")})
	if err != nil || bytes.Contains(raw, []byte("hunter2")) {
		t.Errorf("%s %v", raw, err)
	}
}

// FuzzRead: whatever the text, reading comes to an end, problems lie inside it, and there are settings exactly when there is no error.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/broken/*.yaml", "testdata/sound/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		if len(source) > 64<<10 {
			return
		}
		got, problems := config.Read("stile.yaml", source)
		if (got == nil) != problems.Failed() {
			t.Fatalf("settings %v with %v", got, problems)
		}
		placed(t, source, problems)
	})
}
