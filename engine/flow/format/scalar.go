package format

import (
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

const styles = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// properties are a value's tag and anchor, with a space behind them.
func properties(n *yaml.Node) string {
	out := ""
	if n.Anchor != "" {
		out = "&" + n.Anchor + " "
	}
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "" {
		out += n.ShortTag() + " "
	}
	return out
}

// scalar writes a scalar or an alias on one line, in quotes where it would be read as something else without. Inside brackets and braces
// everything but plain words stands in quotes, so that signs of the text and of YAML are not mixed up.
func scalar(n *yaml.Node, inFlow bool) string {
	if n.Kind == yaml.AliasNode {
		return "*" + n.Value
	}
	before := properties(n)
	text := n.Value
	tagged := n.Style&yaml.TaggedStyle != 0
	if n.Style&styles == 0 && (tagged || n.ShortTag() != "!!str") { // a number, or what else is no text
		if text == "" && inFlow && !tagged {
			text = "null"
		}
		return strings.TrimSuffix(before+text, " ")
	}
	if n.Style&styles != 0 && tagged || !plain(text) || inFlow && !words(text) {
		text = quote(text)
	}
	return before + text
}

// plain reports whether a text reads as itself without quotes, on a line of its own.
func plain(s string) bool {
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsRune("-?:,[]{}#&*!|>'\"%@`~=<", rune(s[0])) && !option(s) ||
		strings.Contains(s, ": ") || strings.HasSuffix(s, ":") || strings.Contains(s, " #") || strings.HasPrefix(s, "...") {
		return false
	}
	for _, r := range s {
		if !printable(r) || r == '\t' {
			return false
		}
	}
	if !strings.ContainsRune("0123456789+-.~nNtTfFyYoO", rune(s[0])) {
		return true
	}
	var doc yaml.Node // it may be a number, a date or a word such as true
	if err := yaml.Load([]byte("- "+s), &doc); err != nil || len(doc.Content) != 1 || len(doc.Content[0].Content) != 1 {
		return false
	}
	read := doc.Content[0].Content[0]
	return read.ShortTag() == "!!str" && read.Value == s
}

// option: a text like -x is plain.
func option(s string) bool {
	return len(s) > 1 && s[0] == '-' && (s[1] >= 'a' && s[1] <= 'z' || s[1] >= 'A' && s[1] <= 'Z')
}

func printable(r rune) bool {
	return r == ' ' || unicode.IsPrint(r) && r != '\uFEFF' && r != unicode.ReplacementChar && r != '\u0085'
}

// words reports whether a text holds nothing but words and the signs that stand between them.
func words(s string) bool {
	if strings.Contains(s, "://") || strings.Contains(s, ", ") {
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ._-/:@?!+()$;’–…", r) {
			return false
		}
	}
	return true
}

// quote writes a text in double quotes; in single ones when that spares escapes.
func quote(s string) string {
	simple := true
	for _, r := range s {
		simple = simple && printable(r)
	}
	if simple && strings.ContainsAny(s, `"\`) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case printable(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
