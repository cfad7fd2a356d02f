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
	"github.com/stile-id/stile/server/store/suite/expect"
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

// TestSQLite_S059_TimingOutSurvivesKill kills a process while it ends sessions whose time is over. Whoever ends the rest finds each session either there,
// with nobody told, or gone, with its message.
func TestSQLite_S059_TimingOutSurvivesKill(t *testing.T) {
	const sessions = 3000
	over := expect.Start.Add(time.Hour)
	hears := func(string) identity.Hearing { return identity.Hearing{Later: true} }
	if path := os.Getenv(crashFile); path != "" {
		s := openFile(t, path, time.Now)
		s.Hears = hears
		go func() {
			for {
				if n, err := s.OutboxDepth(context.Background()); n > 0 || err != nil {
					fmt.Println("told", n, err)
				}
			}
		}()
		_, err := s.EndOverdue(context.Background(), over, over)
		fmt.Println("ended", err)
		return
	}
	path := filepath.Join(t.TempDir(), "db")
	t.Run("many sign in", func(t *testing.T) {
		s := openFile(t, path, time.Now)
		s.Hears = hears
		for i := range sessions / 300 {
			var writes []identity.Write
			if i == 0 {
				writes = append(writes, identity.CreateAccount{Account: suite.Account("ada")})
			}
			for k := range 300 {
				id := fmt.Sprintf("s%d", i*300+k)
				writes = append(writes, identity.PutSession{Session: suite.Session(id, "ada")}, identity.PutGrant{Grant: suite.Grant("g"+id, "ada", id)})
			}
			expect.OK(t, s.Apply(context.Background(), writes, nil))
		}
	})
	cmd := exec.Command(os.Args[0], "-test.run=^TestSQLite_S059_TimingOutSurvivesKill$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	out, err := cmd.StdoutPipe()
	expect.OK(t, err)
	expect.OK(t, cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Error("the other process said nothing")
	}
	expect.OK(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	s := openFile(t, path, time.Now)
	s.Hears = hears
	before, err := s.OutboxDepth(context.Background())
	expect.OK(t, err)
	rest, err := s.EndOverdue(context.Background(), over, over)
	expect.OK(t, err)
	all, err := s.OutboxDepth(context.Background())
	expect.OK(t, err)
	t.Logf("%d ended before it was killed, %d afterwards", before, rest)
	if before == 0 || int(before)+rest != sessions || int(all) != sessions {
		t.Errorf("%d were told of before, %d ended afterwards, %d told of in all", before, rest, all)
	}
}
