package rehearse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// around is how many entries that are the same are shown before the first difference, after how many rows from there on; column is how
// wide one may get.
const (
	around = 3
	after  = 8
	column = 60

	longest = 1 << 20 // cells compared
)

// pair is one row of an alignment.
type pair struct {
	want, got string
	lacks     int // -1: only expected, 1: only got
}

func (p pair) same() bool { return p.lacks == 0 && p.want == p.got }

// Aligned shows two lists side by side, expected and got, from a little before the first difference, which is marked.
func Aligned(want, got []string) string {
	rows := align(want, got)
	first := slices.IndexFunc(rows, func(p pair) bool { return !p.same() })
	if first < 0 {
		first = len(rows)
	}
	from, to := max(0, first-around), min(len(rows), first+after)
	widest := len("expected")
	for _, r := range rows[from:to] {
		widest = max(widest, min(utf8.RuneCountInString(r.want), column))
	}
	var out strings.Builder
	row := func(mark, a, b string) {
		fmt.Fprint(&out, strings.TrimRight(fmt.Sprintf("%s %s%s  %s", mark, a, strings.Repeat(" ", max(0, widest-utf8.RuneCountInString(a))), b), " ")+"\n")
	}
	row(" ", "expected", "got")
	if from > 0 {
		row(" ", fmt.Sprintf("… %d alike", from), "…")
	}
	for i, r := range rows[from:to] {
		mark := " "
		if from+i == first {
			mark = ">"
		}
		switch r.lacks {
		case -1:
			r.got = "—"
		case 1:
			r.want = "—"
		}
		row(mark, r.want, r.got)
	}
	if left := len(rows) - to; left > 0 {
		row(" ", fmt.Sprintf("… %d more", left), "…")
	}
	return strings.TrimRight(out.String(), "\n")
}

// align pairs the entries of two lists along their longest common subsequence; lists too long for that, one by one.
func align(want, got []string) (rows []pair) {
	n, m := len(want), len(got)
	if n*m > longest {
		for i := range max(n, m) {
			switch {
			case i >= n:
				rows = append(rows, pair{got: got[i], lacks: 1})
			case i >= m:
				rows = append(rows, pair{want: want[i], lacks: -1})
			default:
				rows = append(rows, pair{want: want[i], got: got[i]})
			}
		}
		return rows
	}
	common := make([][]int, n+1) // of what is left from here
	for i := range common {
		common[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < n || j < m; {
		switch {
		case i < n && j < m && (want[i] == got[j] || common[i][j] == common[i+1][j+1]):
			rows = append(rows, pair{want: want[i], got: got[j]})
			i, j = i+1, j+1
		case j == m || i < n && common[i+1][j] >= common[i][j+1]:
			rows = append(rows, pair{want: want[i], lacks: -1})
			i++
		default:
			rows = append(rows, pair{got: got[j], lacks: 1})
			j++
		}
	}
	return rows
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
