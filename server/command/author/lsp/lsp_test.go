package lsp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/server/command/author/lsp"
	"github.com/stile-id/stile/server/command/author/lsp/text"
)

const signin = `# yaml-language-server: $schema=x
flow: signin
hooks: signin.ts
start: who
accept: { urn:stile:basic: [one-factor] }
vars: { tier: { type: string, default: basic } }

steps:
  who: { use: ask.identifier, next: { given: password } }

  password:
    use: password.verify
    with: { title: { en: Größe 😀, de: x }, for: anyone }
    next: { ok: customer, forgot: recover, must-change: recover, locked: denied }

  recover: { use: flow, with: { flow: recover, inputs: { identifier: "${steps.who.identifier}" } }, next: { done: customer, denied: denied } }

  customer:
    use: connector.call
    with: { connector: crm, get: "/customers/${subject.id}" }
    after: keep
    next: { ok: risk, missing: risk, failed: risk }

  risk: { use: decide, with: { call: risk }, next: { low: done, high: denied } }
`

const hooks = `export function keep({ outcome }: any) {
  return { vars: { tier: outcome } };
}

export function risk({ request }: any) {
  return request.scopes.includes("pay") ? "high" : "low";
}
`

const recover = `flow: recover
start: who
accept: { urn:stile:basic: [one-factor] }
inputs: { identifier: { type: string, default: "" } }
steps:
  who: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`

const settings = `issuer: http://localhost:8080
flows: flows
clients:
  - id: app
    auth: none
    redirect_uris: ["http://127.0.0.1/cb"]
    flows: { default: signin }
connectors:
  crm: { base: https://crm.example.com }
`

// editor is the other end of the conversation.
type editor struct {
	t      *testing.T
	dir    string
	out    io.Writer
	next   int
	answer chan answer
	told   chan published
	ended  chan bool
	last   map[string][]diagnostic
}

type diagnostic struct {
	Range    text.Range
	Severity int
	Code     string
	Message  string
}

type published struct {
	URI         string
	Version     *int
	Diagnostics []diagnostic
}

func uri(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

func start(t *testing.T, files map[string]string) *editor {
	t.Helper()
	e := &editor{t: t, dir: t.TempDir(), told: make(chan published, 1000), ended: make(chan bool, 1), last: map[string][]diagnostic{}}
	for name, text := range files {
		path := filepath.Join(e.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	go func() {
		clean, err := lsp.Serve(context.Background(), in, out, lsp.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Pause: 5 * time.Millisecond})
		if err != nil {
			t.Error(err)
		}
		out.Close()
		e.ended <- clean
	}()
	e.out, e.answer = toServer, make(chan answer, 100)
	go e.listen(bufio.NewReader(fromServer))
	var answer struct {
		Capabilities map[string]any
	}
	e.ask("initialize", map[string]any{"processId": nil, "rootUri": uri(e.dir), "capabilities": map[string]any{}}, &answer)
	if answer.Capabilities["hoverProvider"] != true {
		t.Fatalf("%+v", answer)
	}
	e.say("initialized", map[string]any{})
	t.Cleanup(func() {
		e.ask("shutdown", nil, nil)
		e.say("exit", nil)
		if clean := <-e.ended; !clean {
			t.Error("not ended as asked")
		}
		toServer.Close()
	})
	return e
}

// answer is what a server says to a question.
type answer struct {
	ID     int
	Method string
	Params published
	Result json.RawMessage
	Error  *struct{ Message string }
}

// listen takes in what the server says.
func (e *editor) listen(r *bufio.Reader) {
	for {
		var length int
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\r\n" {
				break
			}
			fmt.Sscanf(line, "Content-Length: %d", &length)
		}
		raw := make([]byte, length)
		var a answer
		if _, err := io.ReadFull(r, raw); err != nil || json.Unmarshal(raw, &a) != nil {
			return
		}
		if a.Method == "textDocument/publishDiagnostics" {
			e.told <- a.Params
		} else {
			e.answer <- a
		}
	}
}

func (e *editor) send(message map[string]any) {
	e.t.Helper()
	message["jsonrpc"] = "2.0"
	raw, err := json.Marshal(message)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.out, "Content-Length: %d\r\n\r\n%s", len(raw), raw); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) ask(method string, params, result any) {
	e.t.Helper()
	e.next++
	e.send(map[string]any{"id": e.next, "method": method, "params": params})
	select {
	case a := <-e.answer:
		if a.ID != e.next || a.Error != nil {
			e.t.Fatalf("%s: %+v %+v", method, a, a.Error)
		}
		if result != nil {
			if err := json.Unmarshal(a.Result, result); err != nil {
				e.t.Fatal(err)
			}
		}
	case <-time.After(10 * time.Second):
		e.t.Fatal(method, "is not answered")
	}
}

func (e *editor) say(method string, params any) {
	e.t.Helper()
	e.send(map[string]any{"method": method, "params": params})
}

func (e *editor) at(name string) string { return uri(filepath.Join(e.dir, name)) }

func (e *editor) open(name, text string) {
	e.t.Helper()
	e.say("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": e.at(name), "languageId": "yaml", "version": 1, "text": text}})
}

func (e *editor) change(name string, version int, changes ...text.Change) {
	e.t.Helper()
	e.say("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": e.at(name), "version": version}, "contentChanges": changes})
}

// wait returns the problems of a file once they are as wanted.
func (e *editor) wait(name, what string, is func([]diagnostic) bool) []diagnostic {
	e.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case p := <-e.told:
			e.last[p.URI] = p.Diagnostics
			if p.URI == e.at(name) && is(p.Diagnostics) {
				return p.Diagnostics
			}
		case <-late:
			e.t.Fatalf("%s: %s never came; last were %+v", name, what, e.last[e.at(name)])
		}
	}
}

func code(c string) func([]diagnostic) bool {
	return func(ds []diagnostic) bool {
		return slices.ContainsFunc(ds, func(d diagnostic) bool { return d.Code == c })
	}
}

func none(ds []diagnostic) bool { return len(ds) == 0 }

func where(name string, pos text.Position) map[string]any {
	return map[string]any{"textDocument": map[string]any{"uri": name}, "position": pos}
}

// split takes the place marked | out of a text.
func split(t *testing.T, s string) (string, text.Position) {
	t.Helper()
	before, after, ok := strings.Cut(s, "|")
	if !ok {
		t.Fatal("no place in", s)
	}
	return before + after, text.At(before, len(before))
}

func world() map[string]string {
	return map[string]string{"stile.yaml": settings, "flows/signin.yaml": signin, "flows/signin.ts": hooks, "flows/recover.yaml": recover}
}

// TestProblemsWhileTyping: problems come and go with what is typed, in the flow, in its hooks and in the settings, saved or not.
func TestProblemsWhileTyping(t *testing.T) {
	e := start(t, world())
	e.open("flows/signin.yaml", signin)
	e.wait("flows/signin.yaml", "all is well", none)

	line := strings.Count(signin[:strings.Index(signin, "title: {")], "\n")
	col := len([]rune("    with: { title: { en: Größe ")) // the emoji behind it counts twice
	e.change("flows/signin.yaml", 2, text.Change{Range: &text.Range{Start: text.Position{Line: line, Character: col}, End: text.Position{Line: line, Character: col + 2}}, Text: "😀😀"},
		text.Change{Range: &text.Range{Start: text.Position{Line: line, Character: col + 15}, End: text.Position{Line: line, Character: col + 18}}, Text: "fro"})
	ds := e.wait("flows/signin.yaml", "a setting that is not known", code("STILE-F10"))
	if r := ds[0].Range; r.Start != (text.Position{Line: line, Character: col + 15}) || r.End.Character != col+18 || !strings.Contains(ds[0].Message, "did you mean `for`?") {
		t.Errorf("%+v", ds)
	}
	e.change("flows/signin.yaml", 3, text.Change{Text: signin})
	e.wait("flows/signin.yaml", "mended", none)

	e.open("flows/signin.ts", hooks)
	e.change("flows/signin.ts", 2, text.Change{Text: strings.Replace(hooks, `"high"`, `"hihg"`, 1)})
	e.wait("flows/signin.ts", "an outcome that next does not name", code("STILE-D09"))
	e.say("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": e.at("flows/signin.ts")}})
	e.wait("flows/signin.ts", "as on disk", none)

	e.change("flows/signin.yaml", 4, text.Change{Text: strings.Replace(signin, "connector: crm", "connector: crn", 1)})
	e.wait("flows/signin.yaml", "an unknown connector", code("STILE-D05"))
	e.open("stile.yaml", settings)
	e.change("stile.yaml", 2, text.Change{Text: strings.Replace(settings, "  crm:", "  crn:", 1)})
	e.wait("flows/signin.yaml", "a connector that settings declare now", none)
	e.change("stile.yaml", 3, text.Change{Text: strings.Replace(settings, "default: signin", "default: sigin", 1)})
	e.wait("stile.yaml", "a client's flow that is not there", func(ds []diagnostic) bool { return true })
	e.change("stile.yaml", 4, text.Change{Text: "issuer: [\n"})
	e.wait("stile.yaml", "settings that cannot be read", code("STILE-F01"))
	e.change("flows/signin.yaml", 5, text.Change{Text: "flow: signin\nsteps: { a: {"})
	e.wait("flows/signin.yaml", "a flow that cannot be read", code("STILE-F01"))
}

// TestClientsOfFlows: what stile check says of clients is told in the settings.
func TestClientsOfFlows(t *testing.T) {
	e := start(t, world())
	e.open("stile.yaml", strings.Replace(settings, "default: signin", "default: sigin", 1))
	e.open("flows/signin.yaml", signin)
	e.wait("stile.yaml", "a flow that is not there", code("STILE-C13"))
	e.change("stile.yaml", 2, text.Change{Text: settings})
	e.wait("stile.yaml", "mended", none)
}

// TestCompletion: what could stand at a place. | is where the cursor is.
func TestCompletion(t *testing.T) {
	e := start(t, world())
	e.open("flows/signin.yaml", signin)
	e.wait("flows/signin.yaml", "all is well", none)
	with := func(from, to string) string {
		t.Helper()
		if !strings.Contains(signin, from) {
			t.Fatal(from)
		}
		return strings.Replace(signin, from, to, 1)
	}
	version := 1
	for name, x := range map[string]struct {
		text      string
		has, lack []string
	}{
		"a key of the flow":             {with("vars: {", "out|\nvars: {"), []string{"about", "inputs", "outputs"}, []string{"flow", "vars"}},
		"an action":                     {with("use: password.verify", "use: password.|"), []string{"password.verify", "otp.email", "decide"}, nil},
		"an action, nothing yet":        {with("use: password.verify", "use: |"), []string{"password.verify"}, nil},
		"an action in braces":           {with("{ use: ask.identifier, next: { given: password } }", "{ use: ask.|"), []string{"ask.form"}, nil},
		"a key of a step":               {with("    with: { connector", "    be|\n    with: { connector"), []string{"before"}, []string{"use", "with", "next"}},
		"a setting":                     {with("for: anyone }", "fo| }"), []string{"for", "label", "identifier"}, []string{"title"}},
		"a setting of a block":          {with("    with: { connector: crm, get: \"/customers/${subject.id}\" }", "    with:\n      connector: crm\n      ti|"), []string{"timeout", "get"}, []string{"connector"}},
		"a first setting of a block":    {with("    with: { connector: crm, get: \"/customers/${subject.id}\" }", "    with:\n      |"), []string{"timeout", "connector"}, nil},
		"values":                        {with("for: anyone }", "for: |}"), []string{"anyone", "subject"}, nil},
		"an outcome":                    {with(", locked: denied }", ", lo| }"), []string{"locked", "error"}, []string{"ok", "forgot"}},
		"an outcome, the rest open":     {with("{ ok: customer, forgot: recover, must-change: recover, locked: denied }", "{ ok: customer, |"), []string{"locked", "forgot"}, []string{"ok"}},
		"outcomes of a hook":            {with("next: { low: done, high: denied }", "next: { |}"), []string{"low", "high"}, nil},
		"a target":                      {with("{ given: password }", "{ given: pa| }"), []string{"password", "customer", "done", "denied"}, nil},
		"a short target":                {with("next: { given: password }", "next: |"), []string{"password", "done"}, nil},
		"a target, open":                {with("{ given: password } }", "{ given: |"), []string{"password", "done"}, nil},
		"the start":                     {with("start: who", "start: |"), []string{"who", "risk"}, []string{"done"}},
		"roots":                         {with("${subject.id}", "${|}"), []string{"subject", "steps", "vars", "request"}, nil},
		"steps that certainly ran":      {with("${subject.id}", "${steps.|}"), []string{"who"}, []string{"password", "customer"}},
		"nobody yet":                    {with("${steps.who.identifier}", "${|}"), []string{"steps"}, []string{"subject"}},
		"fields of an output, unclosed": {with("${subject.id}\" }", "${steps.who.|"), []string{"domain", "identifier"}, nil},
		"fields of the subject":         {with("${subject.id}", "${subject.em|}"), []string{"email", "email_verified"}, nil},
		"fields of the request":         {with("${subject.id}", "${request.|"), []string{"client", "scopes"}, nil},
		"vars":                          {with("${subject.id}", "${vars.|}"), []string{"tier"}, nil},
		"flows":                         {with("flow: recover, inputs", "flow: |, inputs"), []string{"recover"}, []string{"signin"}},
		"inputs of a flow":              {with("inputs: { identifier: \"${steps.who.identifier}\" }", "inputs: { | }"), []string{"identifier"}, nil},
		"connectors":                    {with("connector: crm", "connector: |"), []string{"crm"}, nil},
		"hooks":                         {with("after: keep", "after: |"), []string{"keep", "risk"}, nil},
		"hooks that decide":             {with("call: risk", "call: r|"), []string{"risk"}, nil},
		"hook files":                    {with("hooks: signin.ts", "hooks: |"), []string{"signin.ts"}, nil},
		"facts":                         {with("[one-factor]", "[|]"), []string{"two-factor"}, nil},
		"types":                         {with("type: string", "type: |"), []string{"number", "list"}, nil},
		"behind wide characters":        {with("for: anyone", "for: |"), []string{"anyone"}, nil},
	} {
		source, pos := split(t, x.text)
		version++
		e.change("flows/signin.yaml", version, text.Change{Text: source})
		var got struct {
			Items []struct {
				Label    string
				TextEdit struct {
					Range   text.Range
					NewText string
				}
			}
		}
		e.ask("textDocument/completion", where(e.at("flows/signin.yaml"), pos), &got)
		var labels []string
		for _, i := range got.Items {
			labels = append(labels, i.Label)
			if i.TextEdit.Range.End != pos || i.TextEdit.NewText != i.Label {
				t.Errorf("%s: %+v", name, i)
			}
		}
		for _, w := range x.has {
			if !slices.Contains(labels, w) {
				t.Errorf("%s: %q lacks %s", name, labels, w)
			}
		}
		for _, w := range x.lack {
			if slices.Contains(labels, w) {
				t.Errorf("%s: %q holds %s", name, labels, w)
			}
		}
		for _, l := range labels {
			if strings.Contains(l, "zq") {
				t.Errorf("%s: %s", name, l)
			}
		}
	}
}

// TestSettingsAreKnown: keys, values and words of the settings file.
func TestSettingsAreKnown(t *testing.T) {
	e := start(t, world())
	source, pos := split(t, strings.Replace(settings, "auth: none", "auth: |", 1))
	e.open("stile.yaml", source)
	raw := func(method string, pos text.Position) string {
		var r json.RawMessage
		e.ask(method, where(e.at("stile.yaml"), pos), &r)
		return string(r)
	}
	if got := raw("textDocument/completion", pos); !strings.Contains(got, "client_secret_basic") {
		t.Error(got)
	}
	source, pos = split(t, strings.Replace(settings, "    auth: none\n", "    |\n", 1))
	e.change("stile.yaml", 2, text.Change{Text: source})
	if got := raw("textDocument/completion", pos); !strings.Contains(got, "post_logout_redirect_uris") {
		t.Error(got)
	}
	source, pos = split(t, strings.Replace(settings, "redirect_uris", "redir|ect_uris", 1))
	e.change("stile.yaml", 3, text.Change{Text: source})
	if got := raw("textDocument/hover", pos); !strings.Contains(got, "**redirect_uris**") {
		t.Error(got)
	}
}

// TestHoverAndDefinition: what stands at a place, and where it comes from.
func TestHoverAndDefinition(t *testing.T) {
	e := start(t, world())
	e.open("flows/signin.yaml", signin)
	e.wait("flows/signin.yaml", "all is well", none)
	for at, x := range map[string]struct{ says, leads string }{
		"use: pass|word.verify":         {"**password.verify**: ", ""},
		"for: any|one":                  {"**for**: `anyone`, `subject`", ""},
		"tit|le: {":                     {"**title**", ""},
		"{ o|k: customer":               {"`ok`", ""},
		"high|: denied":                 {"returned by risk", ""},
		"next: { ok: custo|mer":         {"**customer**: connector.call", "flows/signin.yaml:17:2"},
		"given: passw|ord }":            {"Certainly there when it begins: `steps.who`", "flows/signin.yaml:10:2"},
		"start: w|ho":                   {"**who**: ask.identifier", "flows/signin.yaml:8:2"},
		"locked: den|ied":               {"**denied**", ""},
		"hoo|ks: signin.ts":             {"**hooks**", ""},
		"hooks: sig|nin.ts":             {"", "flows/signin.ts:0:0"},
		"after: ke|ep":                  {"", "flows/signin.ts:0:"},
		"call: ri|sk":                   {"", "flows/signin.ts:4:"},
		"with: { flow: rec|over":        {"", "flows/recover.yaml:0:6"},
		"inputs: { ident|ifier":         {"", "flows/recover.yaml:3:10"},
		"${steps.w|ho.identifier}":      {"`steps.who`", "flows/signin.yaml:8:2"},
		"${steps.who.ident|ifier}":      {"`steps.who.identifier`", "flows/signin.yaml:8:2"},
		"${subject.i|d}":                {"`subject.id`", ""},
		"connector: cr|m":               {"", "stile.yaml:8:2"},
		"  rec|over: { use: flow":       {"**recover**: flow", ""},
		"get: \"/custo|mers/":           {"", ""},
		"# yaml-language|-server":       {"", ""},
		"accept: { urn:stile:b|asic: [": {"", ""},
	} {
		plain := strings.Replace(at, "|", "", 1)
		i := strings.Index(signin, plain)
		if i < 0 {
			t.Fatal(plain)
		}
		pos := text.At(signin, i+strings.Index(at, "|"))
		var h struct{ Contents struct{ Value string } }
		e.ask("textDocument/hover", where(e.at("flows/signin.yaml"), pos), &h)
		if !strings.Contains(h.Contents.Value, x.says) || x.says == "" && h.Contents.Value != "" {
			t.Errorf("%s says %q, not %q", at, h.Contents.Value, x.says)
		}
		var l *struct {
			URI   string
			Range text.Range
		}
		e.ask("textDocument/definition", where(e.at("flows/signin.yaml"), pos), &l)
		got := ""
		if l != nil {
			got = fmt.Sprintf("%s:%d:%d", strings.TrimPrefix(l.URI, uri(e.dir)+"/"), l.Range.Start.Line, l.Range.Start.Character)
		}
		if !strings.HasPrefix(got, x.leads) || x.leads == "" && got != "" {
			t.Errorf("%s leads to %q, not %q", at, got, x.leads)
		}
	}
}

// TestFormatting: one edit makes the canonical form; none where there is nothing to do or nothing can be read.
func TestFormatting(t *testing.T) {
	e := start(t, world())
	ask := func(source string) string {
		e.open("flows/signin.yaml", source)
		var edits []struct {
			Range   text.Range
			NewText string
		}
		e.ask("textDocument/formatting", map[string]any{"textDocument": map[string]any{"uri": e.at("flows/signin.yaml")}, "options": map[string]any{"tabSize": 2}}, &edits)
		if len(edits) == 0 {
			return ""
		}
		out, err := text.Apply(source, []text.Change{{Range: &edits[0].Range, Text: edits[0].NewText}})
		if err != nil || len(edits) != 1 {
			t.Fatal(edits, err)
		}
		return out
	}
	if got := ask("flow: x\nstart: 'a'\nsteps: {a: {use: deny}} # 😀"); got != "flow: x\nstart: a\n\nsteps:                                 # 😀\n  a: { use: deny }\n" {
		t.Errorf("%q", got)
	}
	if got := ask("flow: ["); got != "" {
		t.Errorf("%q", got)
	}
}

// TestWithoutSettings: a flow opened by itself is checked with what lies beside it.
func TestWithoutSettings(t *testing.T) {
	e := start(t, map[string]string{"some/signin.yaml": signin, "some/signin.ts": hooks, "some/recover.yaml": recover, "some/other.yaml": "services: {}\n"})
	e.open("some/other.yaml", "services: {}\n")
	e.open("some/signin.yaml", signin)
	e.wait("some/signin.yaml", "all is well", none)
	e.change("some/signin.yaml", 2, text.Change{Text: strings.Replace(signin, "after: keep", "after: kept", 1)})
	e.wait("some/signin.yaml", "a hook that is not there", code("STILE-D08"))
	if len(e.last[e.at("some/other.yaml")]) > 0 {
		t.Error(e.last)
	}
}

// answers keeps what a server says.
type answers struct {
	mu  sync.Mutex
	all strings.Builder
}

func (a *answers) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all.Write(b)
}

func (a *answers) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all.String()
}

func (a *answers) count() int { return strings.Count(a.text(), "Content-Length") }

// TestConversation: the order of a conversation is kept, and what is out of bounds ends it.
func TestConversation(t *testing.T) {
	serve := func(input string) (string, bool, error) {
		in, w := io.Pipe()
		out := &answers{}
		go func() {
			io.WriteString(w, input)
			for range 200 { // an answer for each request, then the connection ends
				if out.count() >= strings.Count(input, `"id":`) {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			w.Close()
		}()
		clean, err := lsp.Serve(context.Background(), in, out, lsp.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		in.Close()
		return out.text(), clean, err
	}
	frame := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(s), s) }
	out, clean, _ := serve(frame(`{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///x"},"position":{"line":0,"character":0}}}`))
	if !strings.Contains(out, "-32002") || clean {
		t.Errorf("%q %v", out, clean)
	}
	out, _, _ = serve(frame(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`) + frame(`{"jsonrpc":"2.0","id":2,"method":"no/such","params":{}}`))
	if !strings.Contains(out, "-32601") || !strings.Contains(out, `"positionEncoding":"utf-16"`) {
		t.Errorf("%q", out)
	}
	for _, bad := range []string{"Content-Length: 99999999999\r\n\r\n", "Content-Length: -1\r\n\r\n", "Content-Length: x\r\n\r\n", "X: y\r\n\r\n", strings.Repeat("a", 10000), "Content-Length: 10\r\n\r\n{", "nonsense\r\n"} {
		if _, clean, err := serve(bad); clean || err == nil {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// FuzzServe: whatever an editor sends, nothing panics.
func FuzzServe(f *testing.F) {
	frame := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(s), s) }
	f.Add([]byte(frame(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"rootUri":"file:///nowhere"}}`) + frame(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"untitled:x","text":"flow: x"}}}`) + frame(`{"jsonrpc":"2.0","id":2,"method":"textDocument/completion","params":{"textDocument":{"uri":"file:///nowhere/x.yaml"},"position":{"line":0,"character":3}}}`)))
	f.Add([]byte("Content-Length: 2\r\n\r\n{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		lsp.Serve(context.Background(), strings.NewReader(string(raw)), io.Discard, lsp.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Pause: time.Hour})
	})
}
