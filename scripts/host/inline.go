package host

import (
	"time"

	"github.com/dlclark/regexp2/v2"

	"github.com/stile-id/stile/scripts/worker"
)

// prepareInline sets the time one regular expression may take, for the whole process: it is the only way there is to
// end one that has run away.
func prepareInline(o Options) { regexp2.DefaultMatchTimeout = o.slow() }

// inline runs a call in this process with the same code a worker runs. At the deadline the script is interrupted at its
// next instruction, which is not enough against a hostile one.
func (p *Pool) inline(src worker.Source, c worker.Call, out *outside) (worker.Done, error) {
	m := worker.NewMachine(p.o.slow(), time.Now)
	if err := m.Load(src); err != nil {
		return worker.Done{}, failed(err)
	}
	var timer *clock
	done, err := m.Run(c, worker.Door{
		Started: func(stop func()) {
			timer = newClock(stop)
			timer.start(p.o.Deadline)
		},
		Ask: func(asks []worker.Ask) ([]worker.Answer, error) {
			timer.pause()
			answers, err := out.wait(asks)
			timer.resume()
			return answers, err
		},
	})
	if timer != nil {
		timer.end()
	}
	return done, failed(err)
}
