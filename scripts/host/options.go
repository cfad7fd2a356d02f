package host

import (
	"log/slog"
	"os"
	"time"
)

// Options say how hooks are run. The zero value is fit for production.
type Options struct {
	Command   []string      // starts a worker; default: this program with the argument hook-worker
	Workers   int           // hooks that run at the same time, and idle workers kept; default 2
	Waiting   int           // hooks that may wait for connectors beside those running; default 16
	Queue     int           // calls that may wait for a worker; default 256
	Deadline  time.Duration // a hook's own running time; default 100 ms
	Patience  time.Duration // what all connector calls of one hook may take together; default 5 s
	Memory    uint64        // bytes a worker may use above what a Go process reserves when it starts (Linux only); default 128 MiB
	Isolation string        // IsolationProcess (default) or IsolationInline
	Logger    *slog.Logger  // default: discards
}

const (
	// IsolationProcess runs hooks in child processes: the only way that holds against a hostile or broken hook.
	IsolationProcess = "process"
	// IsolationInline runs hooks inside this process. A hook can then exhaust its memory or end it: for development only.
	IsolationInline = "inline"

	queueWait = time.Second      // a call that got no worker for so long is refused as busy
	startWait = 10 * time.Second // a worker that takes longer to start, or to load a program, is killed
)

func (o Options) withDefaults() (Options, error) {
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.Waiting <= 0 {
		o.Waiting = 16
	}
	if o.Queue <= 0 {
		o.Queue = 256
	}
	if o.Deadline <= 0 {
		o.Deadline = 100 * time.Millisecond
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	if o.Memory == 0 {
		o.Memory = 128 << 20
	}
	if o.Isolation == "" {
		o.Isolation = IsolationProcess
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if len(o.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.Command = []string{self, "hook-worker"}
	}
	return o, nil
}

// slow is where a worker itself calls a run failed, and gives up a single regular expression. It lies well beyond the
// deadline, by when the process should long have been killed.
func (o Options) slow() time.Duration { return 2*o.Deadline + time.Second }
