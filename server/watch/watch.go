package watch

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/stile-id/stile/engine/diag"
)

// settle is how long a folder must be quiet before it is read: editors write a file in several strokes.
const settle = 150 * time.Millisecond

// Watch loads the folder again whenever it changes, until ctx ends. again is a further reason to look (SIGHUP).
func (f *Flows) Watch(ctx context.Context, dir string, again <-chan os.Signal) error {
	return Changes(ctx, dir, true, again, func(cause error) { f.log.Warn("watching flows", "cause", cause.Error()) }, func() {
		problems, sources, err := f.Load(ctx, os.DirFS(dir))
		switch {
		case err != nil:
			f.log.Error("flows not loaded", "cause", err.Error())
		case problems.Failed():
			var text strings.Builder
			diag.Render(&text, problems, sources)
			f.log.Error("flows refused; the old ones keep serving", "problems", text.String())
		}
	})
}

// Changes calls look whenever something in a folder has changed and is quiet again, until ctx ends. first: also at once, for what changed since
// the folder was read and before it was watched. again is a further reason to look; troubled is told where the system loses track, after which look is called too.
func Changes(ctx context.Context, dir string, first bool, again <-chan os.Signal, troubled func(cause error), look func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch flows: %w", err)
	}
	defer w.Close()
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || d.Name() == "node_modules" {
			return err
		}
		return w.Add(p)
	})
	if err != nil {
		return fmt.Errorf("watch flows: %w", err)
	}
	var quiet <-chan time.Time
	if first {
		quiet = time.After(0)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.Events:
			if !ok {
				return nil
			}
			quiet = time.After(settle)
		case err := <-w.Errors:
			troubled(err)
			quiet = time.After(settle)
		case <-again:
			quiet = time.After(0)
		case <-quiet:
			quiet = nil
			look()
		}
	}
}
