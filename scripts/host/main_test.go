package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts/host"
)

// TestMain builds the worker once, never with the race detector: that one maps terabytes and fits under no limit.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "parent" {
		parent()
		return
	}
	dir, err := os.MkdirTemp("", "stile-worker-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	build := exec.Command("go", "build", "-race=false", "-o", filepath.Join(dir, "worker"), "./testdata/worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build worker:", err)
		os.Exit(1)
	}
	if err := os.Setenv("STILE_TEST_WORKER", filepath.Join(dir, "worker")); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func worker() []string { return []string{os.Getenv("STILE_TEST_WORKER")} }

// pool makes a pool that is closed with the test. Unless the test says otherwise the deadline is generous: the machine
// may be slow, and only tests about deadlines wait for them.
func pool(t testing.TB, o host.Options) *host.Pool {
	t.Helper()
	if o.Command == nil {
		o.Command = worker()
	}
	if o.Deadline == 0 {
		o.Deadline = 10 * time.Second
	}
	p, err := host.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// compiled compiles a TypeScript hook file, and conditions called by their own text.
func compiled(t testing.TB, p *host.Pool, code string, conditions ...string) check.HookSet {
	t.Helper()
	src := check.HookSource{File: "signin.ts", Code: []byte(code)}
	if code == "" {
		src.File = ""
	}
	for i, c := range conditions {
		src.Expressions = append(src.Expressions, check.Expression{Name: c, Text: c, At: diag.Pos{File: "signin.yaml", Line: 10 + i, Col: 5}})
	}
	set, ps := p.Compile(src)
	if ps.Failed() {
		t.Fatalf("compile: %v", ps)
	}
	return set
}

func call(s check.HookSet, function string, argument any) (check.HookResult, error) {
	return s.Call(context.Background(), check.HookCall{Function: function, Argument: argument})
}

type object = map[string]any

func raw(s string) json.RawMessage { return json.RawMessage(s) }
