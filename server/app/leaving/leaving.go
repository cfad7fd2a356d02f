// Package leaving shows the pages of signing out.
package leaving

import (
	"net/http"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/logout"
	"github.com/stile-id/stile/server/web"
)

// Room words what the logout endpoint asks and says.
type Room struct{ Pages web.Pages }

// Ask asks whether the person means it: some page led them here, and it need not have been the app.
func (s *Room) Ask(w http.ResponseWriter, r *http.Request, q logout.Question) {
	yes := action.T("logout.yes")
	s.Pages.Prompt(w, r, web.Page{URL: q.Action, Client: q.ID, Name: q.Client, Theme: q.Theme, Locale: q.Locale, Leaves: true, Prompt: &action.Prompt{
		Step: "logout", Kind: "logout.ask", Title: action.T("logout.title", "client", q.Client), Body: []action.Text{action.T("logout.body")}, Submit: &yes,
		Fields: []action.Field{{Name: "note", Type: action.FieldHidden, Value: q.Note}}}})
}

// Done says that nobody is signed in any more, and leads on to the app that asked.
func (s *Room) Done(w http.ResponseWriter, r *http.Request, f logout.Farewell) {
	page := web.Page{Prompt: &action.Prompt{Step: "signed-out", Kind: "logout.done", Title: action.T("logout.done"), Body: []action.Text{action.T("logout.done-body")}}}
	page.Frames, page.Next = f.Frames, f.Next
	if c := f.Client; c != nil {
		if f.Next != "" && client.Origin(f.Next) != "" {
			page.Prompt.Leave, page.Prompt.Body = &action.Leave{URL: f.Next, Name: c.Name}, nil
		}
		page.Client, page.Name, page.Theme = c.ID, c.Name, c.Theme
	}
	s.Pages.Prompt(w, r, page)
}
