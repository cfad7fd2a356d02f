package graph_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/app/workshop"
	"github.com/stile-id/stile/server/graph"
	"github.com/stile-id/stile/server/watch"
)

var update = flag.Bool("update", false, "write the golden pictures anew")

func programs(t *testing.T, folder watch.Folder) map[string]*check.Program {
	t.Helper()
	w, err := workshop.New(nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	set := w.Compile(folder)
	if set.Programs == nil {
		var text strings.Builder
		diag.Render(&text, set.Problems, set.Sources)
		t.Fatal(text.String())
	}
	return set.Programs
}

func shipped(t *testing.T) watch.Folder {
	t.Helper()
	folder, err := watch.ReadFolder(os.DirFS("../../flows"))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// large is a flow of 50 steps as a bank might write it: several ways in, checks between them, technical failures wired.
func large() watch.Folder {
	var b strings.Builder
	b.WriteString("flow: large\nstart: who\naccept: { urn:x:basic: [one-factor] }\nsteps:\n" +
		"  who: { use: ask.identifier, with: { passkey: autofill }, next: { given: r0, passkey: c0 } }\n")
	for i := range 8 {
		next, fail := fmt.Sprintf("r%d", i+1), "who"
		if i == 7 {
			next = "last"
		}
		fmt.Fprintf(&b, "  r%d: { use: switch, with: { cases: [{ when: \"request.client === 'c%d'\", then: here }], default: on }, next: { here: p%d, on: %s } }\n", i, i, i, next)
		fmt.Fprintf(&b, "  p%d: { use: password.verify, next: { ok: c%d, forgot: m%d, must-change: m%d, locked: denied } }\n", i, i, i, i)
		fmt.Fprintf(&b, "  m%d: { use: ask.message, with: { title: Locked, text: Try again }, next: { ok: %s } }\n", i, fail)
		fmt.Fprintf(&b, "  c%d: { use: connector.call, with: { connector: crm, get: / }, next: { ok: d%d, missing: d%d, failed: x%d, error: x%d } }\n", i, i, i, i, i)
		fmt.Fprintf(&b, "  d%d: { use: ask.choice, with: { title: T, choices: [{ outcome: a, label: A }, { outcome: b, label: B }] }, next: { a: done, b: x%d } }\n", i, i)
		fmt.Fprintf(&b, "  x%d: { use: claims.set, with: { tier: basic }, next: done }\n", i)
	}
	b.WriteString("  last: { use: ask.message, with: { title: Nobody, text: Nothing here }, next: { ok: denied } }\n")
	return watch.Folder{"large.yaml": []byte(b.String())}
}

// hostile has names as long as they may be, a step that leads to itself and one that ends the journey.
func hostile() watch.Folder {
	name := strings.Repeat("n", 64)
	return watch.Folder{"h.yaml": []byte("flow: h\nstart: " + name + "\naccept: { urn:x:basic: [one-factor] }\nsteps:\n  " + name + ":\n    use: ask.message\n    with: { title: \"<script>\", text: T }\n    next: { ok: b, error: b }\n" +
		"  b: { use: password.verify, next: { ok: done, forgot: b, must-change: " + name + ", locked: c, error: c } }\n  c: { use: deny }\n")}
}

// TestGolden: the shipped flows as Mermaid and SVG.
func TestGolden(t *testing.T) {
	all := programs(t, shipped(t))
	for _, name := range []string{"signin", "account", "recover", "signup"} {
		for depth := range 2 {
			p := graph.Of(all[name], depth)
			svg, err := p.SVG(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for ext, got := range map[string]string{"mmd": p.Mermaid(), "svg": svg} {
				file := filepath.Join("testdata", fmt.Sprintf("%s-%d.%s", name, depth, ext))
				if depth == 1 && name != "signin" {
					continue
				}
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil || string(want) != got {
					t.Errorf("%s is not as it was: %v", file, err)
				}
			}
		}
	}
}

// TestNothingIsHidden: no two boxes or labels overlap, and no line runs through a box or a label of another.
func TestNothingIsHidden(t *testing.T) {
	all := programs(t, shipped(t))
	all["large"] = programs(t, large())["large"]
	all["h"] = programs(t, hostile())["h"]
	for name, p := range all {
		for depth := range 2 {
			start := time.Now()
			svg, err := graph.Of(p, depth).SVG(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Log(name, depth, time.Since(start).Round(time.Millisecond), len(svg))
			if err := os.WriteFile(filepath.Join(t.TempDir(), "x.svg"), []byte(svg), 0o644); err != nil {
				t.Fatal(err)
			}
			if dir := os.Getenv("PICTURES"); dir != "" {
				os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.svg", name, depth)), []byte(svg), 0o644)
			}
			readable(t, fmt.Sprintf("%s at depth %d", name, depth), svg)
		}
	}
}

type rect struct {
	x, y, w, h float64
	of         string
}

func (a rect) overlaps(b rect) bool {
	return a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h
}

func (a rect) holds(x, y, inset float64) bool {
	return x > a.x+inset && x < a.x+a.w-inset && y > a.y+inset && y < a.y+a.h-inset
}

var (
	boxes  = regexp.MustCompile(`<rect class="(box|under)" x="([-0-9.]+)" y="([-0-9.]+)" width="([-0-9.]+)" height="([-0-9.]+)"`)
	groups = regexp.MustCompile(`(?m)^<g class="inside".*$`)
	paths  = regexp.MustCompile(`<path class="edge[^"]*" marker-end="[^"]*" d="([^"]*)"`)
	parts  = regexp.MustCompile(`[MLC]|[-0-9.]+`)
)

func readable(t *testing.T, what, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s is not XML: %v", what, err)
		}
		if e, ok := tok.(xml.StartElement); ok && (e.Name.Local == "script" || e.Name.Local == "foreignObject" || e.Name.Local == "image") {
			t.Errorf("%s holds a %s", what, e.Name.Local)
		}
	}
	var all []rect
	for _, m := range boxes.FindAllStringSubmatch(groups.ReplaceAllString(svg, ""), -1) {
		r := rect{num(m[2]), num(m[3]), num(m[4]), num(m[5]), m[1]}
		for _, o := range all {
			if r.overlaps(o) {
				t.Errorf("%s: %+v and %+v overlap", what, r, o)
			}
		}
		all = append(all, r)
	}
	lines := paths.FindAllStringSubmatch(svg, -1)
	if len(all) < 3 || len(lines) == 0 {
		t.Fatalf("%s: %d boxes and %d lines", what, len(all), len(lines))
	}
	for _, m := range lines {
		points := sample(m[1])
		last := points[len(points)-1]
		for _, r := range all {
			through := 0
			for _, p := range points {
				if r.holds(p[0], p[1], 0.5) {
					through++
				}
			}
			own := r.of == "under" && through > 0 && ownLabel(points, r)
			if r.of == "box" && through > 0 || r.of == "under" && through > 0 && !own {
				t.Errorf("%s: the line to %.0f,%.0f runs through %+v", what, last[0], last[1], r)
			}
		}
	}
}

// ownLabel: a line runs straight down the middle of its own label.
func ownLabel(points [][2]float64, r rect) bool {
	for _, p := range points {
		if r.holds(p[0], p[1], 0.5) && math.Abs(p[0]-(r.x+r.w/2)) > 0.6 {
			return false
		}
	}
	return true
}

// sample lists points of a path, close to each other.
func sample(path string) (out [][2]float64) {
	var at [2]float64
	tokens := parts.FindAllString(path, -1)
	for i := 0; i < len(tokens); {
		op := tokens[i]
		n := map[string]int{"M": 2, "L": 2, "C": 6}[op]
		var v []float64
		for _, s := range tokens[i+1 : i+1+n] {
			v = append(v, num(s))
		}
		i += 1 + n
		for k := range 41 {
			f := float64(k) / 40
			switch op {
			case "L":
				out = append(out, [2]float64{at[0] + (v[0]-at[0])*f, at[1] + (v[1]-at[1])*f})
			case "C":
				g := 1 - f
				out = append(out, [2]float64{g*g*g*at[0] + 3*g*g*f*v[0] + 3*g*f*f*v[2] + f*f*f*v[4], g*g*g*at[1] + 3*g*g*f*v[1] + 3*g*f*f*v[3] + f*f*f*v[5]})
			}
		}
		at = [2]float64{v[n-2], v[n-1]}
	}
	return out
}

func num(s string) float64 { v, _ := strconv.ParseFloat(s, 64); return v }
