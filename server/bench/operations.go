package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// operations lists what is measured.
func operations() []operation {
	return []operation{
		{name: "health check, for scale", run: func(ctx context.Context, c *caller) error {
			_, _, err := c.send(ctx, http.MethodGet, "/healthz", nil, nil, http.StatusOK)
			return err
		}},
		{name: "client_credentials, opaque", aim: "20 µs", run: credentials("bench")},
		{name: "client_credentials, JWT ES256", aim: "55 µs", run: credentials("bench-jwt")},
		{name: "introspection", aim: "20 µs", prepare: signedIn("plain"), run: introspection},
		{name: "introspection as a JWT (phantom token)", prepare: signedIn("plain"), run: phantom},
		{name: "gateway: a JWT for one request", prepare: signedIn("plain"), run: forward},
		{name: "token exchange (delegation)", prepare: signedIn("plain"), run: exchange},
		{name: "userinfo", aim: "20 µs", prepare: signedIn("plain"), run: userinfo},
		{name: "refresh", aim: "90 µs", prepare: signedIn("plain"), run: refresh},
		{name: "sign-in, code and PKCE, 6 requests", aim: "250 µs", run: signIn("plain")},
		{name: "the same with a hook", aim: "310 µs", run: signIn("hooked")},
		{name: "the same with a pushed request, 7 requests", aim: "350 µs", run: signIn("pushed")},
		{name: "client_credentials, private_key_jwt and DPoP", aim: "400 µs", run: keyed},
	}
}

func basic(id string) http.Header {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(id, "bench-secret")
	return r.Header
}

func credentials(id string) func(context.Context, *caller) error {
	form, header := url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}}, basic(id)
	return func(ctx context.Context, c *caller) error {
		_, _, err := c.send(ctx, http.MethodPost, "/token", form, header, http.StatusOK)
		return err
	}
}

func signedIn(flow string) func(context.Context, *caller) error { return signIn(flow) }

func introspection(ctx context.Context, c *caller) error {
	text, _, err := c.send(ctx, http.MethodPost, "/introspect", url.Values{"token": {c.access}}, basic("bench"), http.StatusOK)
	if err == nil && !strings.Contains(text, `"active":true`) {
		err = errors.New("the token is not active: " + text)
	}
	return err
}

// phantom asks as a gateway does that passes JWTs on (RFC 9068).
func phantom(ctx context.Context, c *caller) error {
	header := basic("bench")
	header.Set("Accept", "application/jwt")
	text, _, err := c.send(ctx, http.MethodPost, "/introspect", url.Values{"token": {c.access}}, header, http.StatusOK)
	if err == nil && strings.Count(text, ".") != 2 {
		err = errors.New("no JWT: " + text)
	}
	return err
}

// forward asks as nginx does for each request.
func forward(ctx context.Context, c *caller) error {
	_, h, err := c.send(ctx, http.MethodGet, "/gateway/api", nil, http.Header{"Authorization": {"Bearer " + c.access}, "Stile-Gateway": {basic("bench").Get("Authorization")}}, http.StatusOK)
	if err == nil && !strings.HasPrefix(h.Get("Authorization"), "Bearer ey") {
		err = errors.New("no JWT for the API")
	}
	return err
}

// exchange asks as an API does that calls another for the same person (RFC 8693).
func exchange(ctx context.Context, c *caller) error {
	text, _, err := c.send(ctx, http.MethodPost, "/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {c.access},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "audience": {"https://stock.example"}}, basic("bench-orders"), http.StatusOK)
	if err == nil && !strings.Contains(text, `"issued_token_type"`) {
		err = errors.New("no exchanged token: " + text)
	}
	return err
}

func userinfo(ctx context.Context, c *caller) error {
	_, _, err := c.send(ctx, http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + c.access}}, http.StatusOK)
	return err
}

func refresh(ctx context.Context, c *caller) error {
	text, _, err := c.send(ctx, http.MethodPost, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}}, basic("bench"), http.StatusOK)
	if err != nil {
		return err
	}
	return c.keep(text)
}

func (c *caller) keep(answer string) error {
	var t struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(answer), &t); err != nil {
		return err
	}
	if t.Access == "" {
		return errors.New("no token: " + answer)
	}
	c.access, c.refresh = t.Access, t.Refresh
	return nil
}

// The S256 challenge of the verifier, RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// signIn walks the pages as a browser does: authorize, identifier page and answer, password page and answer, token.
func signIn(flow string) func(context.Context, *caller) error {
	ask := url.Values{"client_id": {"bench"}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1:9/cb"}, "scope": {"openid offline_access api"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	if flow == "hooked" {
		ask.Set("claims", `{"id_token":{"acr":{"essential":true,"values":["urn:stile:`+flow+`"]}}}`)
	}
	query := ask.Encode()
	return func(ctx context.Context, c *caller) error {
		c.turn++
		b := &browser{c: c, jar: map[string]string{}}
		query := query
		if flow == "pushed" {
			var err error
			if query, err = c.push(ctx, ask); err != nil {
				return err
			}
		}
		page, err := b.begin(ctx, query)
		if err != nil {
			return err
		}
		if page, err = b.answer(ctx, page, "who", url.Values{"identifier": {person((c.number*7 + c.turn) % people)}}); err != nil {
			return err
		}
		location, err := b.last(ctx, page, "password", url.Values{"password": {password}})
		if err != nil {
			return err
		}
		u, err := url.Parse(location)
		if err != nil || u.Query().Get("code") == "" {
			return fmt.Errorf("no code in %s", location)
		}
		text, _, err := c.send(ctx, http.MethodPost, "/token", url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
			"redirect_uri": {"http://127.0.0.1:9/cb"}, "code_verifier": {verifier}}, basic("bench"), http.StatusOK)
		if err != nil {
			return err
		}
		return c.keep(text)
	}
}

// browser keeps the cookies of one sign-in.
type browser struct {
	c   *caller
	jar map[string]string
}

type form struct{ path, revision string }

func (b *browser) cookies(h http.Header) {
	for _, line := range h.Values("Set-Cookie") {
		if k, err := http.ParseSetCookie(line); err == nil {
			b.jar[k.Name] = k.Value
		}
	}
}

func (b *browser) header() http.Header {
	var parts []string
	for k, v := range b.jar {
		parts = append(parts, k+"="+v)
	}
	return http.Header{"Cookie": {strings.Join(parts, "; ")}}
}

func (b *browser) begin(ctx context.Context, query string) (form, error) {
	_, h, err := b.c.send(ctx, http.MethodGet, "/authorize?"+query, nil, nil, http.StatusSeeOther)
	if err != nil {
		return form{}, err
	}
	b.cookies(h)
	return b.page(ctx, h.Get("Location"))
}

func (b *browser) page(ctx context.Context, path string) (form, error) {
	text, h, err := b.c.send(ctx, http.MethodGet, path, nil, b.header(), http.StatusOK)
	if err != nil {
		return form{}, err
	}
	b.cookies(h)
	m := regexp.MustCompile(`name="?revision"? value="?(\d+)`).FindStringSubmatch(text)
	if m == nil {
		return form{}, fmt.Errorf("%s: no revision in %.500s", path, text)
	}
	return form{path, m[1]}, nil
}

func (b *browser) post(ctx context.Context, f form, step string, fields url.Values) (string, error) {
	fields.Set("step", step)
	fields.Set("revision", f.revision)
	_, h, err := b.c.send(ctx, http.MethodPost, f.path, fields, b.header(), http.StatusSeeOther)
	if err != nil {
		return "", err
	}
	b.cookies(h)
	return h.Get("Location"), nil
}

func (b *browser) answer(ctx context.Context, f form, step string, fields url.Values) (form, error) {
	location, err := b.post(ctx, f, step, fields)
	if err != nil {
		return form{}, err
	}
	return b.page(ctx, location)
}

func (b *browser) last(ctx context.Context, f form, step string, fields url.Values) (string, error) {
	return b.post(ctx, f, step, fields)
}
