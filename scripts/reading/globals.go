package reading

// Roots are the names an expression can see.
func Roots() []string {
	return []string{"request", "subject", "steps", "vars", "evidence", "claims", "inputs", "outcome", "output", "fields"}
}
