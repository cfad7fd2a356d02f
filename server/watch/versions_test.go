package watch_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/watch"
)

// kept is a ledger of flow versions.
type kept struct {
	mu    sync.Mutex
	texts map[string][]byte
	away  error
	reads atomic.Int32
}

func (k *kept) PutFlowVersion(_ context.Context, name, hash string, source []byte, _ time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.texts[name+hash] = source
	return nil
}

func (k *kept) FlowVersion(_ context.Context, name, hash string) ([]byte, error) {
	k.reads.Add(1)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away != nil {
		return nil, k.away
	}
	raw, ok := k.texts[name+hash]
	if !ok {
		return nil, identity.ErrNotFound
	}
	return raw, nil
}

func folder(text string) fstest.MapFS {
	return fstest.MapFS{"signin.yaml": &fstest.MapFile{Data: []byte(text)}}
}

const small = `flow: signin
start: pass
accept: { basic: [one-factor] }
steps: { pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } } }
`

// TestVersion_AskedForByMany: after a restart an old version is made once, however many journeys wait for it, while the folder is loaded
// beside it.
func TestVersion_AskedForByMany(t *testing.T) {
	ctx, w, k := context.Background(), world(t), &kept{texts: map[string][]byte{}}
	first := watch.New(w, k, time.Now, slog.New(slog.DiscardHandler))
	if ps, _, err := first.Load(ctx, folder(small)); err != nil || ps.Failed() {
		t.Fatal(ps, err)
	}
	old, _ := first.Current("signin")
	f := watch.New(w, k, time.Now, slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	got := make([]*check.Program, 50)
	for i := range got {
		all.Add(1)
		go func() {
			defer all.Done()
			p, err := f.Version(ctx, "signin", old.Hash)
			if err != nil {
				t.Error(err)
			}
			got[i] = p
		}()
	}
	for i := range 5 {
		if ps, _, err := f.Load(ctx, folder(small+"# change "+string(rune('a'+i))+"\n")); err != nil || ps.Failed() {
			t.Fatal(ps, err)
		}
	}
	all.Wait()
	for _, p := range got {
		if p == nil || p != got[0] || p.Hash != old.Hash {
			t.Fatalf("%v, want %v", p, old.Hash)
		}
	}
	if n := k.reads.Load(); n != 1 {
		t.Errorf("the ledger was read %d times", n)
	}
}

// TestVersion_UnknownAndUnreadable: what was never kept is nil, and an error is no answer.
func TestVersion_UnknownAndUnreadable(t *testing.T) {
	ctx, k := context.Background(), &kept{texts: map[string][]byte{"signintorn": []byte("{"), "signinother": []byte(`{"signin.yaml":"Zmxvdzog"}`)}}
	f := watch.New(world(t), k, time.Now, slog.New(slog.DiscardHandler))
	for _, hash := range []string{"none", "torn", "other"} {
		if p, err := f.Version(ctx, "signin", hash); p != nil || err != nil {
			t.Errorf("%s: %v, %v", hash, p, err)
		}
	}
	k.away = errors.New("away")
	if _, err := f.Version(ctx, "signin", "none"); !errors.Is(err, k.away) {
		t.Errorf("got %v", err)
	}
}

// TestLoad_RefusedKeepsTheOld: a candidate that does not check changes nothing, and says why.
func TestLoad_RefusedKeepsTheOld(t *testing.T) {
	ctx := context.Background()
	f := watch.New(world(t), &kept{texts: map[string][]byte{}}, time.Now, slog.New(slog.DiscardHandler))
	if _, _, err := f.Load(ctx, folder(small)); err != nil {
		t.Fatal(err)
	}
	before, _ := f.Current("signin")
	ps, _, err := f.Load(ctx, folder("flow: signin\nstart: x\nsteps: {}\n"))
	if err != nil || !ps.Failed() {
		t.Fatal(ps, err)
	}
	if after, _ := f.Current("signin"); after != before {
		t.Error("the broken flow is served")
	}
	if why, _ := f.Refused(); !why.Failed() {
		t.Error("nobody says why")
	}
	if _, _, err := f.Load(ctx, folder(small)); err != nil {
		t.Fatal(err)
	}
	if why, _ := f.Refused(); why != nil {
		t.Errorf("mended, and still refused: %v", why)
	}
}
