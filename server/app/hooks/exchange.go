package hooks

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/oauth/token"
)

// exchangeName is the function that decides about token exchanges.
const exchangeName = "exchange"

func (h *Hooks) loadExchange() (diag.Problems, diag.Sources, error) {
	if h.File.Exchanges == "" {
		return nil, nil, nil
	}
	set, ps, sources, err := h.compile(h.File.Exchanges)
	if err != nil || ps.Failed() {
		return ps, sources, err
	}
	if _, ok := set.Functions()[exchangeName]; !ok {
		ps.Add("STILE-C12", h.File.At("exchange-hook"), "export a function of that name", "%s does not have the function %s", h.File.Exchanges, exchangeName)
		return ps, h.File.Sources(), nil
	}
	h.Exchange = func(ctx context.Context, a token.ExchangeAsked) (token.ExchangeAnswer, error) {
		res, err := set.Call(ctx, check.HookCall{Function: exchangeName, Argument: a, Connect: h.connect})
		h.console(ctx, exchangeName, res.Console)
		if err != nil {
			return token.ExchangeAnswer{}, err
		}
		return readExchange(res.Value)
	}
	return ps, sources, nil
}

// readExchange reads the hook's word: true, or what it leaves of scopes and audience. Anything else refuses.
func readExchange(value json.RawMessage) (out token.ExchangeAnswer, err error) {
	switch string(value) {
	case "true":
		return token.ExchangeAnswer{Allow: true}, nil
	case "", "null", "false":
		return out, nil
	}
	var said struct {
		Scopes   []string `json:"scopes"`
		Audience []string `json:"audience"`
	}
	if err := json.Unmarshal(value, &said); err != nil {
		return out, fmt.Errorf("%w: %s returns true, false or an object with scopes and audience", check.ErrHook, exchangeName)
	}
	return token.ExchangeAnswer{Allow: true, Scopes: said.Scopes, Audience: said.Audience}, nil
}
