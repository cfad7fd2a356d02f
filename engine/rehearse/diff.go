package rehearse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// around is how many entries that are the same are shown before the first difference; column is how wide one may get.
const (
	around = 3
	after  = 8
	column = 60
)

// Aligned shows two lists side by side, expected and got, from a little before the first difference, which is marked.
func Aligned(want, got []string) string {
	first := 0
	for first < len(want) && first < len(got) && want[first] == got[first] {
		first++
	}
	from, to := max(0, first-around), min(max(len(want), len(got)), first+after)
	widest := len("expected")
	for _, s := range want[min(from, len(want)):min(to, len(want))] {
		widest = max(widest, min(utf8.RuneCountInString(s), column))
	}
	var out strings.Builder
	row := func(mark, a, b string) {
		fmt.Fprint(&out, strings.TrimRight(fmt.Sprintf("%s %s%s  %s", mark, a, strings.Repeat(" ", max(0, widest-utf8.RuneCountInString(a))), b), " ")+"\n")
	}
	row(" ", "expected", "got")
	if from > 0 {
		row(" ", fmt.Sprintf("… %d alike", from), "…")
	}
	at := func(l []string, i int) string {
		if i < len(l) {
			return l[i]
		}
		return "—"
	}
	for i := from; i < to; i++ {
		mark := " "
		if i == first {
			mark = ">"
		}
		row(mark, at(want, i), at(got, i))
	}
	if left := max(len(want), len(got)) - to; left > 0 {
		row(" ", fmt.Sprintf("… %d more", left), "…")
	}
	return strings.TrimRight(out.String(), "\n")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
