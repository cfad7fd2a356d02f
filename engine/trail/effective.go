package trail

import "time"

// Counted is an entry that counts, and the time of its turn.
type Counted struct {
	Entry
	At time.Time
}

// Effective is what a journey's turns come to: the entries that still count at its end, without what was abandoned, taken back by going
// back, or forgotten by beginning again. Entries that only asked are left out. demands are assurances demanded by what was taken
// back: those stand. switched: the person began again as somebody else.
func Effective(turns []Turn) (entries []Counted, demands []string, switched bool) {
	var kept []Counted
	for _, t := range turns {
		if t.Cause != "" {
			continue
		}
		switch {
		case t.Restarted:
			if t.Answer != nil && t.Answer.Action == "restart" {
				switched = true
				demands = append(demands, demanded(kept)...)
			} else {
				demands = nil // the version was gone: nothing is kept at all
			}
			kept = nil
		case t.Back != nil:
			n := counted(kept, t.Back.Kept)
			demands = append(demands, demanded(kept[n:])...)
			kept = kept[:n:n]
		}
		for _, e := range t.Entries {
			kept = append(kept, Counted{e, t.At})
		}
	}
	for _, e := range kept {
		switch {
		case e.Asked: // what it demands by its before hook it demands again when it is left
			demands = append(demands, e.Require...)
		default:
			entries = append(entries, e)
		}
	}
	return entries, demands, switched
}

// counted is the place behind the first n entries that a journey's state counts.
func counted(list []Counted, n int) int {
	for i, e := range list {
		if n == 0 {
			return i
		}
		if e.Outcome != "" {
			n--
		}
	}
	return len(list)
}

func demanded(list []Counted) (out []string) {
	for _, e := range list {
		out = append(out, e.Require...)
	}
	return out
}
