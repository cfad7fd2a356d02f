// Package dev holds the pages of the development extras: templates and one stylesheet.
package dev

import "embed"

// Files are the templates (*.html, each filling layout.html), style.css, the script of the sample single-page app and the logo of the partner app.
//
//go:embed *.html style.css spa.js partner.png
var Files embed.FS
