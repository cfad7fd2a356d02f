package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/web"
)

// File is a settings file that was read and found sound.
type File struct {
	Settings
	Path    string
	Dir     string         // relative paths and file: references start here
	Trusted []netip.Prefix // Proxies, parsed
}

// Schema is the JSON Schema of the settings file.
func Schema() *action.Schema { return action.Describe[Settings]() }

// Load reads and checks a settings file.
func Load(path string) (*File, diag.Problems, diag.Sources) {
	source, err := os.ReadFile(path)
	if err != nil {
		var ps diag.Problems
		ps.Add("STILE-C01", diag.Pos{File: path}, "`stile init DIR` writes a settings file that runs", "the settings cannot be read: %v", err)
		return nil, ps, nil
	}
	f, ps := Read(path, source)
	return f, ps, diag.Sources{path: source}
}

// Read checks the text of a settings file. The file is nil when there is an error.
func Read(path string, source []byte) (*File, diag.Problems) {
	n, ps := flow.Parse(path, source)
	if n == nil {
		return nil, ps
	}
	if n.Kind != flow.Map {
		ps.Add("STILE-C02", n.At, "begin with `issuer: https://…`", "settings are a map")
		return nil, ps
	}
	if err := check.NewSchemas().Check("STILE-C02", Schema(), n, n.At, &ps); err != nil {
		ps.Add("STILE-C02", n.At, "", "the settings cannot be checked: %v", err)
	}
	if ps.Failed() {
		return nil, ps
	}
	raw, err := n.MarshalJSON()
	f := &File{Path: path, Dir: filepath.Dir(path)}
	if err == nil {
		err = json.Unmarshal(raw, &f.Settings)
	}
	if err != nil {
		ps.Add("STILE-C02", n.At, "see docs/reference/settings.md", "%v", err)
		return nil, ps
	}
	f.check(n, &ps)
	if ps.Failed() {
		return nil, ps
	}
	return f, ps
}

func (f *File) check(n *flow.Node, ps *diag.Problems) {
	at := func(path ...string) diag.Pos {
		if v, _ := n.Path(path...); v != nil && v.At.Line > 0 {
			return v.At
		}
		return n.At
	}
	u, err := url.Parse(f.Issuer)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(f.Issuer, "/"):
		ps.Add("STILE-C03", at("issuer"), "write https://id.example.com", "the issuer is no plain address")
	case u.Scheme != "https" && (u.Scheme != "http" || !web.Loopback(u.Hostname())):
		ps.Add("STILE-C03", at("issuer"), "use https; plain http is for localhost alone, because cookies and passkeys need https", "the issuer cannot be %s", f.Issuer)
	}
	if f.AccountURL != "" {
		if a, err := url.Parse(f.AccountURL); err != nil || a.Host == "" || a.Scheme != "https" && !web.Loopback(a.Hostname()) {
			ps.Add("STILE-C03", at("account-url"), "write https://app.example.com/account", "the account-url is no https address")
		}
	}
	for i, p := range f.Proxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			ps.Add("STILE-C04", at("trusted-proxies", fmt.Sprint(i)), "write a network such as 10.0.0.0/8", "%q is no network", p)
		}
		f.Trusted = append(f.Trusted, prefix)
	}
	f.references(at, ps)
	f.clients(at, ps)
	for name, c := range f.Connectors {
		if b, err := url.Parse(c.Base); err != nil || b.Host == "" || b.Scheme != "https" && b.Scheme != "http" {
			ps.Add("STILE-C05", at("connectors", name, "base"), "write https://crm.example.com/v1", "the base of connector %s is no address", name)
		}
		if c.Bearer.text != "" && c.Basic != nil {
			ps.Add("STILE-C05", at("connectors", name), "keep bearer or basic", "connector %s signs in two ways", name)
		}
	}
	if f.Mail.SMTP != "" && f.Mail.From == "" {
		ps.Add("STILE-C06", at("mail"), "add `from: Example <no-reply@example.com>`", "mail has no sender")
	}
	if f.Mail.TLS == "none" {
		if host, _, ok := strings.Cut(f.Mail.SMTP, ":"); !ok || !web.Loopback(host) {
			ps.Add("STILE-C06", at("mail", "tls"), "use starttls or tls", "mail leaves unencrypted only to a server on this machine")
		}
	}
}

// references refuses secrets that are written out.
func (f *File) references(at func(...string) diag.Pos, ps *diag.Problems) {
	refuse := func(r Ref, path ...string) {
		if !r.Empty() && !r.Refers() {
			ps.Add("STILE-C07", at(path...), "write env:NAME or file:PATH", "a secret is written out; anybody who reads the settings would know it")
		}
	}
	refuse(f.MasterKey, "master-key")
	refuse(f.Mail.Password, "mail", "password")
	for name, p := range f.Providers {
		refuse(p.ClientSecret, "providers", name, "client_secret")
	}
	for name, c := range f.Connectors {
		refuse(c.Bearer, "connectors", name, "bearer")
		if c.Basic != nil {
			refuse(c.Basic.Password, "connectors", name, "basic", "password")
		}
	}
	for _, store := range []struct {
		ref Ref
		key string
	}{{f.Ledger, "ledger"}, {f.Transient, "transient"}} {
		if u, err := url.Parse(store.ref.text); err == nil && !store.ref.Refers() && u.User != nil {
			if _, has := u.User.Password(); has {
				refuse(store.ref, store.key)
			}
		}
	}
}

// clients checks each client and resolves references among its secrets to what is kept of them.
func (f *File) clients(at func(...string) diag.Pos, ps *diag.Problems) {
	seen := map[string]bool{}
	for i := range f.Clients {
		index := fmt.Sprint(i)
		c := &f.Clients[i]
		if seen[c.ID] {
			ps.Add("STILE-C08", at("clients", index, "id"), "rename or remove one of them", "client %q is here twice", c.ID)
		}
		seen[c.ID] = true
		secrets := slices.Clone(c.Secrets)
		for k, s := range secrets {
			r := Ref{s}
			if !r.Refers() {
				continue
			}
			v, err := r.Resolve(f.Dir)
			if err != nil {
				ps.Add("STILE-C09", at("clients", index, "secrets", fmt.Sprint(k)), "set it before starting", "%v", err)
				continue
			}
			secrets[k] = client.Kept(v.Reveal())
		}
		c.Secrets = secrets
		checked, errs := client.Check(*c)
		for _, err := range errs {
			ps.Add("STILE-C08", at("clients", index), "see docs/reference/settings.md", "client %q: %v", c.ID, err)
		}
		if len(errs) == 0 {
			*c = checked
		}
	}
}
