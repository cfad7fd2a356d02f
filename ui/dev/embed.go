// Package dev holds the pages of the development extras: templates and one stylesheet.
package dev

import "embed"

// Files are the templates (*.html, each filling layout.html), style.css and the script of the sample single-page app.
//
//go:embed *.html style.css spa.js
var Files embed.FS
