package pages

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages/words"
)

// Message is a worded mail: both parts say the same.
type Message struct{ Subject, Text, HTML string }

// mailView is what the template of the HTML part sees.
type mailView struct {
	Lang, Dir, Subject, Sender, Title, Code, Line string
	Body, Sign                                    template.HTML
	After, Facts                                  []template.HTML
}

// mailLine separates the parts of a message; it shows on light and on dark.
const mailLine = "#8A93A0"

// Mail words a message in its receiver's language: what happened, the code if there is one, what to do if it was not the
// receiver, when and where. There is no picture, no link and nothing that tells the sender it was read. It fails for a template nobody worded.
func (p *Pages) Mail(m action.Mail) (Message, error) {
	look := p.look(m.Theme)
	sender := p.options.Name
	if look.logo.Alt != "" {
		sender = look.logo.Alt
	}
	l := p.catalogue.Match(words.Tags(m.Locale))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // a message has no request whose end it could wait for
	defer cancel()
	s := p.catalogue.Speak(l, look.words, sender)
	if !s.Says(m.Template + ".subject") {
		return Message{}, fmt.Errorf("mail: nothing is worded for template %q", m.Template)
	}
	args := map[string]any{"sender": sender}
	for k, v := range m.Args {
		args[k] = v
	}
	if m.App != "" && m.Args["client"] != "" {
		args["client"] = p.app(ctx, m.App, m.Args["client"], l).Name
	}
	args[words.Count] = m.Args["minutes"]
	text := func(key string) action.Text { return action.Text{Key: key, Args: args} }

	var after, facts []action.Text
	if s.Says(m.Template+".life") && m.Args["minutes"] != "" {
		after = append(after, text(m.Template+".life"))
	}
	after = append(after, text(m.Template+".not-you"))
	for _, k := range []struct{ key, arg string }{{"mail.when", "when"}, {"mail.where", "address"}} {
		if m.Args[k.arg] != "" {
			facts = append(facts, text(k.key))
		}
	}
	v := mailView{Lang: s.Tag.String(), Dir: s.Dir(), Subject: oneLine(s.Plain(text(m.Template + ".subject"))), Sender: words.Shown(sender),
		Title: s.Plain(text(m.Template + ".title")), Line: mailLine, Body: s.HTML(text(m.Template + ".body")), Sign: s.HTML(text("mail.sign"))}
	if s.Says(m.Template + ".life") { // only messages that are about a code show one
		v.Code = words.Shown(m.Args["code"])
	}
	plain := []string{v.Title, s.Plain(text(m.Template + ".body"))}
	if v.Code != "" {
		plain = append(plain, v.Code)
	}
	for _, t := range after {
		v.After = append(v.After, s.HTML(t))
		plain = append(plain, s.Plain(t))
	}
	var told []string
	for _, t := range facts {
		v.Facts = append(v.Facts, s.HTML(t))
		told = append(told, s.Plain(t))
	}
	if len(told) > 0 {
		plain = append(plain, strings.Join(told, "\n"))
	}
	plain = append(plain, "-- \n"+s.Plain(text("mail.sign")))
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, "mail", v); err != nil {
		return Message{}, fmt.Errorf("mail %s: %w", m.Template, err)
	}
	return Message{Subject: v.Subject, Text: strings.Join(plain, "\n\n") + "\n", HTML: b.String()}, nil
}

// oneLine keeps a value from adding a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}
