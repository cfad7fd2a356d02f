// Package hooks compiles the scripts that the settings name beside the flows': where claims come from, who may exchange tokens, and who may register.
package hooks

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/config"
	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/oauth/registration"
	"github.com/stile-id/stile/server/oauth/token"
)

// Hooks are the scripts of the settings.
type Hooks struct {
	Pool    *host.Pool
	File    *config.File
	Connect *connect.Connectors
	Log     *slog.Logger

	// Exchange decides about token exchanges; nil when the settings name no script for that.
	Exchange token.ExchangeHook
	// Register decides about clients that register themselves; nil when the settings name no script for that.
	Register registration.Hook
	claims   check.HookSet
}

// Load compiles them. With errors among the problems there are no hooks.
func (h *Hooks) Load() (problems diag.Problems, sources diag.Sources, err error) {
	sources = diag.Sources{}
	for _, load := range []func() (diag.Problems, diag.Sources, error){h.loadClaims, h.loadExchange, h.loadRegister} {
		ps, src, err := load()
		problems = append(problems, ps...)
		for name, text := range src {
			sources[name] = text
		}
		if err != nil {
			return problems, sources, err
		}
	}
	return problems, sources, nil
}

// compile compiles a script of the settings.
func (h *Hooks) compile(path string) (check.HookSet, diag.Problems, diag.Sources, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.File.Dir, path)
	}
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("hook of the settings: %w", err)
	}
	dir := os.DirFS(filepath.Dir(path))
	set, ps := h.Pool.Compile(check.HookSource{File: filepath.Base(path), Code: code,
		Import: func(name string) ([]byte, error) { return fs.ReadFile(dir, name) }})
	return set, ps, diag.Sources{filepath.Base(path): code}, nil
}

func (h *Hooks) console(ctx context.Context, function string, lines []string) {
	for _, line := range lines {
		h.Log.LogAttrs(ctx, slog.LevelInfo, "hook console", slog.String("hook", function), slog.String("line", line))
	}
}

// connect lets these hooks call connectors as flow hooks do.
func (h *Hooks) connect(ctx context.Context, connector string, request json.RawMessage) (json.RawMessage, error) {
	r, err := action.ReadRequest(request)
	if err != nil {
		return nil, err
	}
	reply, err := h.Connect.Call(ctx, connector, r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(reply)
}
