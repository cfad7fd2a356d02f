// Package dev holds the pages of the development extras: templates and one stylesheet.
package dev

import "embed"

// Files are the templates (*.html, each filling layout.html) and style.css.
//
//go:embed *.html style.css
var Files embed.FS
