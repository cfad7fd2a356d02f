package assurance

// unsure (STILE-A09): what cannot be proved is refused.
func unsure(v *proved) {
	if v.Unsure != "" {
		v.add("STILE-A09", v.Program.At, "split the flow, or lead alternatives together sooner",
			"what flow %s proves cannot be proved: %s", v.Program.Name, v.Unsure)
	}
}
