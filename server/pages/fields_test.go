package pages_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// The attributes of docs/design/pages.md §4, exactly.
func TestFieldAttributes(t *testing.T) {
	p := made(t, nil)
	plain := map[string]string{"autocapitalize": "none", "spellcheck": "false"}
	with := func(m map[string]string) map[string]string {
		out := maps.Clone(plain)
		maps.Copy(out, m)
		return out
	}
	for _, c := range []struct {
		fixture, field string
		want           map[string]string
	}{
		{"ask.identifier/first", "identifier", with(map[string]string{"type": "email", "autocomplete": "username webauthn", "enterkeyhint": "next", "dir": "ltr", "autofocus": ""})},
		{"ask.identifier/any", "identifier", with(map[string]string{"type": "text", "inputmode": "email", "autocomplete": "username", "enterkeyhint": "next", "dir": "ltr", "autofocus": ""})},
		{"ask.identifier/error", "identifier", with(map[string]string{"type": "email", "autocomplete": "username webauthn", "enterkeyhint": "next", "dir": "ltr", "value": "ann@example",
			"aria-describedby": "identifier-error", "aria-invalid": "true"})},
		{"ask.identifier/first", "can_passkey", map[string]string{"type": "hidden", "value": ""}},
		{"ask.identifier/first", "passkey", map[string]string{"type": "hidden"}},
		{"ask.identifier/first", "passkey_error", map[string]string{"type": "hidden", "value": "no-script"}},
		{"password.verify/first", "username", map[string]string{"type": "text", "autocomplete": "username", "readonly": "", "tabindex": "-1", "aria-hidden": "true", "value": "ann@example.com", "class": "hide"}},
		{"password.verify/first", "password", with(map[string]string{"type": "password", "autocomplete": "current-password", "enterkeyhint": "go", "autofocus": ""})},
		{"password.verify/error", "password", with(map[string]string{"type": "password", "autocomplete": "current-password", "enterkeyhint": "go", "aria-describedby": "password-error", "aria-invalid": "true"})},
		{"password.set/first", "new_password", with(map[string]string{"type": "password", "autocomplete": "new-password", "passwordrules": "minlength: 15; maxlength: 128;", "enterkeyhint": "go", "aria-describedby": "new_password-hint"})},
		{"password.set/error", "new_password", with(map[string]string{"type": "password", "autocomplete": "new-password", "passwordrules": "minlength: 15; maxlength: 128;", "enterkeyhint": "go",
			"aria-describedby": "new_password-hint new_password-error", "aria-invalid": "true"})},
		{"otp.email/first", "code", with(map[string]string{"type": "text", "inputmode": "numeric", "autocomplete": "one-time-code", "enterkeyhint": "go", "dir": "ltr", "class": "code", "aria-describedby": "code-hint"})},
		{"ask.form/first", "full_name", map[string]string{"type": "text", "autocomplete": "name", "dir": "auto", "value": "Ann Example"}},
		{"ask.form/first", "contact", with(map[string]string{"type": "email", "autocomplete": "email", "dir": "ltr"})},
		{"ask.form/first", "mobile", map[string]string{"type": "tel", "autocomplete": "tel", "dir": "ltr"}},
		{"ask.form/first", "born", map[string]string{"type": "date", "autocomplete": "bday"}},
	} {
		t.Run(c.fixture+"/"+c.field, func(t *testing.T) {
			e := byID(parsed(t, shown(p, named(t, c.fixture), "en").Body.String()), c.field)
			if e == nil {
				t.Fatal("not there")
			}
			got := map[string]string{}
			for _, a := range e.Attr {
				got[a.Key] = a.Val
			}
			want := maps.Clone(c.want)
			want["id"], want["name"] = c.field, c.field
			if !maps.Equal(got, want) {
				t.Errorf("has %v\nwant %v", got, want)
			}
		})
	}
}

// Secrets are never sent back, whatever a prompt holds.
func TestSecretsAreNotRepeated(t *testing.T) {
	p := made(t, nil)
	for _, name := range []string{"password.verify/error", "password.set/error", "otp.email/error"} {
		f := named(t, name)
		for i := range f.Page.Prompt.Fields {
			if f.Page.Prompt.Fields[i].Type != "username" {
				f.Page.Prompt.Fields[i].Value = "sesame-1234"
			}
		}
		if strings.Contains(shown(p, f, "en").Body.String(), "sesame-1234") {
			t.Errorf("%s repeats the secret", name)
		}
	}
}

// The primary button has no name and is the form's first submit button; every other action is a form of its own without fields.
func TestForms(t *testing.T) {
	p := made(t, nil)
	for _, f := range all(t) {
		if f.Page == nil {
			continue
		}
		doc := parsed(t, shown(p, f, "en").Body.String())
		for _, form := range elements(doc) {
			if form.Data != "form" {
				continue
			}
			var names, buttons []string
			for _, e := range elements(form) {
				switch {
				case e.Data == "button" && value(e, "type") != "button":
					buttons = append(buttons, value(e, "name"))
				case e.Data == "input":
					names = append(names, value(e, "name"))
				}
			}
			if f.Page.Revision > 0 && !slices.Equal(names[:2], []string{"step", "revision"}) {
				t.Errorf("%s: a form begins with %v", f.Name, names)
			}
			switch value(form, "id") {
			case "answer":
				if len(buttons) > 0 && buttons[0] != "" {
					t.Errorf("%s: the primary button is called %s", f.Name, buttons[0])
				}
			case "passkey-form":
				if want := []string{"step", "revision", "action", "passkey", "passkey_error"}; !slices.Equal(slices.DeleteFunc(names, func(n string) bool { return n == "can_passkey" }), want) {
					t.Errorf("%s: the ceremony sends %v", f.Name, names)
				}
				if _, hidden := attr(form, "hidden"); !hidden {
					t.Errorf("%s: the ceremony shows without script", f.Name)
				}
			default:
				if !slices.Equal(buttons, []string{"action"}) || slices.ContainsFunc(names, func(n string) bool { return !slices.Contains([]string{"step", "revision", "value"}, n) }) {
					t.Errorf("%s: an action sends %v by %v", f.Name, names, buttons)
				}
			}
		}
	}
}

func TestErrorsAreSummedUpAndLinked(t *testing.T) {
	doc := parsed(t, shown(made(t, nil), named(t, "password.verify/error"), "en").Body.String())
	box := byID(doc, "problem")
	for _, want := range []struct{ key, value string }{{"role", "group"}, {"tabindex", "-1"}, {"autofocus", ""}, {"aria-labelledby", "problem-title"}} {
		if got, ok := attr(box, want.key); !ok || got != want.value {
			t.Errorf("%s is %q", want.key, got)
		}
	}
	const words = "That e-mail address and password do not match. Check both, or reset your password."
	link := find(box, func(e *html.Node) bool { return e.Data == "a" })
	if value(link, "href") != "#password" || inside(link) != words || inside(byID(doc, "password-error")) != words {
		t.Errorf("the summary says %q, the field %q", inside(link), inside(byID(doc, "password-error")))
	}
	title := find(doc, func(e *html.Node) bool { return e.Data == "title" })
	if inside(title) != "Error: Enter your password – Shop" {
		t.Errorf("the title is %q", inside(title))
	}
	doc = parsed(t, shown(made(t, nil), named(t, "otp.email/notice"), "en").Body.String())
	title = find(doc, func(e *html.Node) bool { return e.Data == "title" })
	if got := inside(title); !strings.HasPrefix(got, "A new code is on its way.") {
		t.Errorf("the title is %q", got)
	}
}

func TestChoicesBeyondSixAreFolded(t *testing.T) {
	doc := parsed(t, shown(made(t, nil), named(t, "ask.choice/many"), "en").Body.String())
	more := find(doc, func(e *html.Node) bool { return e.Data == "details" && value(e, "class") != "menu" })
	count := func(n *html.Node) (c int) {
		for _, e := range elements(n) {
			if e.Data == "button" && strings.Contains(value(e, "class"), "way") {
				c++
			}
		}
		return c
	}
	if got := fmt.Sprint(count(doc), count(more)); got != "9 3" {
		t.Errorf("all and folded: %s", got)
	}
}
