package foreign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// Object is a JSON object read strictly: names are compared as they are written, and none comes twice.
type Object map[string]json.RawMessage

// maxMembers bounds an object.
const maxMembers = 100

var errObject = errors.New("not one JSON object with each name once")

// ReadObject reads one JSON object and nothing behind it.
func ReadObject(b []byte) (Object, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errObject
	}
	o := Object{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errObject
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%w: %w", errObject, err)
		}
		if _, twice := o[name]; twice || len(o) == maxMembers {
			return nil, errObject
		}
		o[name] = v
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') || d.InputOffset() != int64(len(bytes.TrimRight(b, " \t\r\n"))) {
		return nil, errObject
	}
	return o, nil
}

// Has reports whether a member is there, null or not.
func (o Object) Has(name string) bool { _, ok := o[name]; return ok }

// Text is a member that is a text, "" for any other.
func (o Object) Text(name string) string {
	var s string
	if len(o[name]) == 0 || json.Unmarshal(o[name], &s) != nil {
		return ""
	}
	return s
}

// Texts is a member that is a text or a list of texts; single reports which.
func (o Object) Texts(name string) (list []string, single bool) {
	if s := o.Text(name); s != "" {
		return []string{s}, true
	}
	if len(o[name]) == 0 || json.Unmarshal(o[name], &list) != nil || len(list) > 20 {
		return nil, false
	}
	return list, false
}

// Time is a member that is a NumericDate (RFC 7519 §2); ok is false where there is none or it is no sensible one.
func (o Object) Time(name string) (t time.Time, ok bool) {
	var n float64
	if len(o[name]) == 0 || json.Unmarshal(o[name], &n) != nil || math.IsNaN(n) || n < 1 || n > 1<<40 {
		return time.Time{}, false
	}
	whole, part := math.Modf(n)
	return time.Unix(int64(whole), int64(part*1e9)).UTC(), true
}
