package flow

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/diag"
)

// Rollout is how a candidate of a flow is let out. It stands in the candidate's own file and is no part of its version.
type Rollout struct {
	Share Share // of new journeys
	Guard *Guard
	At    diag.Pos
}

// Guard says when a candidate is taken back: once After of its journeys have ended, when its rate of errors or denials lies above the old
// version's by more than this.
type Guard struct {
	Errors, Denials Share
	After           int
}

// Share is a part of a whole in hundredths of a percent.
type Share int

// Whole is the share that is everything.
const Whole Share = 100_00

func (s Share) String() string { return strconv.FormatFloat(float64(s)/100, 'f', -1, 64) + "%" }

const (
	guardAfter  = 50
	guardMost   = 1_000_000
	guardMargin = 5_00
)

// rollout reads { candidate: 10%, guard: { errors: 2%, denials: 5%, after: 50 } }.
func (r *reader) rollout(n *Node) *Rollout {
	const hint = "write `rollout: { candidate: 10%, guard: { errors: 2%, denials: 5%, after: 50 } }`"
	if !r.is(n, Map, hint) {
		return nil
	}
	out := &Rollout{At: n.At, Share: -1}
	for _, m := range n.Members {
		switch m.Key {
		case "candidate":
			out.Share = r.share(m.Value)
		case "guard":
			out.Guard = r.guard(m.Value, hint)
		default:
			r.unknown(m, "candidate guard")
		}
	}
	if n.Get("candidate") == nil {
		r.problems.Add("STILE-F04", n.At, hint, "the rollout has no %q", "candidate")
	}
	return out
}

func (r *reader) guard(n *Node, hint string) *Guard {
	if !r.is(n, Map, hint) {
		return nil
	}
	g := &Guard{Errors: guardMargin, Denials: guardMargin, After: guardAfter}
	for _, m := range n.Members {
		switch m.Key {
		case "errors":
			g.Errors = r.share(m.Value)
		case "denials":
			g.Denials = r.share(m.Value)
		case "after":
			v, err := strconv.Atoi(m.Value.Text)
			if m.Value.Kind != Number || err != nil || v < 1 || v > guardMost {
				r.problems.Add("STILE-F05", m.Value.At, "write a number of journeys, such as 50", "a guard looks after a number of journeys, not %q", m.Value.Text)
				continue
			}
			g.After = v
		default:
			r.unknown(m, "errors denials after")
		}
	}
	return g
}

// share reads 10% or 0.5%.
func (r *reader) share(n *Node) Share {
	digits, percent := strings.CutSuffix(n.Text, "%")
	whole, part, _ := strings.Cut(digits, ".")
	plain := whole != "" && len(whole) <= 3 && len(part) <= 2 && strings.Trim(whole+part, "0123456789") == ""
	v, err := strconv.ParseFloat(digits, 64)
	if n.Kind != String || !percent || !plain || err != nil || v > 100 {
		r.problems.Add("STILE-F05", n.At, "write a share such as 10% or 0.5%, at most 100%", "%q is no share", n.Text)
		return 0
	}
	return Share(v*100 + 0.5)
}

// unrolled is a flow's text without its rollout, so that letting a candidate out further, or making it the flow itself, makes no new version
// of it. The rollout must stand in lines of its own; else the text is left as it is.
func unrolled(source []byte, top *Node) []byte {
	m := top.Member("rollout")
	if m == nil || m.At.Col != 1 {
		return source
	}
	lines := bytes.SplitAfter(source, []byte("\n"))
	end := len(lines)
	for _, next := range top.Members {
		if next.At.Line > m.At.Line {
			end = min(end, next.At.Line-1)
		}
	}
	if m.At.Line < 1 || m.At.Line-1 > end {
		return source
	}
	return bytes.Join(append(append([][]byte{}, lines[:m.At.Line-1]...), lines[end:]...), nil)
}
