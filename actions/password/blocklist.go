package password

import (
	_ "embed"
	"strings"
	"unicode"

	"github.com/stile-id/stile/engine/identity"
)

// common holds passwords often met, one a line, lower case, sorted. It is searched where it lies: nothing is unpacked.
//
//go:embed common.txt
var common string

// guessable reports whether a stranger would try this password early (NIST SP 800-63B-4 §3.1.1.2): one often met, alone,
// decorated or doubled; a repetition or a walk along the keyboard; a word known about the person or the place.
func guessable(password string, a *identity.Account, client string) bool {
	p := strings.ToLower(normal(password))
	for _, w := range known(a, client) {
		if rest := strings.ReplaceAll(p, w, ""); p == w || len([]rune(w)) >= 4 && len([]rune(rest)) <= 4 {
			return true
		}
	}
	plain := unleet(p)
	for _, form := range []string{p, plain, core(p), core(plain)} {
		if listed(form) || doubled(form) {
			return true
		}
	}
	return monotonous(p)
}

// known are the words a stranger knows: of the person, the app and the product.
func known(a *identity.Account, client string) []string {
	words := []string{"stile", strings.ToLower(client)}
	for _, i := range a.Identifiers {
		words = append(words, i.Canonical)
		words = append(words, strings.FieldsFunc(i.Canonical, func(r rune) bool { return strings.ContainsRune("@.+-_", r) })...)
	}
	out := words[:0]
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}

// listed searches the list by halving it.
func listed(w string) bool {
	if len(w) < 4 {
		return false
	}
	low, high := 0, len(common)
	for low < high {
		mid := strings.LastIndexByte(common[:low+(high-low)/2], '\n') + 1
		if mid < low {
			mid = low
		}
		line, _, _ := strings.Cut(common[mid:], "\n")
		switch strings.Compare(w, line) {
		case 0:
			return true
		case -1:
			high = mid
		default:
			low = mid + len(line) + 1
		}
	}
	return false
}

// doubled: two listed passwords in a row, or a short piece again and again.
func doubled(w string) bool {
	r := []rune(w)
	for n := 1; n <= len(r)/2; n++ {
		if len(r)%n == 0 && strings.Repeat(string(r[:n]), len(r)/n) == w && (n <= 4 || listed(string(r[:n]))) {
			return true
		}
	}
	for n := 4; n <= len(r)-4; n++ {
		if listed(string(r[:n])) && listed(string(r[n:])) {
			return true
		}
	}
	return false
}

// core is the word without what people put around it: digits and signs.
func core(w string) string {
	return strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) })
}

func unleet(w string) string {
	return strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t").Replace(w)
}

// monotonous: hardly any different characters, or nearly every one the next of the alphabet, the digits or a row of keys.
func monotonous(w string) bool {
	const rows = "qwertyuiop asdfghjkl zxcvbnm qwertzuiop azertyuiop 01234567890"
	r := []rune(w)
	distinct, steps := map[rune]bool{}, 0
	for i, c := range r {
		distinct[c] = true
		if i > 0 && (c == r[i-1] || c == r[i-1]+1 || c == r[i-1]-1 || strings.Contains(rows, string([]rune{r[i-1], c})) || strings.Contains(rows, string([]rune{c, r[i-1]}))) {
			steps++
		}
	}
	return len(distinct) <= 3 || steps >= len(r)-1-len(r)/5
}
