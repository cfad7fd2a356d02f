package command_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/server/command"
)

// shared is what a command prints while somebody else reads.
type shared struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// TestWatch: cases are played again when a file changes, whatever is wrong with it meanwhile, until the command is told to stop.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if code := command.Run([]string{"init", mine}, nil, &shared{}, &shared{}); code != 0 {
		t.Fatalf("init ends with %d", code)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(mine, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("stile.yaml", "issuer: http://localhost:8080\nhooks: { isolation: inline }\n")
	test := func(step string) string {
		return "flow: signin\ncases: [{ name: watched, prompt: { step: " + step + " } }]\n"
	}
	write("flows/mine.test.yaml", test("who"))
	out := &shared{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	root := command.Root(nil, out, out)
	root.SetArgs([]string{"test", "--config", filepath.Join(mine, "stile.yaml"), "--run", "watched", "--watch"})
	go func() { ended <- root.ExecuteContext(ctx) }()
	seen := ""
	next := func(want string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if text, ok := strings.CutPrefix(out.String(), seen); ok && strings.HasSuffix(text, "waiting for changes\n") {
				if !strings.Contains(text, want) {
					t.Fatalf("printed\n%s\nwithout %q", text, want)
				}
				seen += text
				return
			}
		}
		t.Fatalf("nothing more than\n%s", out)
	}
	next("1 case passed")
	time.Sleep(200 * time.Millisecond) // the folder is looked at from the moment the first report is out
	write("flows/mine.test.yaml", test("password"))
	next("prompt.step: expected password, got who")
	write("flows/mine.test.yaml", "flow: [")
	next("STILE-F01")
	write("flows/mine.test.yaml", test("who"))
	next("1 case passed")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
