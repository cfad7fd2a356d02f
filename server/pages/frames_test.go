package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/web"
)

// TestS060_FramesAndTheirPolicy: only the origins of the frames may be framed, whatever their addresses hold.
func TestS060_FramesAndTheirPolicy(t *testing.T) {
	p := made(t, nil)
	show := func(frames ...string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		p.Prompt(w, httptest.NewRequest(http.MethodGet, "/logout", nil), web.Page{Frames: frames, Prompt: &action.Prompt{Step: "signed-out", Kind: "logout.done", Title: action.T("logout.done")}})
		return w
	}
	w := show("https://a.example/out?x=%22&iss=1", "https://a.example/other", "http://127.0.0.1:9/out", `https://b.example/"><script>`)
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasSuffix(csp, "; frame-src https://a.example http://127.0.0.1:9 https://b.example") {
		t.Error(csp)
	}
	if n := strings.Count(w.Body.String(), "<iframe "); n != 4 || strings.Contains(w.Body.String(), `"><script>`) || !strings.Contains(w.Body.String(), `sandbox="allow-scripts allow-same-origin"`) {
		t.Errorf("%d frames: %s", n, w.Body)
	}
	if w = show(); strings.Contains(w.Header().Get("Content-Security-Policy"), "frame-src") || strings.Contains(w.Body.String(), "iframe") {
		t.Error("frames without any")
	}
}
