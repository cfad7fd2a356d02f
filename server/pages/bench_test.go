package pages_test

import (
	"net/http/httptest"
	"testing"
)

func BenchmarkPrompt(b *testing.B) {
	p, f := made(b, nil), named(b, "password.verify/error")
	r := httptest.NewRequest("GET", "/journey/x", nil)
	r.Header.Set("Accept-Language", "de-AT,de;q=0.9,en;q=0.8")
	b.ReportAllocs()
	for b.Loop() {
		p.Prompt(httptest.NewRecorder(), r, *f.Page)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		made(b, nil)
	}
}
