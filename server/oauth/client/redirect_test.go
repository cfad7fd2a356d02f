package client

import (
	"net/url"
	"testing"
)

func FuzzRedirect(f *testing.F) {
	registered := []string{"https://app.example/cb", "http://127.0.0.1/cb", "http://[::1]:80/cb?x"}
	for _, r := range registered {
		f.Add(r)
	}
	f.Add("http://127.0.0.1:8080/cb")
	f.Add("http://127.0.0.1:8080@evil.example/cb")
	f.Fuzz(func(t *testing.T, uri string) {
		if !Allowed(registered, uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q is allowed", uri)
		}
		switch u.Hostname() {
		case "app.example":
			if uri != registered[0] {
				t.Fatalf("%q is allowed", uri)
			}
		case "127.0.0.1", "::1":
			if u.Scheme != "http" || u.Path != "/cb" {
				t.Fatalf("%q is allowed", uri)
			}
		default:
			t.Fatalf("%q is allowed", uri)
		}
	})
}
