// Package rules holds a page for each code that authors and operators are told: what it means, a broken text and the mended one. The reference is
// made from it, `stile explain` prints it, and a test checks that every broken text is refused with its code and every mended one is sound.
package rules

import "embed"

// Pages are the archives, one for each code (golang.org/x/tools/txtar): the title, an empty line, what it means; then broken/ and mended/ files.
//
//go:embed *.txtar
var Pages embed.FS
