package dev

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/dev/idp"
	"github.com/stile-id/stile/server/dev/page"
)

// Mount seeds the accounts and adds the extras' routes.
func (d *Dev) Mount(r *mux.Router, s *app.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := Seed(ctx, s); err != nil {
		return err
	}
	own := r.NewRoute().Subrouter()
	own.Use(func(next http.Handler) http.Handler { return page.Guard(d.issuer, d.pages, next) })
	own.HandleFunc("/", d.front).Methods(http.MethodGet)
	own.HandleFunc("/dev", func(w http.ResponseWriter, _ *http.Request) { page.See(w, "/") }).Methods(http.MethodGet)
	own.HandleFunc("/dev/settings.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(d.text)
	}).Methods(http.MethodGet)
	d.pages.Mount(own)
	d.app.Mount(own)
	d.spa.Mount(own)
	d.inbox.Mount(own)
	d.idp.Mount(own)
	d.crm.Mount(own)
	return nil
}

type somebody struct{ Email, Password, Tier string }

func people() []somebody {
	var out []somebody
	for _, c := range seeded() {
		out = append(out, somebody{c.email, Password, c.tier})
	}
	for _, address := range staff() {
		out = append(out, somebody{Email: address, Tier: "basic"})
	}
	return out
}

type client struct{ ID, About, Flows string }

func (d *Dev) front(w http.ResponseWriter, _ *http.Request) {
	d.pages.Show(w, page.Page{Name: "front", Title: "Stile is running", Here: "/", Data: struct {
		Issuer, Flows, Data string
		People              []somebody
		Clients             []client
	}{d.Issuer(), d.flows, d.data, people(), []client{
		{"dev-app", "The sample app: public, of the house, no consent asked", "signin, signup, account"},
		{"partner", "The sample app as one of another house: consent is asked", "signin"},
		{"dev-spa", "The sample single-page app: its tokens stay with the token handler", "signin"},
		{"bench", "Confidential; client credentials, introspection of any token", "signin, signup, account"},
	}}})
}

// Welcome says on one screen what to open.
func (d *Dev) Welcome() string {
	var b strings.Builder
	at := d.Issuer()
	fmt.Fprintf(&b, "\nStile is running for development: %s/\n\n", at)
	fmt.Fprintf(&b, "  Sample app   %s/dev/app      sign in, sign up, manage the account, see tokens\n", at)
	fmt.Fprintf(&b, "  Page app     %s/dev/spa      a single-page app that never sees a token\n", at)
	fmt.Fprintf(&b, "  Inbox        %s/dev/inbox    mail that was sent: codes are here\n", at)
	fmt.Fprintf(&b, "  Employer     %s/dev/idp      signs in any address at %s\n", at, idp.Domain)
	fmt.Fprintf(&b, "  CRM          %s/dev/crm      make it slow or let it fail\n\n", at)
	for _, p := range people() {
		how := "password " + p.Password
		if p.Password == "" {
			how = "at the employer, no password"
		}
		fmt.Fprintf(&b, "  %-20s %s\n", p.Email, how)
	}
	where := "those that ship with Stile; `stile init DIR` writes them out"
	if d.flows != "" {
		where = d.flows + "; a change takes effect on save"
	}
	fmt.Fprintf(&b, "\n  Flows: %s\n  Data:  %s\n\nPress Ctrl-C to stop.\n\n", where, d.data)
	return b.String()
}
