package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
)

// inFlight begins journeys of the shipped signin and leaves them waiting at the password, and tells what each of them keeps.
func (s *server) inFlight(ctx context.Context, out io.Writer, n, callers int) error {
	// The first batch brings the heap to its working size; the second one's growth is the journeys'.
	if err := s.begun(ctx, n, callers); err != nil {
		return err
	}
	before, err := s.memory()
	if err != nil {
		return err
	}
	stored := s.stored()
	if err := s.begun(ctx, n, callers); err != nil {
		return err
	}
	after, err := s.memory()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "a journey of the shipped signin in flight\t%.2f KiB of memory\t%.2f KiB of disk\t(aim 1 KiB)\t\n",
		float64(after.anonymous-before.anonymous)/float64(n)/1024, float64(s.stored()-stored)/float64(n)/1024)
	return err
}

// begun begins n journeys and answers their first page.
func (s *server) begun(ctx context.Context, n, callers int) error {
	query := url.Values{"client_id": {"shipped"}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1:9/cb"}, "scope": {"openid"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode()
	var wg sync.WaitGroup
	failures := make(chan error, callers)
	for i := range callers {
		wg.Go(func() {
			c := s.caller(i)
			for k := range n / callers {
				b := &browser{c: c, jar: map[string]string{}}
				page, err := b.begin(ctx, query)
				if err == nil {
					_, err = b.answer(ctx, page, "who", url.Values{"identifier": {person(k % people)}})
				}
				if err != nil {
					failures <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

// stored is the size of the embedded store's files.
func (s *server) stored() int64 {
	var total int64
	files, _ := filepath.Glob(filepath.Join(s.dir, "data", "stile.db*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			total += info.Size()
		}
	}
	return total
}
