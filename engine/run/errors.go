package run

import (
	"errors"
	"fmt"
)

var (
	// ErrGone: there is no such journey any more, or the binding is not its. The two are one to a stranger.
	ErrGone = errors.New("run: no such journey")
	// ErrFinished: the journey has ended and its end is only for the browser that holds the present binding.
	ErrFinished = errors.New("run: the journey has ended elsewhere")
	// ErrNoFlow: the flow does not exist, or cannot be started by itself.
	ErrNoFlow = errors.New("run: no such flow")
)

// BadInput is an answer that does not fit the prompt. The journey stays where it was. ID is stable and public.
type BadInput struct{ ID, Detail string }

func (b *BadInput) Error() string { return fmt.Sprintf("run: bad input: %s: %s", b.ID, b.Detail) }
