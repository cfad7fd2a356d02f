package verdict

import "slices"

// ReservedClaims are claims that only Stile itself writes (docs/design/architecture.md §6): no flow, hook or mapping sets them.
func ReservedClaims() []string {
	return []string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "acr", "amr", "auth_time", "azp", "nonce", "sid", "cnf", "act", "may_act",
		"client_id", "scope", "active", "token_type", "username", "email_verified", "phone_number_verified", "at_hash", "c_hash",
		"s_hash", "authorization_details", "events", "token_introspection"}
}

// Reserved reports whether a claim's name is Stile's alone.
func Reserved(name string) bool { return slices.Contains(ReservedClaims(), name) }
