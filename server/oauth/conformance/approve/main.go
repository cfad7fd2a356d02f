// Command approve plays the person of the FAPI-CIBA plans of the OpenID Foundation's conformance suite: it signs in as the test account, and
// whenever the suite asks for it (automated_ciba_approval_url) it opens /approve and answers what waits there. A server needs no setting for it, and
// it can do nothing on one whose password it was not told.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/stile-id/stile/server/oauth/conformance/person"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "approve:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	p := person.Person{}
	listen := flag.String("listen", "localhost:9445", "where the suite asks for an answer: automated_ciba_approval_url is http://ADDRESS/{action}")
	trusted := flag.String("trust", "docs/reference/conformance/tls.pem", "PEM file with the certificates that the server may show")
	flag.StringVar(&p.Server, "server", "https://stile.test:9443", "issuer of the server")
	flag.StringVar(&p.Email, "email", "conformance@example.com", "who answers; one line on standard input is the password")
	flag.StringVar(&p.Client, "client", "basic-1", "an app to sign in to")
	flag.StringVar(&p.Redirect, "redirect", "https://localhost.emobix.co.uk:8443/test/a/stile/callback", "its redirect URI; nothing is sent there")
	flag.Parse()
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if p.Password = strings.TrimRight(line, "\r\n"); p.Password == "" {
		return errors.Join(errors.New("write the password as one line on standard input"), err)
	}
	pem, err := os.ReadFile(*trusted)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", *trusted)
	}
	p.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return errors.Join(fmt.Errorf("%s can be reached from elsewhere: whoever asks there is obeyed", l.Addr()), l.Close())
	}
	if err := p.SignIn(ctx); err != nil {
		return errors.Join(err, l.Close())
	}
	fmt.Printf("%s is signed in and answers at http://%s/allow and /deny\n", p.Email, l.Addr())
	s := &http.Server{Handler: &p, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = s.Close()
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
