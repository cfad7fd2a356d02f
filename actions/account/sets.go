package account

import (
	"slices"

	"github.com/stile-id/stile/engine/verdict"
)

// sortSets brings alternatives that come out of a map to one order: contracts are compared and their golden texts read.
func sortSets[S ~[]verdict.FactSet](s S) {
	slices.SortFunc(s, func(a, b verdict.FactSet) int { return slices.Compare(a, b) })
}
