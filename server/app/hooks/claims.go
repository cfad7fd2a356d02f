package hooks

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/oauth/claims"
)

func (h *Hooks) loadClaims() (diag.Problems, diag.Sources, error) {
	if h.File.ClaimsHook == "" {
		return nil, nil, nil
	}
	set, ps, sources, err := h.compile(h.File.ClaimsHook)
	if err != nil || ps.Failed() {
		return ps, sources, err
	}
	h.claims = set
	functions := set.Functions()
	for _, name := range slices.Sorted(maps.Keys(h.File.Claims)) {
		r := h.File.Claims[name]
		call := r.Call
		if call == "" {
			call = claims.HookName
		}
		if _, ok := functions[r.Transform]; r.Transform != "" && !ok {
			ps.Add("STILE-C12", h.File.At("claims", name, "transform"), "export a function of that name from "+h.File.ClaimsHook, "claim %q is transformed by %s, which the claims hook does not have", name, r.Transform)
		}
		if _, ok := functions[call]; r.From == claims.FromHook && !ok {
			ps.Add("STILE-C12", h.File.At("claims", name, "call"), "export a function of that name from "+h.File.ClaimsHook, "claim %q calls %s, which the claims hook does not have", name, call)
		}
	}
	return ps, h.File.Sources(), nil
}

// Claims are the ways claims come from elsewhere.
func (h *Hooks) Claims() claims.Ports {
	p := claims.Ports{Log: h.Log, Connector: func(ctx context.Context, name, path string) (json.RawMessage, error) {
		reply, err := h.Connect.Call(ctx, name, action.ConnectorRequest{Method: "GET", Path: path})
		if err != nil {
			return nil, err
		}
		if reply.Status < 200 || reply.Status > 299 {
			return nil, fmt.Errorf("%w: status %d", action.ErrConnector, reply.Status)
		}
		return reply.JSON, nil
	}}
	if h.claims == nil {
		return p
	}
	_, p.Shape = h.claims.Functions()[claims.HookName]
	p.Hook = func(ctx context.Context, function string, argument any) (json.RawMessage, error) {
		res, err := h.claims.Call(ctx, check.HookCall{Function: function, Argument: argument, Connect: h.connect})
		h.console(ctx, function, res.Console)
		return res.Value, err
	}
	return p
}
