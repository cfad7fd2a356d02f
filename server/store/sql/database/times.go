package database

import (
	"encoding/json"
	"time"
)

// Micros is how a time is stored: microseconds since 1970 UTC, 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is what Micros wrote, in UTC.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Stamp is Micros for a time that must not be absent: something revoked at the zero time would count as never revoked, so a caller
// that forgot the time gets the present.
func (d *DB) Stamp(t time.Time) int64 {
	if t.IsZero() {
		t = d.now()
	}
	return t.UnixMicro()
}

// JSON is what a stored JSON text says; an empty text is no value.
func JSON(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// Bytes is b, or an empty value that is not NULL.
func Bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
