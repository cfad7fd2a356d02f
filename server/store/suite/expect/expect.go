// Package expect holds the few words in which the stores' suites say what they expect. It is test support: only tests import it.
package expect

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// Start is the present of every fixture.
var Start = time.Date(2030, 5, 6, 7, 8, 9, 123456000, time.UTC)

// Many is how many race for one thing.
const Many = 50

// deadline bounds what would otherwise hang; nothing is measured by it.
const deadline = 2 * time.Minute

// Within is a context that ends long after every sound test has.
func Within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// OK ends the test at an error.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Is ends the test unless the error is the one wanted.
func Is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// Equal ends the test unless both are the same.
func Equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// Together runs one call many times at once and returns the errors.
func Together(n int, call func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			ready.Done()
			<-gate
			errs[i] = call(i)
		}()
	}
	ready.Wait()
	close(gate)
	done.Wait()
	return errs
}

// Count says how many errors are (nil: success) the one given.
func Count(errs []error, want error) int {
	n := 0
	for _, err := range errs {
		if want == nil && err == nil || want != nil && errors.Is(err, want) {
			n++
		}
	}
	return n
}
