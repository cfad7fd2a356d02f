package trail

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stile-id/stile/engine/action"
)

var errTooLarge = errors.New("trail: too large")

type callsKey struct{}

// Notes collects the connector calls of one step. Scripts may call several at once, and a call may outlive the script that made it.
type Notes struct {
	mu    sync.Mutex
	calls []Call
	taken bool
}

// Noting returns a context in which connector calls are noted.
func Noting(ctx context.Context) (context.Context, *Notes) {
	n := &Notes{}
	return context.WithValue(ctx, callsKey{}, n), n
}

// Take returns what was noted; later calls are nobody's.
func (n *Notes) Take() []Call {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taken = true
	return n.calls
}

func (n *Notes) add(c Call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.taken && len(n.calls) <= maxCalls {
		n.calls = append(n.calls, c)
	}
}

// Connectors notes the calls that steps make. Inner answers them.
type Connectors struct {
	Inner action.Connectors
	Now   func() time.Time
}

// Call implements action.Connectors.
func (c Connectors) Call(ctx context.Context, connector string, r action.ConnectorRequest) (action.ConnectorReply, error) {
	notes, noting := ctx.Value(callsKey{}).(*Notes)
	if !noting {
		return c.Inner.Call(ctx, connector, r)
	}
	started := c.Now()
	reply, err := c.Inner.Call(ctx, connector, r)
	path, _, _ := strings.Cut(r.Path, "?")
	note := Call{Connector: connector, Method: r.Method, Path: path, Status: reply.Status, Took: c.Now().Sub(started)}
	if err != nil {
		note.Failed = failure(err)
	}
	notes.add(note)
	return reply, err
}

// failure is an error without the address that was called: queries may hold what no trail should.
func failure(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Op + ": " + u.Err.Error()
	}
	return err.Error()
}
