package rehearse

import (
	"context"
	"sync"

	"github.com/stile-id/stile/engine/rehearse/cases"
)

// Run plays the cases that match, at most parallel at once, and returns what came of each in the order of the files. match nil: all.
func Run(ctx context.Context, th Theatre, files []*cases.File, match func(name string) bool, parallel int) []*Played {
	var out []*Played
	type job struct {
		at   int
		file *cases.File
		one  *cases.Case
	}
	var jobs []job
	for _, f := range files {
		for i := range f.Cases {
			if c := &f.Cases[i]; match == nil || match(f.Flow+": "+c.Name) {
				jobs = append(jobs, job{len(jobs), f, c})
			}
		}
	}
	out = make([]*Played, len(jobs))
	queue := make(chan job)
	var done sync.WaitGroup
	for range max(1, min(parallel, len(jobs))) {
		done.Add(1)
		go func() {
			defer done.Done()
			for j := range queue {
				out[j.at] = Play(ctx, th, j.file, j.one)
			}
		}()
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	done.Wait()
	return out
}
