package naming

import (
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
)

// Declared (STILE-D05): a connector or provider that a setting names is declared in the settings. has is nil when that is not known.
func Declared(ps *diag.Problems, at diag.Pos, u action.Use, has func(name string) bool) {
	if has != nil && !has(u.Name) {
		ps.Add("STILE-D05", at, "declare it under `"+string(u.Kind)+"s:` in the settings file", "there is no %s %q", u.Kind, u.Name)
	}
}
