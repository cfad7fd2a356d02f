package worker_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stile-id/stile/scripts/worker"
)

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	for _, d := range []worker.Done{
		{}, {Value: []byte(`{"a":1}`), Console: []string{"one", "two"}},
		{Fault: &worker.Fault{Message: "no", Line: 3, Col: 70}, Console: []string{"three"}},
	} {
		frame := d.Append(worker.NewFrame(nil, worker.Ended))
		got, err := worker.ParseDone(frame[5:])
		if diff := cmp.Diff(d, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	asks := []worker.Ask{{ID: 0, Connector: "crm", Request: []byte("{}")}, {ID: 4, Connector: "ldap", Request: []byte("1")}}
	got, err := worker.ParseAsks(worker.AppendAsks(nil, asks))
	if diff := cmp.Diff(asks, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	answers := []worker.Answer{{ID: 1, Value: []byte("null")}, {ID: 0, Error: "down"}}
	back, err := worker.ParseAnswers(worker.AppendAnswers(nil, answers))
	if diff := cmp.Diff(answers, back, cmp.Comparer(bytes.Equal)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// FuzzFrames feeds a hostile worker's output to everything the parent reads it with: no panic, nothing beyond bounds.
func FuzzFrames(f *testing.F) {
	full := worker.Done{Value: []byte("1"), Console: []string{"x"}}.Append(worker.NewFrame(nil, worker.Ended))
	asks := worker.AppendAsks(worker.NewFrame(nil, worker.Asks), []worker.Ask{{ID: 1, Connector: "c", Request: []byte("{}")}})
	for _, frame := range [][]byte{full, asks, {0, 0, 0, 1, 5}, {255, 255, 255, 255, 7}, {0, 0, 0, 0}, {0, 31, 0, 0, 7, 1}} {
		var b bytes.Buffer
		if len(frame) > 5 {
			if err := worker.WriteFrame(&b, frame); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b.Bytes())
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		for {
			_, p, err := worker.ReadFrame(r, nil, worker.MaxToParent)
			if err != nil {
				return
			}
			if len(p) > worker.MaxToParent {
				t.Fatal("a frame beyond its bound")
			}
			if d, err := worker.ParseDone(p); err == nil && (len(d.Console) > 50 || len(d.Value) > worker.MaxValue) {
				t.Fatal("a result beyond its bounds")
			}
			if list, err := worker.ParseAsks(p); err == nil && len(list) > worker.MaxAsks {
				t.Fatal("too many connector calls")
			}
			_, _ = worker.ParseAnswers(p)
			_, _ = worker.ParseCall(p)
			_, _ = worker.ParseSource(p)
			_, _ = worker.ParseSetup(p)
		}
	})
}
