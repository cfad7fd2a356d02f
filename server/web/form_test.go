package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/web"
)

const (
	form = "application/x-www-form-urlencoded"
	json = "application/json"
)

func posted(kind, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "f%d=v&", i)
	}
	return strings.TrimSuffix(b.String(), "&")
}

func refused(err error) string {
	var bad *web.ErrBody
	if errors.As(err, &bad) {
		return fmt.Sprintf("%d %s", bad.Status, bad.ID)
	}
	return fmt.Sprint(err)
}

// TestForm_TakesEachNameOnceAndTextOnly: of bounded size and number, whatever is posted.
func TestForm_TakesEachNameOnceAndTextOnly(t *testing.T) {
	for name, c := range map[string]struct{ kind, body, want string }{
		"nothing":             {form, "", "<nil>"},
		"fields":              {form, "a=1&b=%C3%BC", "<nil>"},
		"a charset":           {form + "; charset=utf-8", "a=1", "<nil>"},
		"100 fields":          {form, many(100), "<nil>"},
		"101 fields":          {form, many(101), "400 fields"},
		"no type":             {"", "a=1", "415 type"},
		"another type":        {json, "{}", "415 type"},
		"no media type":       {";;", "a=1", "415 type"},
		"a name twice":        {form, "a=1&a=2", "400 repeated"},
		"a name twice, alike": {form, "a=1&%61=1", "400 repeated"},
		"NUL":                 {form, "a=%00", "400 text"},
		"NUL in a name":       {form, "a%00=1", "400 text"},
		"no UTF-8":            {form, "a=%ff", "400 text"},
		"a broken escape":     {form, "a=%zz", "400 form"},
		"semicolons":          {form, "a=1;b=2", "400 form"},
		"64 KiB":              {form, "a=" + strings.Repeat("x", web.MaxBody-2), "<nil>"},
		"a byte over 64 KiB":  {form, "a=" + strings.Repeat("x", web.MaxBody-1), "413 size"},
	} {
		got, err := web.Form(httptest.NewRecorder(), posted(c.kind, c.body))
		if refused(err) != c.want || (err == nil) != (got != nil) {
			t.Errorf("%s: %s, want %s", name, refused(err), c.want)
		}
	}
	got, err := web.Form(httptest.NewRecorder(), posted(form, "a=1+2&b=%26&c="))
	if err != nil || len(got) != 3 || got["a"] != "1 2" || got["b"] != "&" {
		t.Errorf("%v %v", got, err)
	}
}

// TestJSON_IsOneObjectAsDeclared: no unknown members, nothing behind it.
func TestJSON_IsOneObjectAsDeclared(t *testing.T) {
	for name, c := range map[string]struct{ kind, body, want string }{
		"an object":          {json, ` {"a":"1"} `, "<nil>"},
		"a form":             {form, "a=1", "415 type"},
		"nothing":            {json, "", "400 json"},
		"an unknown member":  {json, `{"b":1}`, "400 json"},
		"another kind":       {json, `{"a":1}`, "400 json"},
		"two objects":        {json, `{"a":"1"}{"a":"2"}`, "400 json"},
		"a bracket behind":   {json, `{"a":"1"}]`, "400 json"},
		"a brace behind":     {json, `{"a":"1"}}`, "400 json"},
		"half an object":     {json, `{"a":`, "400 json"},
		"a list":             {json, `[]`, "400 json"},
		"NUL":                {json, "{\"a\":\"\x00\"}", "400 text"},
		"no UTF-8":           {json, "{\"a\":\"\xff\"}", "400 text"},
		"deep":               {json, strings.Repeat("[", 60_000), "400 json"},
		"a byte over 64 KiB": {json, strings.Repeat(" ", web.MaxBody+1), "413 size"},
	} {
		var v struct {
			A string `json:"a"`
		}
		if err := web.JSON(httptest.NewRecorder(), posted(c.kind, c.body), &v); refused(err) != c.want {
			t.Errorf("%s: %s, want %s", name, refused(err), c.want)
		}
	}
}

// FuzzForm: whatever is posted, what comes out is text, at most so much of it.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a=%ff", "=&=", "a=1;b=2", "%00=%00", many(101), "a=%C3%BC+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := web.Form(httptest.NewRecorder(), posted(form, body))
		if (err == nil) != (got != nil) || len(got) > web.MaxFields {
			t.Fatalf("%v %v", got, err)
		}
		for k, v := range got {
			if strings.ContainsRune(k+v, 0) || strings.ToValidUTF8(k+v, "") != k+v {
				t.Fatalf("%q=%q", k, v)
			}
		}
	})
}
