package settings

import (
	"encoding/json"

	"github.com/stile-id/stile/engine/diag"
)

// Read is one path that a text or a script reads, and where.
type Read struct {
	Path string
	At   diag.Pos
}

// Test is one plain comparison a script makes on a path it reads, for telling afterwards why it decided as it did. Op is ===, !==, <, <=, >,
// >=, includes, startsWith, endsWith, has (a key), among (a list), true (truthy), absent, present, some or every. Literal is what it compares with; Of
// is what some and every ask of an entry, its path inside that.
type Test struct {
	Path    string
	Op      string
	Literal json.RawMessage
	Of      *Test
	At      diag.Pos
}

// RequestFields are what `request` holds for templates and hooks.
func RequestFields() []string {
	return []string{"acr", "authorization_details", "client", "client_name", "essential_acr", "ip", "locale", "login_hint", "max_age", "once", "scopes", "user_agent"}
}

// SubjectFields are what `subject` holds for templates and hooks.
func SubjectFields() []string {
	return []string{"attributes", "credentials", "email", "email_verified", "id", "identifiers", "phone", "status", "username"}
}
