package hooks

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/oauth/registration"
)

// registerName is the function that decides about clients that register themselves.
const registerName = "client"

func (h *Hooks) loadRegister() (diag.Problems, diag.Sources, error) {
	if h.File.Register == "" {
		return nil, nil, nil
	}
	set, ps, sources, err := h.compile(h.File.Register)
	if err != nil || ps.Failed() {
		return ps, sources, err
	}
	if _, ok := set.Functions()[registerName]; !ok {
		ps.Add("STILE-C12", h.File.At("registration-hook"), "export a function of that name", "%s does not have the function %s", h.File.Register, registerName)
		return ps, h.File.Sources(), nil
	}
	h.Register = func(ctx context.Context, a registration.Asked) (registration.Answer, error) {
		res, err := set.Call(ctx, check.HookCall{Function: registerName, Argument: a, Connect: h.connect})
		h.console(ctx, registerName, res.Console)
		if err != nil {
			return registration.Answer{}, err
		}
		return readRegister(res.Value)
	}
	return ps, sources, nil
}

// readRegister reads the hook's word: true, or what it changes. Anything else refuses.
func readRegister(value json.RawMessage) (out registration.Answer, err error) {
	switch string(value) {
	case "true":
		return registration.Answer{Allow: true}, nil
	case "", "null", "false":
		return out, nil
	}
	var said struct {
		Kind     string                     `json:"kind"`
		Metadata map[string]json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(value, &said); err != nil {
		return out, fmt.Errorf("%w: %s returns true, false or an object with kind and metadata", check.ErrHook, registerName)
	}
	return registration.Answer{Allow: true, Kind: said.Kind, Metadata: said.Metadata}, nil
}
