package assurance

// nothingProved (STILE-A01): a flow never ends done when nothing was proved of its subject, whatever accept says. Naming somebody proves nothing.
func nothingProved(v *proved) {
	for _, f := range v.short {
		if f.nothing && !f.dropped {
			v.add("STILE-A01", v.end(f), "lead this path through a step that proves something, such as password.verify or passkey.verify, or to denied",
				"the flow can end done with nothing proved: %s: %s", f.told(), v.Facts.Facts(v.States[f.state].Facts))
		}
	}
}
