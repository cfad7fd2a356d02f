package verdict

import (
	"slices"
	"strings"
	"time"
)

// Evidence is a record, written only by an action's own verifier, that something was proved. It names whom it is about
// (Subject, Outside or Address) and which credential proved it; a verdict counts only its own subject's.
type Evidence struct {
	Method     string    `json:"m"`            // how: password, passkey, otp.email, provider, session keeps the original's
	Facts      FactSet   `json:"f"`            // what it proves
	AMR        []string  `json:"a,omitempty"`  // authentication method references (RFC 8176)
	Subject    string    `json:"s,omitempty"`  // account id
	Outside    *Outside  `json:"o,omitempty"`  // outside identity
	Address    string    `json:"ad,omitempty"` // canonical e-mail or phone
	Credential string    `json:"c,omitempty"`  // credential id; "" where none is stored
	Stamp      string    `json:"st,omitempty"` // the credential's stamp when it was proved; evidence from a session is dropped once the stored one differs
	At         time.Time `json:"t"`
	// Elsewhere: the proof was made with another device, while this one could hold a passkey of its own. It proves nothing.
	Elsewhere bool `json:"e,omitempty"`
}

// Outside is an identity elsewhere: the provider that answered, its issuer and its subject. Never an address.
type Outside struct {
	Provider string `json:"p"`
	Issuer   string `json:"i"`
	Subject  string `json:"s"`
}

// Facts is what the evidence proves at once. Before a subject is set every record counts. Afterwards only records that
// name the subject do, but for the bare facts that a provider answered or that an address was proved meanwhile: they say nothing
// about the subject until a step ties them to it, and an acr is never computed from them.
func Facts(evidence []Evidence, subject string) FactSet {
	var out FactSet
	for _, e := range evidence {
		if e.Subject == subject {
			out = append(out, e.Facts...)
			continue
		}
		for _, f := range e.Facts {
			if e.Subject == "" && (f == EmailProved || f == PhoneProved || strings.HasPrefix(string(f), "upstream(")) {
				out = append(out, f)
			}
		}
	}
	if subject != "" {
		out = append(out, Identified)
	}
	return Set(out...)
}

// AMR is the union of the method references of the evidence about the subject, sorted, with "mfa" added when two factors were proved.
func AMR(evidence []Evidence, subject string) []string {
	var out []string
	for _, e := range evidence {
		if e.Subject == subject {
			out = append(out, e.AMR...)
		}
	}
	if TwoFactor().Holds(Facts(evidence, subject)) {
		out = append(out, "mfa")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Reached tells whether the formula is met by evidence about the subject and when: the oldest proof in the freshest set
// of evidence that reaches it. A formula met by Identified alone has the zero time.
func Reached(f Formula, evidence []Evidence, subject string) (at time.Time, ok bool) {
	for _, set := range f {
		oldest, all := time.Time{}, true
		for _, fact := range set {
			if fact == Identified && subject != "" {
				continue
			}
			freshest := time.Time{}
			for _, e := range evidence {
				if e.Subject == subject && e.Facts.Has(fact) && e.At.After(freshest) {
					freshest = e.At
				}
			}
			if freshest.IsZero() {
				all = false
				break
			}
			if oldest.IsZero() || freshest.Before(oldest) {
				oldest = freshest
			}
		}
		if all {
			ok = true
			if oldest.After(at) {
				at = oldest
			}
		}
	}
	return at, ok
}
