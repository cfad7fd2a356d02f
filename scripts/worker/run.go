package worker

import (
	"bytes"
	"fmt"
	"reflect"
	"time"

	"github.com/dop251/goja"
)

// run is one call under way.
type run struct {
	vm      *goja.Runtime
	door    Door
	console console
	began   time.Time
	waited  time.Duration // for connectors
	now     func() time.Time

	asked  int
	unsent []Ask
	out    map[int]*open
}

// open is a connector call whose promise is not settled yet.
type open struct {
	resolve, reject func(any) error
}

// call is the script's `call(connector, request)`: a promise of the connector's answer. Nothing leaves the worker until
// the script waits; the parent looks up the connector and does the calling.
func (r *run) call(c goja.FunctionCall) goja.Value {
	p, resolve, reject := r.vm.NewPromise()
	refuse := func(why string) goja.Value {
		if err := reject(r.vm.NewTypeError(why)); err != nil {
			panic(err)
		}
		return r.vm.ToValue(p)
	}
	name, ok := c.Argument(0).(goja.String)
	if !ok || name.Length() == 0 || name.Length() > maxName/4 {
		return refuse(`call() needs a connector's name: call("crm", { get: "/x" })`)
	}
	if r.asked >= MaxAsks {
		return refuse(fmt.Sprintf("a hook may make %d connector calls, not more", MaxAsks))
	}
	request, fault := r.encode(c.Argument(1), MaxRequest)
	if fault != nil {
		return refuse("call(): " + fault.Message)
	}
	if request == nil {
		request = []byte("null")
	}
	if r.out == nil {
		r.out = map[int]*open{}
	}
	r.out[r.asked] = &open{resolve, reject}
	r.unsent = append(r.unsent, Ask{ID: r.asked, Connector: name.String(), Request: request})
	r.asked++
	return r.vm.ToValue(p)
}

// settle waits until a promise has its value; any other value is its own. A promise that nothing can settle any more is
// a fault at once.
func (r *run) settle(v goja.Value) (goja.Value, *Fault, error) {
	p := promise(v)
	if p == nil {
		return v, nil, nil
	}
	for p.State() == goja.PromiseStatePending {
		if len(r.out) == 0 {
			return nil, &Fault{Message: "returned a promise that never settles"}, nil
		}
		asks := r.unsent
		r.unsent = nil
		from := r.now()
		answers, err := r.door.Ask(asks)
		if err != nil {
			return nil, nil, err
		}
		r.waited += r.now().Sub(from)
		for _, a := range answers {
			if err := r.answer(a); err != nil {
				return nil, r.explain(err), nil
			}
		}
	}
	if p.State() == goja.PromiseStateRejected {
		return nil, r.rejection(p.Result()), nil
	}
	return p.Result(), nil, nil
}

func (r *run) answer(a Answer) error {
	o := r.out[a.ID]
	if o == nil {
		return fmt.Errorf("%w: answer to nothing", ErrFrame)
	}
	delete(r.out, a.ID)
	if a.Error != "" {
		e, err := r.vm.New(r.vm.Get("Error"), r.vm.ToValue(a.Error))
		if err != nil {
			return o.reject(a.Error)
		}
		return o.reject(e)
	}
	v, err := decode(r.vm, a.Value, true)
	if err != nil {
		return o.reject("the connector's answer is not JSON, or nested too deeply")
	}
	return o.resolve(v)
}

// encode turns a value into JSON by the language's own rules, undefined into nil. The engine's encoder is called
// directly, not the global JSON, which is the script's to change.
func (r *run) encode(v goja.Value, limit int) ([]byte, *Fault) {
	if v == nil || goja.IsUndefined(v) {
		return nil, nil
	}
	tooBig := &Fault{Message: fmt.Sprintf("value is larger than %d bytes of JSON", limit)}
	if s, ok := v.(goja.String); ok && s.Length() > limit {
		return nil, tooBig // before a copy of it is made
	}
	// Held by an object without a prototype, so that no toJSON a script left somewhere speaks for more than its own.
	holder := r.vm.CreateObject(nil)
	if err := holder.Set("v", v); err != nil {
		return nil, r.explain(err)
	}
	b, err := holder.MarshalJSON()
	if err != nil {
		return nil, r.explain(err)
	}
	b, ok := bytes.CutPrefix(b, []byte(`{"v":`))
	if !ok {
		return nil, &Fault{Message: "a function or symbol is no value"}
	}
	if b = b[:len(b)-1]; len(b) > limit {
		return nil, tooBig
	}
	return b, nil
}

// promise tells whether v is one. Exporting any other object would copy it whole, so its type is asked first.
func promise(v goja.Value) *goja.Promise {
	o, ok := v.(*goja.Object)
	if !ok || o.ExportType() != reflect.TypeFor[*goja.Promise]() {
		return nil
	}
	p, _ := o.Export().(*goja.Promise)
	return p
}
