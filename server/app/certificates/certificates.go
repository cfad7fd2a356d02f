// Package certificates reads what the server shows as its own, and who stands behind the certificates of clients.
package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"github.com/stile-id/stile/server/config"
)

func beside(f *config.File, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.Dir, path)
}

// suites are those of TLS 1.2 that RFC 9325 §4.2 recommends, as FAPI 2.0 §5.2.2 demands: fresh keys and AES-GCM. It lets ChaCha20 pass and
// does not recommend it; whoever wants it has TLS 1.3.
func suites() []uint16 {
	return []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
}

// Own is the TLS of the server itself; nil when it does not serve https.
func Own(f *config.File) (*tls.Config, error) {
	t := f.TLS
	if t == nil {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(beside(f, t.Cert), beside(f, t.Key))
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, CipherSuites: suites()}, nil
}

// Asking is the TLS of the place where callers are asked for a certificate. Whose it is and what it is worth is decided per client;
// that the caller holds its key is proved by the handshake.
func Asking(own *tls.Config) *tls.Config {
	c := own.Clone()
	c.ClientAuth = tls.RequestClientCert
	c.NextProtos = []string{"h2", "http/1.1"}
	return c
}

// Authorities reads who stands behind the certificates of clients; nil when nobody is named.
func Authorities(f *config.File) (*x509.CertPool, error) {
	m := f.MutualTLS
	if m == nil || m.Authorities == "" {
		return nil, nil
	}
	text, err := os.ReadFile(beside(f, m.Authorities))
	if err != nil {
		return nil, fmt.Errorf("mutual-tls: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("mutual-tls: %s holds no certificate", m.Authorities)
	}
	return pool, nil
}
