package sql_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/suite"
)

const crashFile = "STILE_TEST_CRASH_FILE"

// TestSQLite_AcknowledgedWritesSurviveKill lets another process write from many goroutines, kills it without warning, and
// finds every turn whose success it had told, whole.
func TestSQLite_AcknowledgedWritesSurviveKill(t *testing.T) {
	if path := os.Getenv(crashFile); path != "" {
		writeUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "db")
	cmd := exec.Command(os.Args[0], "-test.run=^TestSQLite_AcknowledgedWritesSurviveKill$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "done "); ok {
			if told = append(told, id); len(told) == 500 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if len(told) < 500 {
		t.Fatalf("the writing process ended after %d turns", len(told))
	}
	s := openFile(t, path, time.Now)
	for _, id := range told {
		decided := (*journey.DecidedError)(nil)
		if err := s.Commit(context.Background(), suite.Turn(id, 1)); !errors.As(err, &decided) {
			t.Fatalf("turn %s was told to be written and is not: %v", id, err)
		}
		if a, err := s.Account(context.Background(), id); err != nil || len(a.Credentials) != 1 || len(a.Identifiers) != 1 {
			t.Fatalf("account %s: %+v, %v", id, a, err)
		}
	}
}

func writeUntilKilled(t *testing.T, path string) {
	s := openFile(t, path, time.Now)
	done := make(chan string)
	for g := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("a%d-%d", g, i)
				if err := s.Commit(context.Background(), suite.Turn(id, 1, identity.CreateAccount{Account: suite.Account(id)})); err != nil {
					fmt.Println("failed", err)
					return
				}
				done <- id
			}
		}()
	}
	for id := range done {
		fmt.Println("done", id)
	}
}
