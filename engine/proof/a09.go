package proof

// unsure (STILE-A09): what cannot be proved is refused.
func unsure(v *proved) {
	if v.unsure != "" {
		v.add("STILE-A09", v.program.At, "split the flow, or lead alternatives together sooner",
			"what flow %s proves cannot be proved: %s", v.program.Name, v.unsure)
	}
}
