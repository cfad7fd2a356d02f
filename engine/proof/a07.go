package proof

// managedTooLow (STILE-A07): whoever changes how an account is proved has proved a factor of it, or made it just now, or proved a recovery. That
// it is as much as the account can prove, and recent, is judged when the step runs.
func managedTooLow(v *proved) {
	v.needing(func(n *node, path []hop, facts bits) {
		if n.Contract.Manages == "" || n.linking() {
			return
		}
		v.add("STILE-A07", n.At, "lead every path to it through password.verify, passkey.verify, session.check or a proved recovery",
			"step %s manages %s, and can be reached with less than that takes: %s: %s; it takes %s", n.Path, n.Contract.Manages, told(path, n.Path),
			v.facts.facts(facts), wants(n.Contract.Needs))
	})
}
