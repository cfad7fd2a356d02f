// Package otp holds the steps that prove an address by a code sent to it.
package otp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/transient"
)

const (
	codeLife    = 10 * time.Minute
	resendAfter = 30 * time.Second
	maxSent     = 5 // codes of one step
)

// Limiter bounds how much mail one address or one network address can cause.
type Limiter interface {
	Take(ctx context.Context, key string, l transient.Limit, now time.Time) (ok bool, wait time.Duration, err error)
}

// sent is what a step remembers of the code it sent: never the code.
type sent struct {
	Salt    []byte    `json:"s"`
	Hash    []byte    `json:"h"` // nil: nothing was sent, and no code matches
	ID      string    `json:"i"` // names the code for its single use
	Times   int       `json:"n"`
	At      time.Time `json:"t"`
	To      string    `json:"to"`          // canonical
	Account string    `json:"a,omitempty"` // whose stored address it is; "" for nobody's
}

// challenge is one step's way of sending a code and checking it.
type challenge struct {
	limit     Limiter
	network   transient.Limit
	pseudonym func(string) string
}

// send makes a new code. deliver is false for nobody's address: everything looks the same and no code matches.
func (c challenge) send(ctx context.Context, t *action.Turn, before sent, deliver bool) (sent, string, bool, error) {
	ok, _, err := c.limit.Take(ctx, "mail:to:"+c.pseudonym(before.To), transient.Limit{Burst: 6, Per: 15 * time.Minute}, t.Now)
	if err != nil {
		return before, "", false, fmt.Errorf("mail limit: %w", err)
	}
	if ip := t.View.Request().IP; ok && ip != "" && c.network.Burst > 0 {
		if ok, _, err = c.limit.Take(ctx, "mail:from:"+ip, c.network, t.Now); err != nil {
			return before, "", false, fmt.Errorf("mail limit: %w", err)
		}
	}
	code, err := sixDigits(t.Random)
	if err != nil {
		return before, "", false, err
	}
	next := before
	next.Times, next.At, next.Salt, next.Hash = before.Times+1, t.Now, make([]byte, 16), nil
	if _, err := io.ReadFull(t.Random, next.Salt); err != nil {
		return before, "", false, fmt.Errorf("random: %w", err)
	}
	next.ID = fmt.Sprintf("%x", next.Salt)
	if deliver && ok {
		next.Hash = hashed(next.Salt, code)
	}
	return next, code, deliver && ok, nil
}

// matches compares what was typed in constant time; spaces, dashes and full-width digits are forgiven.
func (s sent) matches(typed string, now time.Time) bool {
	digits := strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case unicode.IsSpace(r), unicode.In(r, unicode.Pd):
			return -1
		}
		return r
	}, typed)
	sum := hashed(s.Salt, digits)
	want := s.Hash
	if want == nil {
		want = make([]byte, len(sum))
	}
	return subtle.ConstantTimeCompare(sum, want) == 1 && s.Hash != nil && now.Sub(s.At) < codeLife
}

func hashed(salt []byte, code string) []byte {
	m := hmac.New(sha256.New, salt)
	m.Write([]byte(code))
	return m.Sum(nil)
}

func sixDigits(random io.Reader) (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("random: %w", err)
	}
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(b[:])%1_000_000), nil // 2^64 mod 10^6 is a bias of 10^-14
}

func unbox(raw json.RawMessage) (sent, bool) {
	var s sent
	return s, len(raw) > 0 && json.Unmarshal(raw, &s) == nil
}

// page is the prompt for a code. masked is what may be shown of the address.
func page(title action.Text, masked string, body action.Text) *action.Prompt {
	submit, hint := action.T("continue"), action.T("code.hint", "masked", masked)
	return &action.Prompt{Title: title, Body: []action.Text{body}, Submit: &submit,
		Fields: []action.Field{{Name: "code", Type: action.FieldCode, Label: action.T("code.label"), Hint: &hint}},
		Others: []action.Button{{Name: "resend", Label: action.T("code.resend"), Style: "link"}}}
}

func asked(p *action.Prompt, s sent, problem *action.Problem, notice *action.Notice) (action.Result, error) {
	box, err := json.Marshal(s)
	if err != nil {
		return action.Result{}, fmt.Errorf("remember code: %w", err)
	}
	if problem != nil {
		p.Problem = []action.Problem{*problem}
	}
	p.Notice = notice
	return action.Result{Prompt: p, Box: box}, nil
}

// attempt asks for a guess to be counted, or says what to show when it may not be made; both nil: go on and compare.
func attempt(t *action.Turn, key string, known bool) (*journey.Attempt, *action.Problem) {
	if t.Attempted == nil {
		a := &journey.Attempt{Key: key, At: t.Now}
		if !known {
			a.Expires = t.Now.Add(24 * time.Hour)
		}
		return a, nil
	}
	if t.Attempted.Allowed {
		return nil, nil
	}
	n := max(1, int(math.Ceil(min(t.Attempted.Until.Sub(t.Now), 24*time.Hour).Minutes())))
	return nil, &action.Problem{Field: "code", ID: "wait", Text: action.T("code.wait", "n", n)}
}

// once uses the code up, whatever becomes of the journey's copy of it.
func (s sent) once(now time.Time) identity.Write {
	return identity.Consume{Space: "otp", ID: s.ID, Expires: now.Add(24 * time.Hour)}
}
