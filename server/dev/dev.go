// Package dev is what `stile serve --dev` serves besides the product, in one process and on one address: a sample app, an inbox, an employer's
// identity provider, a CRM and people who can sign in. All of it goes through the same doors as the real things would.
package dev

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"text/template"
	"time"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/dev/crm"
	"github.com/stile-id/stile/server/dev/idp"
	"github.com/stile-id/stile/server/dev/inbox"
	"github.com/stile-id/stile/server/dev/page"
	"github.com/stile-id/stile/server/dev/sample"
	"github.com/stile-id/stile/server/dev/spa"
	"github.com/stile-id/stile/server/web"
)

//go:embed dev.yaml
var settings string

// Options say where the development server listens and keeps its things. Empty ones stand for localhost:8080, .stile and flows.
type Options struct {
	Listen string // host:port on this machine; port 0 picks a free one
	Data   string // directory of the data
	Flows  string // folder of the flows; the shipped ones when there is none
}

// Dev is the extras of one development server.
type Dev struct {
	issuer *url.URL
	listen string
	data   string
	flows  string // "" for the shipped ones
	text   []byte // of the settings
	pages  *page.Pages
	inbox  *inbox.Inbox
	idp    *idp.Provider
	crm    *crm.CRM
	app    *sample.App
	spa    *spa.App
}

// New prepares the extras. It fails for an address that others could reach: the extras' passwords and secrets are known to everybody.
func New(o Options) (*Dev, error) {
	d := &Dev{}
	if err := d.where(o); err != nil {
		return nil, err
	}
	t, err := template.New("settings").Parse(settings)
	if err != nil {
		return nil, fmt.Errorf("development settings: %w", err)
	}
	var text bytes.Buffer
	if err := t.Execute(&text, struct{ Issuer, Listen string }{d.issuer.String(), d.listen}); err != nil {
		return nil, fmt.Errorf("development settings: %w", err)
	}
	d.text = text.Bytes()
	if d.pages, err = page.New(page.Place{Path: "/dev/app", Name: "App"}, page.Place{Path: "/dev/spa", Name: "Single-page app"}, page.Place{Path: "/dev/inbox", Name: "Inbox"},
		page.Place{Path: "/dev/idp", Name: "Employer"}, page.Place{Path: "/dev/crm", Name: "CRM"}); err != nil {
		return nil, err
	}
	issuer := d.issuer.String()
	d.inbox = inbox.New(d.pages, time.Now)
	if d.idp, err = idp.New(idp.Options{Issuer: issuer + "/dev/idp", Client: "stile", Redirect: issuer + "/federate/callback",
		People: staff(), Pages: d.pages, Now: time.Now}); err != nil {
		return nil, err
	}
	if d.spa, err = spa.New(d.pages); err != nil {
		return nil, err
	}
	d.crm = crm.New(d.pages, customers()...)
	d.app, err = sample.New(sample.Options{Issuer: issuer, Prober: "bench", Secret: "bench-secret", Pages: d.pages, Now: time.Now, Log: slog.Default()})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// where resolves address, data and flows.
func (d *Dev) where(o Options) error {
	if o.Listen == "" {
		o.Listen = "localhost:8080"
	}
	if o.Data == "" {
		o.Data = ".stile"
	}
	if o.Flows == "" {
		o.Flows = "flows"
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("listen: write host:port: %w", err)
	}
	if !web.Loopback(host) {
		return fmt.Errorf("listen: %q is reachable from elsewhere, and everybody knows the development server's passwords; use localhost", o.Listen)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("listen: %q is no port", port)
	} else if n == 0 {
		if port, err = free(host); err != nil {
			return err
		}
	}
	d.listen = net.JoinHostPort(host, port)
	d.issuer = &url.URL{Scheme: "http", Host: d.listen}
	if d.data, err = filepath.Abs(o.Data); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if d.flows, err = filepath.Abs(o.Flows); err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	info, err := os.Stat(d.flows)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.flows = ""
	case err != nil:
		return fmt.Errorf("flows: %w", err)
	case !info.IsDir():
		return fmt.Errorf("flows: %s is no folder", d.flows)
	}
	return nil
}

// free finds a port that nobody listens on. Another program may take it before we do; then listening fails, loudly.
func free(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	return port, nil
}

// Issuer is the address everything is served at.
func (d *Dev) Issuer() string { return d.issuer.String() }

// Settings are the development server's settings, read as any settings file is.
func (d *Dev) Settings() (*config.File, diag.Problems, diag.Sources) {
	const name = "dev.yaml"
	f, problems := config.Read(name, d.text)
	if f != nil {
		f.Dir, f.Data, f.Flows = d.data, d.data, d.flows
	}
	return f, problems, diag.Sources{name: d.text}
}

// Flows are the shipped flows, or nil when the folder that the settings name is there: then a save takes effect.
func (d *Dev) Flows() fs.FS {
	if d.flows != "" {
		return nil
	}
	return flows.Shipped
}

// Inbox takes the mail.
func (d *Dev) Inbox() mail.Sender { return d.inbox }
