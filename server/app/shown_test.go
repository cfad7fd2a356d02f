package app_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestS023_S110_AppsShowThemselves: on a whole server, an app's name, picture and links are in the language of the page, for clients of the settings and for those that
// registered. No page waits for a picture, and a picture that is not to be had is none.
func TestS023_S110_AppsShowThemselves(t *testing.T) {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 400, 100))); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(file.Bytes())
	}))
	defer host.Close()
	p := serveText(t, t.TempDir(), func(base, listen string) string {
		text := strings.Replace(productSettings(base, listen, ""), "providers:\n", `  - id: shop
    name: Shop
    auth: none
    allow_private: true
    logo_uri: `+host.URL+`/logo.png
    policy_uri: https://rp.example/privacy
    translations: { de: { name: Laden, policy_uri: "https://rp.example/datenschutz" } }
    redirect_uris: ["com.example.shop:/cb"]
    flows: { default: signin }
providers:
`, 1)
		return text + "registration: { open: app, kinds: { app: { flows: { default: signin }, scopes: [openid] } } }\n"
	})
	s, m := sendJSON(t, "POST", p.base+"/register", "", `{"redirect_uris":["https://rp.example/cb"],"client_name":"Garden","client_name#de":"Garten","logo_uri":"https://127.0.0.1:9/logo.png","logo_uri#de":"https://127.0.0.1:9/de.png"}`)
	if s != http.StatusCreated || m["client_name#de"] != "Garten" {
		t.Fatalf("%d %v", s, m)
	}
	id := m["client_id"].(string)
	for _, x := range []struct{ id, redirect, lang, name, logo, policy string }{
		{"shop", "com.example.shop:/cb", "", "Shop", "/clients/shop/logo", "https://rp.example/privacy"}, {"shop", "com.example.shop:/cb", "de-AT", "Laden", "/clients/shop/logo", "https://rp.example/datenschutz"},
		{id, "https://rp.example/cb", "", "Garden", "/clients/" + id + "/logo", ""}, {id, "https://rp.example/cb", "de", "Garten", "/clients/" + id + "/logo?lang=de", ""}} {
		v := visit(t, p.base)
		v.begin("client_id", x.id, "redirect_uri", x.redirect, "scope", "openid", "ui_locales", x.lang)
		if !strings.Contains(v.page, "<bdi>"+x.name+"</bdi>") || !strings.Contains(v.page, `<img src="`+x.logo+`" alt=""`) || x.policy != "" && !strings.Contains(v.page, `href="`+x.policy+`"`) {
			t.Errorf("%s in %q: %s", x.id, x.lang, v.page)
		}
	}
	if asked.Load() != 0 {
		t.Error("a page fetched a picture")
	}
	v := visit(t, p.base)
	for range 2 {
		a := v.must(http.MethodGet, "/clients/shop/logo", nil, http.StatusOK)
		if shown, err := png.Decode(strings.NewReader(a.body)); err != nil || shown.Bounds().Dx() != 192 || a.header.Get("Content-Type") != "image/png" || a.header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
			t.Errorf("%v %v", err, a.header)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	for _, path := range []string{"/clients/" + id + "/logo", "/clients/" + id + "/logo?lang=de", "/clients/app/logo", "/clients/nobody/logo"} {
		if a := v.must(http.MethodGet, path, nil, http.StatusNotFound); a.header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}
