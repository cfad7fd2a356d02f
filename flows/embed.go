// Package flows holds the flows that ship with Stile.
package flows

import "embed"

// Shipped are the flows that ship: signin, signup, recover, account.
//
//go:embed *.yaml *.ts
var Shipped embed.FS

// Starter is a shorter signin without employer and CRM, for a new deployment; the other shipped flows go with it.
//
//go:embed starter/signin.yaml
var Starter []byte
