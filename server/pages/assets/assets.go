// Package assets serves the files of pages: stylesheets, the script, fonts and logos.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
)

// Assets are files named by their content, so that browsers may keep them for a year. All are added before any is asked for.
type Assets struct {
	by  map[string]asset  // name
	url map[string]string // name to path
}

type asset struct {
	kind   string
	hashed string // file name with the hash in it
	plain  []byte
	zipped []byte // nil where zipping gains nothing
}

// New makes Assets that hold nothing yet.
func New() *Assets { return &Assets{by: map[string]asset{}, url: map[string]string{}} }

const assetPath = "/assets/"

// URL is the path at which a file is served; "" when there is none of that name.
func (a *Assets) URL(name string) string { return a.url[name] }

// Add keeps a file under name.ext; its path is name.<hash>.ext.
func (a *Assets) Add(name string, raw []byte) error {
	sum := sha256.Sum256(raw)
	ext := path.Ext(name)
	x := asset{kind: kinds(ext), plain: raw, hashed: strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext}
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("zip %s: %w", name, err)
	}
	if _, err := w.Write(raw); err != nil {
		return fmt.Errorf("zip %s: %w", name, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("zip %s: %w", name, err)
	}
	if z.Len() < len(raw)*9/10 {
		x.zipped = z.Bytes()
	}
	a.by[name], a.url[name] = x, assetPath+x.hashed
	return nil
}

func kinds(ext string) string {
	switch ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	}
	return mime.TypeByExtension(ext)
}

// ServeHTTP answers /assets/<name>.<hash>.<ext>. While servers are being replaced a page of one may ask another for its file: the
// right name with another hash gets what there is, but not for keeping.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	file := strings.TrimPrefix(r.URL.Path, assetPath)
	ext := path.Ext(file)
	stem := strings.TrimSuffix(file, ext)
	x, ok := a.by[strings.TrimSuffix(stem, path.Ext(stem))+ext]
	if !ok {
		h.Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h.Set("Content-Type", x.kind)
	h.Set("Vary", "Accept-Encoding")
	// A logo opened by itself is a document of our origin: it may run nothing.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if file != x.hashed {
		h.Set("Cache-Control", "no-store")
	}
	body := x.plain
	if x.zipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = x.zipped
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the browser may have gone
	}
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3) as far as it concerns gzip.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q = strings.ReplaceAll(q, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000") && q != "q=0.0" && q != "q=0.00"
		}
	}
	return false
}
