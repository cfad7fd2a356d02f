package sample

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/stile-id/stile/server/dev/page"
)

// maxAnswer bounds what an endpoint may answer, in bytes.
const maxAnswer = 1 << 20

// call wraps something done with the tokens: its answer is shown on the next page.
func (a *App) call(title string, do func(ctx context.Context, t *signed) (body string, next *signed, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := a.sessions.read(r).signed
		if t == nil {
			a.say(w, r, notice{Kind: "info", Title: "Nobody is signed in", Text: "Sign in first."})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		body, next, err := do(ctx, t)
		if err != nil {
			a.trouble(w, r, "The call failed", err)
			return
		}
		a.sessions.change(w, r, func(s *session) {
			s.result = &result{Title: title, Body: body}
			if next != nil && s.signed != nil && s.signed.subject == next.subject {
				s.signed = next
			}
		})
		page.See(w, "/dev/app")
	}
}

// userinfo asks for the person's claims; they must be about the one who signed in (OpenID Connect Core §5.3.2).
func (a *App) userinfo(ctx context.Context, t *signed) (string, *signed, error) {
	found, _, err := a.provider(ctx)
	if err != nil {
		return "", nil, err
	}
	info, err := found.UserInfo(a.context(ctx), oauth2.StaticTokenSource(t.token))
	if err != nil {
		return "", nil, fmt.Errorf("userinfo: %w", err)
	}
	if info.Subject != t.subject {
		return "", nil, errors.New("userinfo: it is about somebody else")
	}
	var all json.RawMessage
	if err := info.Claims(&all); err != nil {
		return "", nil, fmt.Errorf("userinfo: %w", err)
	}
	return pretty(all), nil, nil
}

// introspect asks, as a resource server would, what the access token is worth (RFC 7662).
func (a *App) introspect(ctx context.Context, t *signed) (string, *signed, error) {
	_, e, err := a.provider(ctx)
	if err != nil {
		return "", nil, err
	}
	form := url.Values{"token": {t.token.AccessToken}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Introspect, strings.NewReader(form.Encode()))
	if err != nil {
		return "", nil, fmt.Errorf("introspection: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.SetBasicAuth(url.QueryEscape(a.Prober), url.QueryEscape(a.Secret))
	res, err := a.client.Do(r)
	if err != nil {
		return "", nil, fmt.Errorf("introspection: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", nil, fmt.Errorf("introspection: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("introspection: status %d: %s", res.StatusCode, short(string(raw)))
	}
	return pretty(raw), nil, nil
}

// refresh changes the refresh token for new tokens (OAuth 2.1 §4.3); a new ID token must be about the same person.
func (a *App) refresh(ctx context.Context, t *signed) (string, *signed, error) {
	found, _, err := a.provider(ctx)
	if err != nil {
		return "", nil, err
	}
	if t.token.RefreshToken == "" {
		return "", nil, errors.New("refresh: there is no refresh token")
	}
	config := a.config(found, t.client)
	token, err := config.TokenSource(a.context(ctx), &oauth2.Token{RefreshToken: t.token.RefreshToken, Expiry: a.Now().Add(-time.Hour)}).Token()
	if err != nil {
		return "", nil, fmt.Errorf("refresh: %w", err)
	}
	next := &signed{client: t.client, subject: t.subject, name: t.name, claims: t.claims, id: t.id, token: token}
	if token.Extra("id_token") != nil {
		if next, _, err = a.checked(ctx, t.client, token); err != nil {
			return "", nil, fmt.Errorf("refresh: %w", err)
		}
		if next.subject != t.subject {
			return "", nil, errors.New("refresh: the new ID token is about somebody else")
		}
	}
	said, err := json.Marshal(map[string]any{"new_access_token": token.AccessToken != t.token.AccessToken, "new_refresh_token": token.RefreshToken != t.token.RefreshToken,
		"new_id_token": next.id != t.id, "expires_in": int(token.Expiry.Sub(a.Now()).Round(time.Second).Seconds())})
	if err != nil {
		return "", nil, fmt.Errorf("refresh: %w", err)
	}
	return pretty(said), next, nil
}

// pretty indents JSON; what is none stays as it is.
func pretty(raw []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}
