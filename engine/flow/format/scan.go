package format

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// comment is one comment of the source; own: nothing else stands on its line.
type comment struct {
	line, col int
	text      string
	own       bool
}

// held is a scalar inside which # begins no comment.
type held struct {
	node   *yaml.Node
	indent int // of the block it stands in
}

// scan finds the comments, and the text of block scalars. Where quoted and block scalars begin is known; elsewhere # behind a blank begins
// a comment, as YAML has it.
func (t *tree) scan() {
	var list []held
	add := func(n *yaml.Node, indent int) {
		if n != nil && n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			list = append(list, held{n, indent})
		}
	}
	add(t.top.value, 0)
	for _, e := range t.all {
		add(e.key, e.col-1)
		add(e.value, e.col-1)
	}
	slices.SortStableFunc(list, func(a, b held) int {
		if a.node.Line != b.node.Line {
			return a.node.Line - b.node.Line
		}
		return a.node.Column - b.node.Column
	})
	for i, j := 0, 0; i < len(t.lines); {
		line := t.lines[i]
		if len(list) > 0 && list[0].node.Line == i+1 && list[0].node.Column-1 <= j {
			h := list[0]
			list = list[1:]
			if h.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
				i, j = t.block(h, i, j), 0
			} else {
				i, j = t.quoted(h.node, i, j)
			}
			continue
		}
		if j >= len(line) {
			i, j = i+1, 0
			continue
		}
		if line[j] == '#' && (j == 0 || line[j-1] == ' ' || line[j-1] == '\t') {
			t.comment(i, j)
			i, j = i+1, 0
			continue
		}
		j++
	}
}

func (t *tree) comment(i, j int) {
	before := strings.TrimSpace(string(t.lines[i][:j]))
	t.comments = append(t.comments, comment{line: i + 1, col: j + 1, text: strings.TrimRight(string(t.lines[i][j:]), " \t"), own: before == ""})
}

// quoted returns the place behind a quoted scalar, which may begin with an anchor or a tag.
func (t *tree) quoted(n *yaml.Node, i, j int) (int, int) {
	mark := '"'
	if n.Style&yaml.SingleQuotedStyle != 0 {
		mark = '\''
	}
	open := false
	for ; i < len(t.lines); i, j = i+1, 0 {
		for line := t.lines[i]; j < len(line); j++ {
			switch {
			case !open:
				open = line[j] == mark
			case line[j] == '\\' && mark == '"':
				j++
			case line[j] != mark:
			case mark == '\'' && j+1 < len(line) && line[j+1] == mark:
				j++
			default:
				return i, j + 1
			}
		}
	}
	return i, 0
}

// block keeps the lines of a block scalar and returns the line behind it.
func (t *tree) block(h held, i, j int) int {
	line := t.lines[i]
	digit := 0
	var chomp string
	for ; j < len(line) && line[j] != '|' && line[j] != '>'; j++ {
		if line[j] == '&' || line[j] == '!' { // an anchor or a tag may hold such signs
			for j+1 < len(line) && line[j+1] != ' ' {
				j++
			}
		}
	}
	for j++; j < len(line) && strings.ContainsRune("+-123456789", line[j]); j++ {
		if line[j] == '+' || line[j] == '-' {
			chomp = string(line[j])
		} else {
			digit = int(line[j] - '0')
		}
	}
	for ; j < len(line); j++ {
		if line[j] == '#' {
			t.comment(i, j)
			break
		}
	}
	indent, end := h.indent+digit, i+1
	if digit == 0 {
		indent = -1
		for k := i + 1; k < len(t.lines); k++ {
			if spaces, blank := indented(t.lines[k]); !blank {
				indent = spaces
				break
			}
		}
		if indent <= h.indent && h.node.Value == "" || indent < 0 {
			indent = 1 << 20
		}
	}
	for k := i + 1; k < len(t.lines); k++ {
		spaces, blank := indented(t.lines[k])
		if !blank && spaces < indent {
			break
		}
		if !blank || chomp == "+" {
			end = k + 1
		}
	}
	if end == len(t.lines) && len(t.lines[end-1]) == 0 && end > i+1 {
		end-- // what stands behind the last line feed is no line
	}
	r := raw{chomp: chomp}
	for _, l := range t.lines[i+1 : end] {
		r.lines = append(r.lines, string(l[min(indent, len(l)):]))
	}
	t.raw[h.node] = r
	return end
}

// indented counts the spaces a line begins with; blank: there is nothing else.
func indented(line []rune) (spaces int, blank bool) {
	for spaces < len(line) && line[spaces] == ' ' {
		spaces++
	}
	return spaces, spaces == len(line)
}
