package pages

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages/words"
	"github.com/stile-id/stile/server/web"
)

// frame is what every page has around its content.
type frame struct {
	Lang, Dir, Title          string
	Style, ThemeStyle, Script string
	Logo                      logo
	Brand                     string
	Kind, Step                string
	Signal                    string // JSON for the browser's passkey store
	Prompt                    *promptView
	Problem                   *problemView
	Languages                 []languageLink
	LanguageLabel             string
	LanguageName              string
	Links                     []link
	App                       string // path of the app's picture
	AppLinks                  []link // each opens beside this page
	NewTab                    string
	Frames                    []string // loaded, not seen
}

type link struct{ URL, Label string }

func (p *Pages) frame(r *http.Request, s words.Speaker, l *look) *frame {
	v := &frame{Lang: s.Tag.String(), Dir: s.Dir(), Style: p.assets.URL("style.css"), ThemeStyle: l.style, Logo: l.logo, Brand: p.options.Name,
		Languages: p.menu(r, s.Language), LanguageLabel: s.Key("language"), LanguageName: s.Name}
	for _, k := range []string{"help", "privacy"} {
		if u := l.links[k]; u != "" {
			v.Links = append(v.Links, link{URL: u, Label: s.Key(k)})
		}
	}
	return v
}

// problemView is a page that says why nothing else can be shown.
type problemView struct {
	Title, Reference string
	Sentence         template.HTML
	Back, Again      *link
}

func problemOf(r *http.Request, p web.Problem, s words.Speaker, said string, now time.Time) *problemView {
	key := sentence(p, s)
	v := &problemView{Title: s.Key(key + ".title"), Sentence: s.HTML(action.T(key, "ref", p.Reference))}
	if p.Reference != "" && !strings.Contains(said, p.Reference) {
		v.Reference = s.Key("problem.reference", "ref", p.Reference, "when", now.UTC().Format(time.RFC3339))
	}
	if u, err := url.Parse(p.Back); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		v.Back = &link{URL: p.Back, Label: s.Key("problem.back")}
	}
	// Trying again is asking for the page once more. A post is not repeated: a journey's page shows where it stands.
	if p.Status >= 500 || p.Status == http.StatusTooManyRequests {
		again := "?"
		if r.Method != http.MethodPost && len(r.URL.RawQuery) <= maxQuery {
			again += r.URL.Query().Encode()
		}
		v.Again = &link{URL: again, Label: s.Key("problem.again")}
	}
	return v
}

// promptView is a prompt with everything worded.
type promptView struct {
	Title                   template.HTML
	Problems                []problemLine
	ProblemTitle            string
	Notice                  *noticeView
	Account, AccountLabel   string
	AccountLTR              bool
	Switch                  *actionView
	Body                    []template.HTML
	Rows                    []rowView
	Clauses                 bool   // rows that go on with the title's sentence: they have no titles of their own
	Links                   []link // each opens beside this page
	NewTab                  string
	Leave                   *link
	Form                    *formView
	Equal                   *actionView
	EqualSubmit             template.HTML
	Passkey                 *passkeyView
	Others                  bool
	More, MoreWaysLabel     string
	Ways, MoreWays, Buttons []actionView
}

type problemLine struct {
	Field       string
	Label, Text template.HTML
}

type noticeView struct {
	Kind string
	Text template.HTML
}

type rowView struct {
	Title   string
	Lines   []template.HTML
	Buttons []actionView
}

// answer is what every form carries.
type answer struct {
	URL, Step string
	Revision  int
}

type formView struct {
	answer
	Fields []fieldView
	Submit template.HTML
}

type actionView struct {
	answer
	Name, Value, Class string
	Label              template.HTML
	About              string // which row it is about, for those who do not see the row
}

type passkeyView struct {
	answer
	Options, Mode, Action string
	Label                 template.HTML
	Class                 string
	Elsewhere, NoScript   string
	Without               string // what a browser that has no passkeys says
	Alone                 bool   // the page asks for nothing else
}

// maxWays is how many choices are shown before the rest is folded away.
const maxWays = 6

func promptOf(page web.Page, app seen, s words.Speaker) *promptView {
	p := page.Prompt
	a := answer{URL: page.URL, Step: p.Step, Revision: page.Revision}
	v := &promptView{Title: s.HTML(p.Title), ProblemTitle: s.Key("problem.title"), Account: words.Shown(p.Account), AccountLabel: s.Key("signed-in-as"),
		AccountLTR: strings.Contains(p.Account, "@"), More: s.Key("more"), MoreWaysLabel: s.Key("more-ways")}
	if p.Switch && p.Account != "" {
		v.Switch = &actionView{answer: a, Name: "restart", Class: "link", Label: s.HTML(action.T("not-you"))}
	}
	for _, t := range p.Body {
		v.Body = append(v.Body, s.HTML(t))
	}
	v.notice(page, s)
	for _, x := range p.Problem {
		line := problemLine{Text: s.HTML(x.Text)}
		for _, f := range p.Fields {
			if f.Name == x.Field && f.Type != action.FieldHidden && f.Type != action.FieldUsername {
				line.Field = f.Name
				if len(p.Problem) > 1 { // several may say the same
					line.Label = s.HTML(f.Label)
				}
			}
		}
		v.Problems = append(v.Problems, line)
	}
	v.rows(p, app, a, s)
	v.NewTab = s.Key("new-tab")
	for _, l := range p.Links {
		if to := app.link(l.URL); safe(to) {
			v.Links = append(v.Links, link{URL: to, Label: s.Plain(l.Label)})
		}
	}
	if p.Leave != nil {
		v.Leave = &link{URL: p.Leave.URL, Label: s.Key("leave.go", "place", app.name(p.Leave.Name))}
	}
	v.form(p, a, s)
	v.passkey(p, a, s)
	v.others(p, a, s)
	return v
}

func (v *promptView) notice(page web.Page, s words.Speaker) {
	switch n := page.Prompt.Notice; {
	case n != nil:
		kind := n.Kind
		if kind != "ok" && kind != "warn" {
			kind = "info"
		}
		v.Notice = &noticeView{Kind: kind, Text: s.HTML(n.Text)}
	case page.Stale:
		v.Notice = &noticeView{Kind: "info", Text: s.HTML(action.T("notice.stale"))}
	}
}

func (v *promptView) rows(p *action.Prompt, app seen, a answer, s words.Speaker) {
	v.Clauses = len(p.Rows) > 0
	for _, r := range p.Rows {
		title := r.Title
		if r.App != "" {
			title = app.named(r.App, title)
		}
		row := rowView{Title: words.Shown(title)}
		for _, t := range r.Lines {
			row.Lines = append(row.Lines, s.HTML(t))
		}
		for _, b := range r.Buttons {
			x := actionOf(b, a, s)
			x.About = row.Title
			row.Buttons = append(row.Buttons, x)
		}
		v.Clauses = v.Clauses && r.Title == "" && len(r.Buttons) == 0
		v.Rows = append(v.Rows, row)
	}
}

func (v *promptView) form(p *action.Prompt, a answer, s words.Speaker) {
	if p.Submit == nil && !visible(p.Fields) {
		return
	}
	f := &formView{answer: a, Fields: fieldsOf(p, s)}
	switch {
	case p.Equal != nil && p.Submit != nil:
		e := actionOf(*p.Equal, a, s)
		e.Class = "button"
		v.Equal, v.EqualSubmit = &e, s.HTML(*p.Submit)
	case p.Submit != nil:
		f.Submit = s.HTML(*p.Submit)
	}
	v.Form = f
}

// passkey is the ceremony with its button. Where nothing else is asked the button is the page's primary one.
func (v *promptView) passkey(p *action.Prompt, a answer, s words.Speaker) {
	if p.Passkey == nil {
		return
	}
	k := &passkeyView{answer: a, Options: string(p.Passkey.Options), Mode: p.Passkey.Mode, Action: p.Passkey.Action, Class: "button", Alone: v.Form == nil,
		Elsewhere: s.Key("passkey.elsewhere"), NoScript: s.Key("no-script"), Without: s.Key("passkey.without")}
	if k.Alone {
		k.Class = "button primary"
	}
	for _, b := range p.Others {
		if b.Style == "passkey" {
			k.Label = s.HTML(b.Label)
		}
	}
	v.Passkey = k
}

func (v *promptView) others(p *action.Prompt, a answer, s words.Speaker) {
	for _, b := range p.Others {
		switch b.Style {
		case "passkey": // stands in the ceremony's form
		case "choice":
			v.Ways = append(v.Ways, actionOf(b, a, s))
		default:
			v.Buttons = append(v.Buttons, actionOf(b, a, s))
		}
	}
	if len(v.Ways) > maxWays {
		v.Ways, v.MoreWays = v.Ways[:maxWays], v.Ways[maxWays:]
	}
	if p.Equal != nil && p.Submit == nil {
		v.Buttons = append([]actionView{actionOf(*p.Equal, a, s)}, v.Buttons...)
	}
	if p.Back {
		v.Buttons = append(v.Buttons, actionView{answer: a, Name: "back", Class: "link", Label: s.HTML(action.T("back"))})
	}
	v.Others = len(v.Ways)+len(v.Buttons) > 0
}

func actionOf(b action.Button, a answer, s words.Speaker) actionView {
	class := "button"
	switch b.Style {
	case "link":
		class = "link"
	case "danger":
		class = "button danger"
	case "choice":
		class = "button way"
	}
	return actionView{answer: a, Name: b.Name, Value: b.Value, Class: class, Label: s.HTML(b.Label)}
}
