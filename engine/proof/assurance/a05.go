package assurance

import (
	"strings"

	"github.com/stile-id/stile/engine/proof/paths"
	"github.com/stile-id/stile/engine/verdict"
)

// oneSideOfALink (STILE-A05): an outside identity is tied to an account only when both were proved in this journey.
func oneSideOfALink(v *proved) {
	v.needing(func(n *paths.Node, path []paths.Hop, facts paths.Bits) {
		if !linking(n) {
			return
		}
		side, hint := "no outside identity was proved", "lead every path to it through federate.oidc, with no step behind that which sets another subject"
		for _, f := range v.Facts.Facts(facts) {
			if strings.HasPrefix(string(f), "upstream(") {
				side, hint = "the local account was only named", "prove the account first, with password.verify or passkey.verify, or link while nobody is the subject"
			}
		}
		v.add("STILE-A05", n.At, hint, "step %s links with one side unproved, %s: %s: %s", n.Path, side, paths.Told(path, n.Path), v.Facts.Facts(facts))
	})
}

// linking reports whether the step ties an outside identity to an account: it is the only kind that asks whether somebody is the subject.
func linking(n *paths.Node) bool {
	for _, s := range n.Contract.Needs {
		if s.Has(verdict.Nobody) {
			return true
		}
	}
	return false
}
