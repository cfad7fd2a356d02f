// Package mail sends letters: messages of the outbox, worded in their receiver's language.
package mail

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/delivery"
)

// Kind is what the outbox calls messages that are letters.
const Kind = "mail"

// Letter is a worded message.
type Letter struct{ ID, To, Subject, Text, HTML string }

// Sender hands a letter to the outside.
type Sender interface {
	Send(ctx context.Context, l Letter) error
}

// Letters words messages and hands them to a sender of letters. It implements delivery.Sender.
type Letters struct {
	Sender Sender
	Word   func(m action.Mail) (subject, text, html string, err error)
}

// Send implements delivery.Sender. A letter sent again has the same Message-ID, so that its receiver can tell.
func (s Letters) Send(ctx context.Context, message journey.Message) error {
	var m action.Mail
	if err := json.Unmarshal(message.Body, &m); err != nil {
		return fmt.Errorf("%w: body cannot be read", delivery.ErrHopeless)
	}
	subject, text, html, err := s.Word(m)
	if err != nil {
		return fmt.Errorf("%w: %w", delivery.ErrHopeless, err)
	}
	return s.Sender.Send(ctx, Letter{ID: message.ID, To: m.To, Subject: subject, Text: text, HTML: html})
}
