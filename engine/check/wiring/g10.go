package wiring

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Around (STILE-G10): a step that runs another flow has no place for a hook.
func Around(ps *diag.Problems, s *flow.Step) {
	at := s.BeforeAt
	if s.Before == "" {
		at = s.AfterAt
	}
	if s.Before+s.After != "" {
		ps.Add("STILE-G10", at, "put the hook on a step inside the called flow", "step %s runs another flow, which has no place for a hook", s.Name)
	}
}
