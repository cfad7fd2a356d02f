package logo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/oauth"
)

// Handler serves the pictures of clients. Anybody may ask for that of any client: it says no more than a page of the client's does.
type Handler struct {
	Issuer   oauth.Issuer
	Clients  oauth.Clients
	Pictures interface {
		// At is the picture of an address; ErrNone.
		At(ctx context.Context, address string, private bool) (*Picture, error)
	}
}

// Path is where the picture of a client is found, in the words of a language; "" when it has none.
func Path(i oauth.Issuer, c *oauth.Client, tag string) string {
	own := c.In(tag).LogoURI
	if own == "" {
		return ""
	}
	path := i.Path("/clients/" + url.PathEscape(c.ID) + "/logo")
	if own != c.LogoURI {
		path += "?lang=" + url.QueryEscape(tag)
	}
	return path
}

// Mount adds the route.
func (h *Handler) Mount(r *mux.Router) {
	r.HandleFunc(h.Issuer.Path("/clients/{client}/logo"), h.show).Methods(http.MethodGet, http.MethodHead)
}

// show answers with a picture. A client that nobody knows, one without a picture and one whose picture is not to be had look the same.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	out := w.Header()
	out.Set("X-Content-Type-Options", "nosniff")
	out.Set("Content-Security-Policy", "default-src 'none'; sandbox") // opened by itself it is a document of our origin
	out.Set("Cross-Origin-Resource-Policy", "same-origin")
	c, err := h.Clients.Client(r.Context(), mux.Vars(r)["client"])
	if err != nil && !errors.Is(err, oauth.ErrNoClient) {
		none(w, http.StatusServiceUnavailable)
		return
	}
	address := ""
	if err == nil {
		address = c.In(r.URL.Query().Get("lang")).LogoURI
	}
	if address == "" {
		none(w, http.StatusNotFound)
		return
	}
	p, err := h.Pictures.At(r.Context(), address, c.Private)
	if err != nil {
		none(w, http.StatusNotFound)
		return
	}
	out.Set("Content-Type", "image/png")
	out.Set("Cache-Control", "public, max-age=3600")
	out.Set("ETag", `"`+p.Tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.PNG))
}

func none(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "There is no picture.\n") // the browser may have gone
}
