package assurance

import "github.com/stile-id/stile/engine/proof/paths"

// managedTooLow (STILE-A07): whoever changes how an account is proved has proved a factor of it, or made it just now, or proved a recovery. That
// it is as much as the account can prove, and recent, is judged when the step runs.
func managedTooLow(v *proved) {
	v.needing(func(n *paths.Node, path []paths.Hop, facts paths.Bits) {
		if n.Contract.Manages == "" || linking(n) {
			return
		}
		v.add("STILE-A07", n.At, "lead every path to it through password.verify, passkey.verify, session.check or a proved recovery",
			"step %s manages %s, and can be reached with less than that takes: %s: %s; it takes %s", n.Path, n.Contract.Manages, paths.Told(path, n.Path),
			v.Facts.Facts(facts), paths.Wants(n.Contract.Needs))
	})
}
