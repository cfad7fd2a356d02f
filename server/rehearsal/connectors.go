package rehearsal

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/rehearse/cases"
)

// connectors answer by script. A call that no script knows gets no answer, as if the system were away, and the log says so.
type connectors struct {
	scripts map[string][]cases.Exchange
	down    []string
	say     func(format string, args ...any)

	mu   sync.Mutex
	used map[string][]int // how often each exchange was given
}

// Call implements action.Connectors. Exchanges that fit the call are given in turn, the last one for good.
func (c *connectors) Call(ctx context.Context, name string, r action.ConnectorRequest) (action.ConnectorReply, error) {
	if err := ctx.Err(); err != nil {
		return action.ConnectorReply{}, err
	}
	call := name + ": " + r.Method + " " + r.Path
	if slices.Contains(c.down, name) {
		c.say("connector %s (down)", call)
		return action.ConnectorReply{}, fmt.Errorf("%w: %s is down", action.ErrConnector, name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used == nil {
		c.used = map[string][]int{}
	}
	if c.used[name] == nil {
		c.used[name] = make([]int, len(c.scripts[name]))
	}
	last := -1
	for i, x := range c.scripts[name] {
		method, pattern, _ := x.Call()
		if fits, err := path.Match(pattern, "/"+strings.TrimPrefix(r.Path, "/")); err != nil || !fits || method != r.Method {
			continue
		}
		if last = i; c.used[name][i] == 0 {
			break
		}
	}
	if last < 0 {
		c.say("connector %s: no answer is scripted for this call", call)
		return action.ConnectorReply{}, fmt.Errorf("%w: no answer is scripted for %s", action.ErrConnector, call)
	}
	c.used[name][last]++
	reply := c.scripts[name][last].Reply
	status := reply.Status
	if status == 0 {
		status = 200
	}
	c.say("connector %s: %d", call, status)
	return action.ConnectorReply{Status: status, JSON: reply.JSON}, nil
}

// unused lists what of these scripts nobody called.
func (c *connectors) unused(scripts map[string][]cases.Exchange) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		for i, x := range scripts[name] {
			if i >= len(c.used[name]) || c.used[name][i] == 0 {
				method, p, _ := x.Call()
				out = append(out, name+": "+method+" "+p)
			}
		}
	}
	return out
}
