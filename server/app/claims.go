package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/oauth/claims"
)

// claimsHook is the script whose functions claims may come from.
type claimsHook struct{ set check.HookSet }

// newClaims compiles the claims hook of the settings, if there is one.
func (s *Server) newClaims() (diag.Problems, diag.Sources, error) {
	if s.file.ClaimsHook == "" {
		return nil, nil, nil
	}
	path := s.beside(s.file.ClaimsHook)
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("claims hook: %w", err)
	}
	dir := os.DirFS(filepath.Dir(path))
	set, ps := s.hooks.Compile(check.HookSource{File: filepath.Base(path), Code: code,
		Import: func(name string) ([]byte, error) { return fs.ReadFile(dir, name) }})
	if ps.Failed() {
		return ps, diag.Sources{filepath.Base(path): code}, nil
	}
	s.claims = &claimsHook{set: set}
	functions := set.Functions()
	for _, name := range slices.Sorted(maps.Keys(s.file.Claims)) {
		r := s.file.Claims[name]
		call := r.Call
		if call == "" {
			call = claims.HookName
		}
		if _, ok := functions[call]; r.From == claims.FromHook && !ok {
			ps.Add("STILE-C12", s.file.At("claims", name, "call"), "export a function of that name from "+s.file.ClaimsHook, "claim %q calls %s, which the claims hook does not have", name, call)
		}
	}
	return ps, s.file.Sources(), nil
}

// claimPorts are the ways claims come from elsewhere.
func (s *Server) claimPorts() claims.Ports {
	p := claims.Ports{Log: s.log, Connector: func(ctx context.Context, name, path string) (json.RawMessage, error) {
		reply, err := s.connect.Call(ctx, name, action.ConnectorRequest{Method: "GET", Path: path})
		if err != nil {
			return nil, err
		}
		if reply.Status < 200 || reply.Status > 299 {
			return nil, fmt.Errorf("%w: status %d", action.ErrConnector, reply.Status)
		}
		return reply.JSON, nil
	}}
	if s.claims == nil {
		return p
	}
	_, p.Shape = s.claims.set.Functions()[claims.HookName]
	p.Hook = func(ctx context.Context, function string, argument any) (map[string]json.RawMessage, error) {
		res, err := s.claims.set.Call(ctx, check.HookCall{Function: function, Argument: argument, Connect: s.hookConnect})
		for _, line := range res.Console {
			s.log.LogAttrs(ctx, slog.LevelInfo, "hook console", slog.String("hook", function), slog.String("line", line))
		}
		if err != nil || len(res.Value) == 0 {
			return nil, err
		}
		var out map[string]json.RawMessage
		if err := json.Unmarshal(res.Value, &out); err != nil {
			return nil, fmt.Errorf("%w: %s returns an object of claims", check.ErrHook, function)
		}
		return out, nil
	}
	return p
}

// hookConnect lets claims hooks call connectors as flow hooks do.
func (s *Server) hookConnect(ctx context.Context, connector string, request json.RawMessage) (json.RawMessage, error) {
	r, err := action.ReadRequest(request)
	if err != nil {
		return nil, err
	}
	reply, err := s.connect.Call(ctx, connector, r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(reply)
}
