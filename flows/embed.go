// Package flows holds the flows that ship with Stile.
package flows

import "embed"

// Shipped are the flows that ship, with their tests: signin, signup, recover, account.
//
//go:embed *.yaml *.ts
var Shipped embed.FS
