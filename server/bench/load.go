package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// operation is one thing to repeat. prepare makes a caller's own state; run does it once.
type operation struct {
	name, aim string
	prepare   func(ctx context.Context, c *caller) error
	run       func(ctx context.Context, c *caller) error
}

// caller is one of those who call in parallel.
type caller struct {
	s       *server
	number  int
	http    *http.Client
	access  string
	refresh string
	turn    int
}

type result struct {
	count    int64
	rate     float64
	p50, p99 time.Duration
	cpu      time.Duration // of the server, per operation
	memory   int64
}

func (s *server) caller(number int) *caller {
	return &caller{s: s, number: number, http: &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxIdleConnsPerHost: 2},
	}}
}

func (s *server) load(ctx context.Context, op operation, during time.Duration, callers int) (result, error) {
	list := make([]*caller, callers)
	for i := range list {
		list[i] = s.caller(i)
		if op.prepare != nil {
			if err := op.prepare(ctx, list[i]); err != nil {
				return result{}, err
			}
		}
		if err := op.run(ctx, list[i]); err != nil { // warm: connections, prepared statements, workers
			return result{}, err
		}
	}
	before, err := s.memory()
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var count atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	began := time.Now()
	var wg sync.WaitGroup
	for _, c := range list {
		wg.Go(func() {
			var mine []time.Duration
			for time.Since(began) < during {
				at := time.Now()
				if err := op.run(ctx, c); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					cancel()
					return
				}
				mine = append(mine, time.Since(at))
				count.Add(1)
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	took := time.Since(began)
	if failed != nil {
		return result{}, failed
	}
	after, err := s.memory()
	if err != nil {
		return result{}, err
	}
	slices.Sort(all)
	n := count.Load()
	return result{count: n, rate: float64(n) / took.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100], cpu: (after.cpu - before.cpu) / time.Duration(n), memory: after.resident}, nil
}

// send makes one request and returns the body; any status but those wanted is an error.
func (c *caller) send(ctx context.Context, method, path string, form url.Values, header http.Header, want int) (string, http.Header, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	target := path
	if strings.HasPrefix(path, "/") {
		target = c.s.base + path
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return "", nil, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := c.http.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", nil, err
	}
	if res.StatusCode != want {
		return "", nil, fmt.Errorf("%s %s: %s, want %d: %.300s", method, path, res.Status, want, text)
	}
	return string(text), res.Header, nil
}
