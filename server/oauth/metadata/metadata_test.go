package metadata_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/metadata"
)

type nobody struct{}

func (nobody) Client(context.Context, string) (*oauth.Client, error) { return nil, oauth.ErrNoClient }
func (nobody) Origin(context.Context, string) bool                   { return false }

func TestS034_IssuerWithPath(t *testing.T) {
	r := mux.NewRouter()
	h := &metadata.Handler{Issuer: "https://login.example/shop", Clients: nobody{}, ACRs: []string{"urn:a"}, Locales: []string{"de"}}
	h.Mount(r)
	for path, want := range map[string]int{"/shop/.well-known/openid-configuration": 200, "/.well-known/oauth-authorization-server/shop": 200, "/shop/.well-known/oauth-authorization-server": 200,
		"/.well-known/openid-configuration": 404, "/.well-known/oauth-authorization-server": 404} {
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "https://login.example"+path, nil))
		if rec.Code != want {
			t.Errorf("%s: %d", path, rec.Code)
			continue
		}
		if want != 200 {
			continue
		}
		var m map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &m); err != nil || m["issuer"] != string(h.Issuer) || m["token_endpoint"] != "https://login.example/shop/token" || rec.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v %v", path, err, m)
		}
	}
}
