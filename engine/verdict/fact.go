// Package verdict computes what a journey proves: facts and formulas over them, evidence, and the acr, amr and
// auth_time that follow. Nothing here is written by authors or hooks; it is computed from evidence alone.
package verdict

import (
	"slices"
	"strings"
)

// Fact is something certainly true of a journey at a point of its walk (docs/design/proofs.md).
type Fact string

const (
	Identified        Fact = "identified"         // an account is the subject
	NewAccount        Fact = "new-account"        // it was created in this journey
	Active            Fact = "active"             // its status was checked
	Knowledge         Fact = "knowledge"          // something only the person knows
	Possession        Fact = "possession"         // something only the person has
	Inherence         Fact = "inherence"          // something the person is
	PhishingResistant Fact = "phishing-resistant" // the proof is bound to our origin
	UserVerified      Fact = "user-verified"      // the authenticator checked who holds it
	EmailProved       Fact = "email-proved"
	PhoneProved       Fact = "phone-proved"
	VouchedOne        Fact = "vouched-one" // a trusted provider vouches for one factor
	VouchedTwo        Fact = "vouched-two" // a trusted provider vouches for two
	RecoveryProved    Fact = "recovery-proved"
	Consented         Fact = "consented"
	Approved          Fact = "approved"
	BothSides         Fact = "both-sides" // local and outside identity proved
	// Nobody holds as long as no account is the subject. Only a step's needs read it; no flow can accept it and no action gives it.
	Nobody Fact = "nobody"
)

// Upstream is the fact that the named provider answered for this journey.
func Upstream(provider string) Fact { return Fact("upstream(" + provider + ")") }

// Terms is the fact that the person agreed to this version of the terms.
func Terms(version string) Fact { return Fact("terms(" + version + ")") }

// Base reports whether f is a fact actions may declare, upstream(…) and terms(…) included.
func Base(f Fact) bool {
	switch f {
	case Identified, NewAccount, Active, Knowledge, Possession, Inherence, PhishingResistant, UserVerified, EmailProved,
		PhoneProved, VouchedOne, VouchedTwo, RecoveryProved, Consented, Approved, BothSides:
		return true
	}
	s := string(f)
	return strings.HasSuffix(s, ")") && (strings.HasPrefix(s, "upstream(") || strings.HasPrefix(s, "terms("))
}

// FactSet is a sorted set of facts without repeats.
type FactSet []Fact

// Set makes a FactSet of the facts given.
func Set(facts ...Fact) FactSet {
	out := slices.Clone(facts)
	slices.Sort(out)
	return slices.Compact(out)
}

// Has reports whether f is in s.
func (s FactSet) Has(f Fact) bool {
	_, ok := slices.BinarySearch(s, f)
	return ok
}

// Includes reports whether every fact of other is in s.
func (s FactSet) Includes(other FactSet) bool {
	for _, f := range other {
		if !s.Has(f) {
			return false
		}
	}
	return true
}

// Union returns the facts of both.
func (s FactSet) Union(other FactSet) FactSet { return Set(append(slices.Clone(s), other...)...) }

// String renders "identified, knowledge", or "nothing proved" for the empty set.
func (s FactSet) String() string {
	if len(s) == 0 {
		return "nothing proved"
	}
	words := make([]string, len(s))
	for i, f := range s {
		words[i] = string(f)
	}
	return strings.Join(words, ", ")
}

// Formula holds when any of its sets is wholly true. It is monotone by construction: more facts never make it false.
// A nil Formula demands nothing and always holds.
type Formula []FactSet

// Any is the formula "one of these names"; each name is a base fact or a derived one (one-factor, two-factor).
// ok is false for the first name it does not know, which it returns.
func Any(names ...string) (f Formula, unknown string, ok bool) {
	for _, n := range names {
		switch {
		case n == "one-factor":
			f = append(f, OneFactor()...)
		case n == "two-factor":
			f = append(f, TwoFactor()...)
		case Base(Fact(n)):
			f = append(f, Set(Fact(n)))
		default:
			return nil, n, false
		}
	}
	return f, "", true
}

// Closed adds what facts always bring with them: whatever resists phishing is something the person has, a verified user is something the person is,
// and whoever vouches for two factors vouches for one. Every action declares closed sets.
func (s FactSet) Closed() FactSet {
	for fact, brings := range map[Fact]Fact{PhishingResistant: Possession, UserVerified: Inherence, VouchedTwo: VouchedOne} {
		if s.Has(fact) {
			s = s.Union(Set(brings))
		}
	}
	return s
}

// Manage is what a step needs that changes how an account is proved: a factor of the subject's, an account made just now, or a proved recovery.
// "As much as the account can prove, and recently" is judged when the step runs.
func Manage() Formula {
	f := Formula{Set(NewAccount), Set(RecoveryProved)}
	for _, s := range OneFactor() {
		f = append(f, s.Union(Set(Identified)))
	}
	return f
}

// OneFactor is the derived fact one-factor: any of the three kinds, or a provider vouching for one.
func OneFactor() Formula {
	return Formula{Set(Knowledge), Set(Possession), Set(Inherence), Set(VouchedOne), Set(VouchedTwo)}
}

// TwoFactor is the derived fact two-factor: two different kinds, a phishing-resistant proof by a verified user, or a provider vouching for two.
func TwoFactor() Formula {
	return Formula{Set(Knowledge, Possession), Set(Knowledge, Inherence), Set(Possession, Inherence),
		Set(PhishingResistant, UserVerified), Set(VouchedTwo)}
}

// Holds reports whether the formula is true of the facts.
func (f Formula) Holds(facts FactSet) bool {
	return f == nil || slices.ContainsFunc(f, facts.Includes)
}
