package paths

import (
	"slices"

	"github.com/stile-id/stile/engine/verdict"
)

// Bits is a set of facts by number. A flow whose formulas read more than its room cannot be proved.
type Bits [4]uint64

// Room is how many different facts the formulas of a program may read.
const Room = 4 * 64

// Has reports whether fact i is in b.
func (b Bits) Has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

// With adds fact i.
func (b Bits) With(i int) Bits {
	b[i/64] |= 1 << (i % 64)
	return b
}

// Union is the facts of both.
func (b Bits) Union(o Bits) Bits {
	return Bits{b[0] | o[0], b[1] | o[1], b[2] | o[2], b[3] | o[3]}
}

// Common is what both have.
func (b Bits) Common(o Bits) Bits {
	return Bits{b[0] & o[0], b[1] & o[1], b[2] & o[2], b[3] & o[3]}
}

// Includes reports whether every fact of o is in b.
func (b Bits) Includes(o Bits) bool {
	return o[0]&^b[0] == 0 && o[1]&^b[1] == 0 && o[2]&^b[2] == 0 && o[3]&^b[3] == 0
}

// apart marks a fact proved of an address or an outside identity and not, so far, of the subject: a step's needs may read it, an acr never counts it.
const apart = "apart "

// separable are the facts that mean something apart from a subject (verdict.Facts holds the same list).
func separable(f verdict.Fact) bool {
	return f == verdict.EmailProved || f == verdict.PhoneProved || len(f) > 9 && f[:9] == "upstream("
}

// Universe numbers the facts that some formula of the program reads. Others cannot change an answer and are not followed.
type Universe struct {
	Number map[verdict.Fact]int
	names  []verdict.Fact
	Full   bool // more facts than fit
}

func (u *Universe) read(f verdict.Fact) {
	if _, known := u.Number[f]; known {
		return
	}
	if len(u.names) == Room {
		u.Full = true
		return
	}
	u.Number[f] = len(u.names)
	u.names = append(u.names, f)
}

// Set is the facts of s that anything reads. Apart, only those that mean something so.
func (u *Universe) Set(s verdict.FactSet, separate bool) Bits {
	var b Bits
	for _, f := range s {
		if separate {
			if !separable(f) {
				continue
			}
			f = apart + f
		}
		if i, ok := u.Number[f]; ok {
			b = b.With(i)
		}
	}
	return b
}

// Facts is the way back. What is known apart is shown by its name alone.
func (u *Universe) Facts(b Bits) verdict.FactSet {
	var out []verdict.Fact
	for i, f := range u.names {
		if b.Has(i) {
			if len(f) > len(apart) && f[:len(apart)] == apart {
				f = f[len(apart):]
			}
			out = append(out, f)
		}
	}
	return verdict.Set(slices.DeleteFunc(out, func(f verdict.Fact) bool { return f == verdict.Nobody })...)
}

// Formula is a verdict.Formula by number; nil always holds, an empty one never.
type Formula []Bits

// Holds reports whether the formula is true of the facts.
func (f Formula) Holds(b Bits) bool {
	if f == nil {
		return true
	}
	for _, s := range f {
		if b.Includes(s) {
			return true
		}
	}
	return false
}

// All is every fact the formula reads.
func (f Formula) All() Bits {
	var b Bits
	for _, s := range f {
		b = b.Union(s)
	}
	return b
}

// exact makes a formula that is judged of the subject alone; the subject must be set.
func (u *Universe) exact(f verdict.Formula) Formula {
	out := Formula{}
	for _, s := range f {
		s = s.Union(verdict.Set(verdict.Identified))
		for _, fact := range s {
			u.read(fact)
		}
		out = append(out, u.Set(s, false))
	}
	return out
}

// loose makes a formula that also counts what is known apart, as a step's needs do.
func (u *Universe) loose(f verdict.Formula) Formula {
	if f == nil {
		return nil
	}
	out := Formula{}
	for _, s := range f {
		sets := []Bits{{}}
		for _, fact := range s {
			u.read(fact)
			if u.Full {
				return out
			}
			one := Bits{}.With(u.Number[fact])
			both := []Bits{one}
			if separable(fact) {
				u.read(apart + fact)
				if u.Full {
					return out
				}
				both = append(both, Bits{}.With(u.Number[apart+fact]))
			}
			var next []Bits
			for _, have := range sets {
				for _, b := range both {
					next = append(next, have.Union(b))
				}
			}
			sets = next
		}
		out = append(out, sets...)
	}
	return out
}
