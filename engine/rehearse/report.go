package rehearse

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/check"
)

// Report is what came of all cases.
type Report struct {
	Played   []*Played
	Coverage []Covered
	Took     time.Duration
}

// NewReport adds what the cases cover: of the flows they play, those these call, and those named besides.
func NewReport(programs map[string]*check.Program, played []*Played, took time.Duration, besides ...string) Report {
	return Report{Played: played, Coverage: Cover(programs, played, besides...), Took: took}
}

// Failed counts the cases that failed.
func (r Report) Failed() int {
	n := 0
	for _, p := range r.Played {
		if p.Failed() {
			n++
		}
	}
	return n
}

// Text writes the report for people: failures with what led to them, and the coverage. verbose lists every case.
func (r Report) Text(w io.Writer, verbose bool) {
	for _, p := range r.Played {
		switch {
		case p.Failed():
			fmt.Fprintf(w, "FAIL  %s: %s (%s)\n      %s\n", p.File.Flow, p.Case.Name, short(p.Took), p.Case.At)
			for _, f := range p.Failures {
				fmt.Fprintln(w, indented(f, "      "))
			}
			for _, l := range p.Log {
				fmt.Fprintln(w, indented(l, "      | "))
			}
		case verbose:
			fmt.Fprintf(w, "ok    %s: %s (%s)\n", p.File.Flow, p.Case.Name, short(p.Took))
		case len(p.Notes) > 0:
			fmt.Fprintf(w, "ok    %s: %s\n", p.File.Flow, p.Case.Name)
		}
		for _, n := range p.Notes {
			fmt.Fprintf(w, "      note: %s\n", n)
		}
	}
	if len(r.Coverage) > 0 {
		widest := 0
		for _, c := range r.Coverage {
			widest = max(widest, len(c.Flow))
		}
		fmt.Fprintln(w, "coverage")
		for _, c := range r.Coverage {
			fmt.Fprint(w, c.lines(widest))
		}
	}
	if n := r.Failed(); n > 0 {
		fmt.Fprintf(w, "%d of %d cases failed, coverage %.1f %%, %s\n", n, len(r.Played), Total(r.Coverage), short(r.Took))
		return
	}
	passed := "cases"
	if len(r.Played) == 1 {
		passed = "case"
	}
	fmt.Fprintf(w, "%d %s passed, coverage %.1f %%, %s\n", len(r.Played), passed, Total(r.Coverage), short(r.Took))
}

func indented(text, by string) string { return by + strings.ReplaceAll(text, "\n", "\n"+by) }

func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// JSON writes the report for tools.
func (r Report) JSON(w io.Writer) error {
	type one struct {
		Flow     string   `json:"flow"`
		Name     string   `json:"name"`
		File     string   `json:"file"`
		Line     int      `json:"line"`
		OK       bool     `json:"ok"`
		Took     float64  `json:"took_ms"`
		Failures []string `json:"failures,omitempty"`
		Notes    []string `json:"notes,omitempty"`
		Log      []string `json:"log,omitempty"`
	}
	doc := struct {
		Cases    []one     `json:"cases"`
		Failed   int       `json:"failed"`
		Percent  float64   `json:"percent"`
		Coverage []Covered `json:"coverage"`
	}{Cases: []one{}, Failed: r.Failed(), Percent: Total(r.Coverage), Coverage: r.Coverage}
	for _, p := range r.Played {
		x := one{Flow: p.File.Flow, Name: p.Case.Name, File: p.Case.At.File, Line: p.Case.At.Line, OK: !p.Failed(), Took: float64(p.Took.Microseconds()) / 1000, Failures: p.Failures, Notes: p.Notes}
		if p.Failed() {
			x.Log = p.Log
		}
		doc.Cases = append(doc.Cases, x)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []*suite `xml:"testsuite"`
}

type suite struct {
	Name     string   `xml:"name,attr"`
	File     string   `xml:"file,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Time     string   `xml:"time,attr"`
	Cases    []tested `xml:"testcase"`

	took time.Duration
}

type tested struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	File    string   `xml:"file,attr"`
	Line    int      `xml:"line,attr"`
	Time    string   `xml:"time,attr"`
	Failure *failure `xml:"failure"`
	Output  string   `xml:"system-out,omitempty"`
}

type failure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as the XML that continuous integration reads: a suite for each test file.
func (r Report) JUnit(w io.Writer) error {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
	all := suites{Tests: len(r.Played), Failures: r.Failed(), Time: seconds(r.Took)}
	var s *suite
	for _, p := range r.Played {
		if s == nil || s.File != p.File.Path {
			s = &suite{Name: p.File.Flow, File: p.File.Path}
			all.Suites = append(all.Suites, s)
		}
		t := tested{Name: p.Case.Name, Class: p.File.Flow, File: p.Case.At.File, Line: p.Case.At.Line, Time: seconds(p.Took), Output: strings.Join(p.Notes, "\n")}
		s.Tests++
		s.took += p.Took
		s.Time = seconds(s.took)
		if p.Failed() {
			s.Failures++
			first, _, _ := strings.Cut(p.Failures[0], "\n")
			t.Failure = &failure{Message: first, Text: strings.Join(p.Failures, "\n")}
			t.Output = strings.Join(append(p.Notes, p.Log...), "\n")
		}
		s.Cases = append(s.Cases, t)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}
