// Package graph holds dagre, the library that lays graphs out: @dagrejs/dagre of ui/package.json as its authors built it.
package graph

import _ "embed"

// Dagre is a script that leaves the library in the global `dagre`.
//
//go:embed dagre.js
var Dagre string
