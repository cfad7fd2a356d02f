package theme

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// svgProblem says why an SVG is refused, "" when it is not: only shapes, gradients and text of the file itself are let through. It is a
// list of what is allowed, so that what is not known yet is refused.
func svgProblem(raw []byte) string {
	allowed := []string{"svg", "g", "defs", "title", "desc", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan",
		"linearGradient", "radialGradient", "stop", "clipPath", "mask", "use", "symbol", "metadata"}
	d := xml.NewDecoder(bytes.NewReader(raw))
	depth, seen := 0, 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			if seen == 0 {
				return "the file is no SVG picture"
			}
			return ""
		}
		if err != nil {
			return "the file is no well-formed SVG"
		}
		switch x := tok.(type) {
		case xml.Directive:
			return "the file has a document type, which can name outside files"
		case xml.ProcInst:
			if x.Target != "xml" {
				return "the file has a processing instruction, which can fetch a stylesheet"
			}
		case xml.StartElement:
			depth++
			seen++
			if depth > 50 || seen > 2000 {
				return "the picture has too many parts"
			}
			if seen == 1 && x.Name.Local != "svg" {
				return "the file is no SVG picture"
			}
			if !slices.Contains(allowed, x.Name.Local) {
				return "the picture has an element <" + x.Name.Local + ">, which is not allowed: no script, style, animation or outside content"
			}
			if why := attributeProblem(x.Attr); why != "" {
				return why
			}
		case xml.EndElement:
			depth--
		}
	}
}

func attributeProblem(attrs []xml.Attr) string {
	for _, a := range attrs {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
		switch {
		case strings.HasPrefix(name, "on"):
			return "the picture has a handler " + name + ", which would run script"
		case name == "href" && !strings.HasPrefix(value, "#"), name == "src":
			return "the picture refers to something outside itself"
		case a.Name.Space == "xmlns" || name == "xmlns":
		case strings.Contains(value, "url(") && strings.Contains(strings.NewReplacer(" ", "", `"`, "", "'", "", "url(#", "").Replace(value), "url("),
			strings.Contains(value, "@import"), strings.Contains(value, `\`), strings.Contains(value, "javascript:"):
			return "the picture refers to something outside itself"
		}
	}
	return ""
}
