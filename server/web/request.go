package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"strings"
)

type contextKey int

const (
	keyRequestID contextKey = iota
	keyAddress
	keyCertificates
)

// RequestID is the reference under which the log speaks of this request.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

// Address is the network address of the person's side: the peer's, or what a trusted proxy says of it.
func Address(ctx context.Context) netip.Addr {
	a, _ := ctx.Value(keyAddress).(netip.Addr)
	return a
}

// Network is the address as limits count it: IPv4 whole, IPv6 by its /64, because one household has that many addresses.
func Network(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Masked().String()
		}
	}
	return a.Unmap().String()
}

// Identify gives every request an id of ours and finds its address. Forwarding headers are believed only from the
// proxies named; from anybody else they are a stranger's and are removed, so that nothing behind can believe them.
func Identify(trusted []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := netip.Addr{}
		if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			peer = ap.Addr().Unmap()
		}
		address := peer
		if among(trusted, peer) {
			address = forwarded(r, trusted, peer)
		} else if len(r.Header) > 0 {
			for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} {
				r.Header.Del(h)
			}
		}
		ctx := context.WithValue(r.Context(), keyRequestID, rand.Text()[:12])
		ctx = context.WithValue(ctx, keyAddress, address)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func among(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if a.IsValid() && p.Contains(a) {
			return true
		}
	}
	return false
}

// forwarded walks X-Forwarded-For from the near end and stops at the first address that is no trusted proxy.
func forwarded(r *http.Request, trusted []netip.Prefix, peer netip.Addr) netip.Addr {
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	at := peer
	for i := len(hops) - 1; i >= 0 && i >= len(hops)-20; i-- {
		hop := strings.TrimSpace(hops[i])
		a, err := netip.ParseAddr(hop)
		if ap, bad := netip.ParseAddrPort(hop); err != nil && bad == nil { // some proxies write the port too
			a, err = ap.Addr(), nil
		}
		if err != nil {
			return at
		}
		at = a.Unmap()
		if !among(trusted, at) {
			return at
		}
	}
	return at
}

// WantsJSON reports whether the caller asked for JSON rather than a page.
func WantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.HasPrefix(accept, "application/json") || strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}
