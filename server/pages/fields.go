package pages

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages/words"
)

// fieldView is one input. Attributes are those of docs/design/pages.md §4, all ours: no value of anybody's is in them.
type fieldView struct {
	Name, Widget, Value string
	Label, Hint, Error  template.HTML
	Optional            string
	Attributes          template.HTMLAttr
	Autofocus           bool
	Described           string
	Options             []optionView
	Reveal              *revealView
}

type optionView struct {
	ID, Value string
	Label     template.HTML
	Chosen    bool
}

// revealView are the words of the button that shows a password.
type revealView struct{ Show, ShowLabel, Hide, HideLabel, Shown, Hidden string }

func visible(fields []action.Field) bool {
	for _, f := range fields {
		if f.Type != action.FieldHidden && f.Type != action.FieldUsername {
			return true
		}
	}
	return false
}

func fieldsOf(p *action.Prompt, s words.Speaker) []fieldView {
	errors := map[string]template.HTML{}
	for _, x := range p.Problem {
		if x.Field != "" && errors[x.Field] == "" {
			errors[x.Field] = s.HTML(x.Text)
		}
	}
	var out []fieldView
	focused := len(p.Problem) > 0 // then the summary has the focus
	for _, f := range p.Fields {
		v := fieldOf(f, p, s)
		if v.Widget != "hidden" && v.Widget != "username" {
			v.Error = errors[f.Name]
			if f.Optional {
				v.Optional = s.Key("optional")
			}
			v.Described = described(v)
			v.Autofocus = !focused && (f.Name == "identifier" || f.Type == action.FieldPassword)
			focused = focused || v.Autofocus
		}
		out = append(out, v)
	}
	return out
}

func described(v fieldView) string {
	var ids []string
	if v.Hint != "" {
		ids = append(ids, v.Name+"-hint")
	}
	if v.Error != "" {
		ids = append(ids, v.Name+"-error")
	}
	return strings.Join(ids, " ")
}

func fieldOf(f action.Field, p *action.Prompt, s words.Speaker) fieldView {
	v := fieldView{Name: f.Name, Widget: "input", Value: f.Value, Label: s.HTML(f.Label)}
	if f.Hint != nil {
		v.Hint = s.HTML(*f.Hint)
	}
	switch f.Type {
	case action.FieldHidden, action.FieldUsername, action.FieldCheck, action.FieldLong:
		v.Widget = string(f.Type)
	case action.FieldChoice:
		v.Widget = "choice"
		for i, o := range f.Options {
			id := f.Name // the first has the field's id, so that the summary's link leads to it
			if i > 0 {
				id = fmt.Sprintf("%s-%d", f.Name, i+1)
			}
			v.Options = append(v.Options, optionView{ID: id, Value: o.Value, Label: s.HTML(o.Label), Chosen: o.Value == f.Value})
		}
	case action.FieldPassword, action.FieldNewPassword:
		v.Widget, v.Value = "password", "" // whatever the prompt holds, a password is never sent back
		v.Reveal = &revealView{s.Key("password.show"), s.Key("password.show-label"), s.Key("password.hide"), s.Key("password.hide-label"), s.Key("password.shown"), s.Key("password.hidden")}
	case action.FieldCode:
		v.Value = ""
	}
	v.Attributes = attributes(f, p.Policy)
	return v
}

func attributes(f action.Field, policy *action.PasswordUI) template.HTMLAttr {
	const plain = ` autocapitalize="none" spellcheck="false"`
	switch f.Type {
	case action.FieldEmail, action.FieldIdentifier:
		kind, complete := `type="email"`, "username"
		if f.Type == action.FieldIdentifier {
			kind = `type="text" inputmode="email"`
		}
		if f.Name != "identifier" {
			return `type="email" autocomplete="email"` + plain + ` dir="ltr"`
		}
		if f.Passkey {
			complete += " webauthn"
		}
		return template.HTMLAttr(kind + ` autocomplete="` + complete + `" enterkeyhint="next"` + plain + ` dir="ltr"`) //nolint:gosec // constants
	case action.FieldPassword:
		return `autocomplete="current-password" enterkeyhint="go"` + plain
	case action.FieldNewPassword:
		rules := ""
		if policy != nil && policy.Min > 0 && policy.Max >= policy.Min {
			rules = fmt.Sprintf(` passwordrules="minlength: %d; maxlength: %d;"`, policy.Min, policy.Max)
		}
		return template.HTMLAttr(`autocomplete="new-password"` + rules + ` enterkeyhint="go"` + plain) //nolint:gosec // constants and numbers
	case action.FieldCode:
		return `class="code" type="text" inputmode="numeric" autocomplete="one-time-code" enterkeyhint="go"` + plain + ` dir="ltr"`
	case action.FieldUserCode:
		return `class="code" type="text" inputmode="text" autocomplete="off" autocapitalize="characters" spellcheck="false" enterkeyhint="go" dir="ltr"`
	case action.FieldName:
		return `type="text" autocomplete="name" dir="auto"`
	case action.FieldPhone:
		return `type="tel" autocomplete="tel" dir="ltr"`
	case action.FieldBirthday:
		return `type="date" autocomplete="bday"`
	case action.FieldNumber:
		return `type="text" inputmode="decimal" autocomplete="off" dir="ltr"`
	}
	return `type="text" dir="auto"`
}
