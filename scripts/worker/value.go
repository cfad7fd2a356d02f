package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/dop251/goja"
)

const maxDepth = 100 // of an argument; the engine's own data stays far below

var errValue = errors.New("not a value")

// decoder builds the script's values from JSON, at a fraction of what the language's own JSON.parse costs here.
type decoder struct {
	vm      *goja.Runtime
	text    []byte
	at      int
	touched bool // a script has run: properties are defined, so that no setter it left in a prototype sees them
}

// decode reads one value, which must be all of text.
func decode(vm *goja.Runtime, text []byte, touched bool) (goja.Value, error) {
	d := decoder{vm: vm, text: text, touched: touched}
	v, err := d.value(0)
	if err == nil && d.next() != 0 {
		return nil, errValue
	}
	return v, err
}

// next skips white space and gives the byte there without taking it, 0 at the end.
func (d *decoder) next() byte {
	for d.at < len(d.text) {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return c
		}
	}
	return 0
}

// take skips c, or says that something else stands there.
func (d *decoder) take(c byte) error {
	if d.next() != c {
		return errValue
	}
	d.at++
	return nil
}

func (d *decoder) value(depth int) (goja.Value, error) {
	if depth > maxDepth {
		return nil, errValue
	}
	switch c := d.next(); c {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		s, err := d.string()
		return d.vm.ToValue(s), err
	case 't':
		return d.word("true", d.vm.ToValue(true))
	case 'f':
		return d.word("false", d.vm.ToValue(false))
	case 'n':
		return d.word("null", goja.Null())
	}
	return d.number()
}

func (d *decoder) word(w string, v goja.Value) (goja.Value, error) {
	if !bytes.HasPrefix(d.text[d.at:], []byte(w)) {
		return nil, errValue
	}
	d.at += len(w)
	return v, nil
}

// object: a key __proto__ becomes a plain property, as JSON.parse would have it.
func (d *decoder) object(depth int) (goja.Value, error) {
	d.at++
	o := d.vm.NewObject()
	if d.next() == '}' {
		d.at++
		return o, nil
	}
	for {
		if d.next() != '"' {
			return nil, errValue
		}
		key, err := d.string()
		if err != nil {
			return nil, err
		}
		if err := d.take(':'); err != nil {
			return nil, err
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if d.touched || key == "__proto__" {
			err = o.DefineDataProperty(key, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
		} else {
			err = o.Set(key, v)
		}
		if err != nil {
			return nil, err
		}
		if d.next() == '}' {
			d.at++
			return o, nil
		}
		if err := d.take(','); err != nil {
			return nil, err
		}
	}
}

func (d *decoder) array(depth int) (goja.Value, error) {
	d.at++
	var list []any
	if d.next() == ']' {
		d.at++
		return d.vm.NewArray(), nil
	}
	for {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if d.next() == ']' {
			d.at++
			return d.vm.NewArray(list...), nil
		}
		if err := d.take(','); err != nil {
			return nil, err
		}
	}
}

func (d *decoder) string() (string, error) {
	begin := d.at
	plain := true
	for d.at++; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			if plain {
				return string(d.text[begin+1 : d.at-1]), nil
			}
			var s string
			err := json.Unmarshal(d.text[begin:d.at], &s)
			return s, err
		case c == '\\':
			plain = false
			d.at++
		case c < ' ' || c >= 0x80:
			plain = false // let encoding/json judge it
		}
	}
	return "", errValue
}

func (d *decoder) number() (goja.Value, error) {
	begin := d.at
	for d.at < len(d.text) && bytes.IndexByte([]byte("+-0123456789.eE"), d.text[d.at]) >= 0 {
		d.at++
	}
	token := d.text[begin:d.at]
	if !json.Valid(token) {
		return nil, errValue
	}
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, err
	}
	return d.vm.ToValue(f), nil
}
