package rehearsal

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// maxLines bounds what one case may say.
const maxLines = 200

// journal keeps what the engine logs and hooks print, a line each, for whoever asks why a case failed.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) say(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) < maxLines {
		j.lines = append(j.lines, fmt.Sprintf(format, args...))
	}
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string{}, j.lines...)
}

// logger writes into the journal.
func (j *journal) logger() *slog.Logger { return slog.New(lines{j, nil}) }

// lines is a slog.Handler that words records for people: no time, no journey, hook consoles as the hook wrote them.
type lines struct {
	j     *journal
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (l lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (l lines) Handle(_ context.Context, r slog.Record) error {
	said := map[string]string{}
	var rest strings.Builder
	each := func(a slog.Attr) bool {
		said[a.Key] = a.Value.String()
		switch a.Key {
		case "journey", "flow", "trail", "reference", "stack":
		default:
			fmt.Fprintf(&rest, " %s=%s", a.Key, a.Value)
		}
		return true
	}
	for _, a := range l.attrs {
		each(a)
	}
	r.Attrs(each)
	if r.Message == "hook console" {
		l.j.say("hook %s at %s: %s", said["hook"], said["step"], said["line"])
		return nil
	}
	l.j.say("%s %s%s", strings.ToLower(r.Level.String()), r.Message, rest.String())
	return nil
}

// WithAttrs implements slog.Handler.
func (l lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lines{l.j, append(append([]slog.Attr{}, l.attrs...), attrs...)}
}

// WithGroup implements slog.Handler.
func (l lines) WithGroup(string) slog.Handler { return l }
