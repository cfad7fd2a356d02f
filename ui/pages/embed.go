// Package pages holds the files of the hosted pages and messages: templates, words, the stylesheet, the script and the default theme.
package pages

import "embed"

// Files are all of them.
//
//go:embed templates words assets
var Files embed.FS
