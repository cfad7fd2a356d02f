// Package conformance holds no code of the product: its tests put the whole authorization server together on the real SQLite
// store and try what the standards demand, row by row of docs/design/standards.md.
package conformance
