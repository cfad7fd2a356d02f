package proof

import (
	"slices"

	"github.com/stile-id/stile/engine/verdict"
)

// bits is a set of facts by number. A flow whose formulas read more than its room cannot be proved.
type bits [4]uint64

const room = 4 * 64

func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bits) with(i int) bits {
	b[i/64] |= 1 << (i % 64)
	return b
}

func (b bits) union(o bits) bits {
	return bits{b[0] | o[0], b[1] | o[1], b[2] | o[2], b[3] | o[3]}
}

func (b bits) common(o bits) bits {
	return bits{b[0] & o[0], b[1] & o[1], b[2] & o[2], b[3] & o[3]}
}

func (b bits) includes(o bits) bool {
	return o[0]&^b[0] == 0 && o[1]&^b[1] == 0 && o[2]&^b[2] == 0 && o[3]&^b[3] == 0
}

// apart marks a fact proved of an address or an outside identity and not, so far, of the subject: a step's needs may read it, an acr never counts it.
const apart = "apart "

// separable are the facts that mean something apart from a subject (verdict.Facts holds the same list).
func separable(f verdict.Fact) bool {
	return f == verdict.EmailProved || f == verdict.PhoneProved || len(f) > 9 && f[:9] == "upstream("
}

// universe numbers the facts that some formula of the program reads. Others cannot change an answer and are not followed.
type universe struct {
	number map[verdict.Fact]int
	names  []verdict.Fact
	full   bool // more facts than fit
}

func (u *universe) read(f verdict.Fact) {
	if _, known := u.number[f]; known {
		return
	}
	if len(u.names) == room {
		u.full = true
		return
	}
	u.number[f] = len(u.names)
	u.names = append(u.names, f)
}

// set is the facts of s that anything reads. Apart, only those that mean something so.
func (u *universe) set(s verdict.FactSet, separate bool) bits {
	var b bits
	for _, f := range s {
		if separate {
			if !separable(f) {
				continue
			}
			f = apart + f
		}
		if i, ok := u.number[f]; ok {
			b = b.with(i)
		}
	}
	return b
}

// facts is the way back. What is known apart is shown by its name alone.
func (u *universe) facts(b bits) verdict.FactSet {
	var out []verdict.Fact
	for i, f := range u.names {
		if b.has(i) {
			if len(f) > len(apart) && f[:len(apart)] == apart {
				f = f[len(apart):]
			}
			out = append(out, f)
		}
	}
	return verdict.Set(slices.DeleteFunc(out, func(f verdict.Fact) bool { return f == verdict.Nobody })...)
}

// formula is a verdict.Formula by number; nil always holds, an empty one never.
type formula []bits

func (f formula) holds(b bits) bool {
	if f == nil {
		return true
	}
	for _, s := range f {
		if b.includes(s) {
			return true
		}
	}
	return false
}

func (f formula) all() bits {
	var b bits
	for _, s := range f {
		b = b.union(s)
	}
	return b
}

// exact makes a formula that is judged of the subject alone; the subject must be set.
func (u *universe) exact(f verdict.Formula) formula {
	out := formula{}
	for _, s := range f {
		s = s.Union(verdict.Set(verdict.Identified))
		for _, fact := range s {
			u.read(fact)
		}
		out = append(out, u.set(s, false))
	}
	return out
}

// loose makes a formula that also counts what is known apart, as a step's needs do.
func (u *universe) loose(f verdict.Formula) formula {
	if f == nil {
		return nil
	}
	out := formula{}
	for _, s := range f {
		sets := []bits{{}}
		for _, fact := range s {
			u.read(fact)
			if u.full {
				return out
			}
			one := bits{}.with(u.number[fact])
			both := []bits{one}
			if separable(fact) {
				u.read(apart + fact)
				if u.full {
					return out
				}
				both = append(both, bits{}.with(u.number[apart+fact]))
			}
			var next []bits
			for _, have := range sets {
				for _, b := range both {
					next = append(next, have.union(b))
				}
			}
			sets = next
		}
		out = append(out, sets...)
	}
	return out
}
