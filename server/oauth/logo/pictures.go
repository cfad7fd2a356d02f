package logo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/stile-id/stile/engine/transient"
)

const (
	fresh = 6 * time.Hour      // how long a picture is shown without asking again
	stale = 7 * 24 * time.Hour // how long it is shown when its address does not answer any more
	again = 10 * time.Minute   // how long a failure is remembered
)

// Bounds of what a stranger can make us do and remember.
const (
	maxKept  = 16 << 20 // bytes of pictures and failures
	maxCalls = 32       // fetches at a time
	perHost  = 30       // fetches of one host a minute, all servers together: clients that register themselves choose whom we ask
)

// ErrNone: there is no picture to show, now.
var ErrNone = errors.New("logo: none to show")

// Picture is a PNG of at most Width × Height pixels. Nobody writes to it.
type Picture struct {
	PNG []byte
	Tag string // names its content
}

// Pictures keeps what was drawn of clients' logos. Whoever asks, and however many do at a time, an address is fetched once in a while.
type Pictures struct {
	Fetch  func(ctx context.Context, address string, private bool) ([]byte, error) // at most MaxFile bytes and a few seconds; guarded
	Limits transient.Store
	Now    func() time.Time
	Log    *slog.Logger

	kept    *otter.Cache[string, kept]
	flights singleflight.Group
	calls   chan struct{}
	drawing sync.Mutex // one at a time: decoding takes memory
}

// kept is what is known of an address: a picture, or that there is none.
type kept struct {
	picture *Picture
	drawn   time.Time
	until   time.Time
}

// New makes Pictures that know none yet.
func New(fetch func(ctx context.Context, address string, private bool) ([]byte, error), limits transient.Store, now func() time.Time, log *slog.Logger) (*Pictures, error) {
	k, err := otter.New(&otter.Options[string, kept]{MaximumWeight: maxKept, Weigher: func(key string, k kept) uint32 {
		n := len(key) + 200
		if k.picture != nil {
			n += len(k.picture.PNG)
		}
		return uint32(n) //nolint:gosec // a picture has some ten thousand bytes
	}})
	if err != nil {
		return nil, fmt.Errorf("logos: %w", err)
	}
	return &Pictures{Fetch: fetch, Limits: limits, Now: now, Log: log, kept: k, calls: make(chan struct{}, maxCalls)}, nil
}

// At is the picture of an address; ErrNone, also for who stops waiting.
func (p *Pictures) At(ctx context.Context, address string, private bool) (*Picture, error) {
	key := address
	if private { // one that may be fetched from private addresses is not for clients that may not
		key = "private " + address
	}
	if k, ok := p.kept.GetIfPresent(key); ok && p.Now().Before(k.until) {
		return k.told()
	}
	// Who hangs up must not make the next one ask again.
	flight := p.flights.DoChan(key, func() (any, error) { return p.renew(context.WithoutCancel(ctx), key, address, private) })
	select {
	case <-ctx.Done():
		return nil, ErrNone
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Picture), nil
	}
}

func (k kept) told() (*Picture, error) {
	if k.picture == nil {
		return nil, ErrNone
	}
	return k.picture, nil
}

// renew fetches and draws. What was drawn before is shown for a while when that fails.
func (p *Pictures) renew(ctx context.Context, key, address string, private bool) (*Picture, error) {
	now := p.Now()
	old, known := p.kept.GetIfPresent(key)
	if known && now.Before(old.until) { // somebody else did, a moment ago
		return old.told()
	}
	if old.picture != nil && now.Sub(old.drawn) >= stale {
		old.picture = nil
	}
	select {
	case p.calls <- struct{}{}:
		defer func() { <-p.calls }()
	default:
		return old.told()
	}
	if !p.may(ctx, address, now) {
		return old.told()
	}
	file, err := p.Fetch(ctx, address, private)
	var drawn []byte
	if err == nil {
		p.drawing.Lock()
		drawn, err = Draw(file)
		p.drawing.Unlock()
	}
	if err != nil {
		p.Log.LogAttrs(ctx, slog.LevelInfo, "a logo is not shown", slog.String("address", address), slog.String("cause", err.Error()))
		old.until = now.Add(again)
		p.kept.Set(key, old)
		return old.told()
	}
	sum := sha256.Sum256(drawn)
	k := kept{picture: &Picture{PNG: drawn, Tag: hex.EncodeToString(sum[:12])}, drawn: now, until: now.Add(fresh)}
	p.kept.Set(key, k)
	return k.picture, nil
}

// may reports whether the address's host has been asked little enough. A store that does not answer is a no.
func (p *Pictures) may(ctx context.Context, address string, now time.Time) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(u.Host))
	ok, _, err := p.Limits.Take(ctx, "oauth/logo/"+hex.EncodeToString(sum[:16]), transient.Limit{Burst: perHost, Per: time.Minute}, now)
	return err == nil && ok
}
