package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/stile-id/stile/server/app/certificates"
	"github.com/stile-id/stile/server/app/upkeep"
)

// drainFor is how long requests under way may take once the server is told to stop.
const drainFor = 20 * time.Second

// guardEvery is how often nodes look at how candidates of flows fare.
const guardEvery = 5 * time.Second

// Serve listens and answers until ctx ends, then drains: /readyz fails first, for as long as Options.Notice says, so that nobody is sent
// here any more; then no more connections are taken, requests under way are finished, and what runs beside them stops. ready is called with the address once the server listens.
func (s *Server) Serve(ctx context.Context, ready func(net.Addr)) error {
	listen := s.file.Listen
	if listen == "" {
		listen = "localhost:8080"
	}
	secure, err := certificates.Own(s.file)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var second net.Listener
	if m := s.file.MutualTLS; m != nil && m.Listen != "" && secure != nil {
		if second, err = net.Listen("tcp", m.Listen); err != nil {
			return errors.Join(fmt.Errorf("listen for certificates: %w", err), l.Close())
		}
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	s.startBackground(background, &beside)
	failed := make(chan error, 2)
	h := s.listener(secure)
	servers := []*http.Server{h}
	if second != nil {
		// A server of its own: serving writes to the TLS settings it was given, and the two ask for different things.
		asking := s.listener(certificates.Asking(secure))
		servers = append(servers, asking)
		go func() { failed <- asking.ServeTLS(second, "", "") }()
	}
	go func() {
		if secure != nil {
			failed <- h.ServeTLS(l, "", "")
			return
		}
		failed <- h.Serve(l)
	}()
	if ready != nil {
		ready(l.Addr())
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		s.log.Info("draining")
		s.draining.on.Store(true)
		select {
		case err = <-failed:
		case <-time.After(s.notice):
		}
		drain, cancel := context.WithTimeout(background, drainFor)
		for _, one := range servers {
			err = errors.Join(err, one.Shutdown(drain))
		}
		cancel()
	}
	stop()
	beside.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// listener is a server with our limits on what a stranger may hold open; secure is nil for plain HTTP.
func (s *Server) listener(secure *tls.Config) *http.Server {
	return &http.Server{Handler: s.Handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 90 * time.Second, MaxHeaderBytes: 32 << 10, TLSConfig: secure}
}

// Deliver sends what is in the outbox until ctx ends; Serve does so by itself.
func (s *Server) Deliver(ctx context.Context) { s.delivery.Run(ctx) }

// upkeep is what is done for the stores beside requests.
func (s *Server) upkeep() upkeep.Room {
	return upkeep.Room{File: s.file, Store: s.Store, Keys: s.Keys, Now: s.now, Log: s.log, Ended: func() { s.drop(); s.wake() }, Clients: s.sweep}
}

// startBackground starts what runs beside requests: mail, upkeep of the stores, and watching the flows' folder.
func (s *Server) startBackground(ctx context.Context, wg *sync.WaitGroup) {
	start := func(run func()) {
		wg.Add(1)
		go func() { defer wg.Done(); run() }()
	}
	start(func() { s.Deliver(ctx) })
	if s.trails != nil {
		start(func() { s.trails.Run(ctx) })
	}
	start(func() { s.upkeep().Run(ctx) })
	start(func() {
		upkeep.Every(ctx, guardEvery, func() {
			if err := s.guard(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("candidates are not guarded", "cause", err.Error())
			}
		})
	})
	if info, err := os.Stat(s.FlowsDir()); err == nil && info.IsDir() {
		start(func() {
			again := make(chan os.Signal, 1)
			signal.Notify(again, syscall.SIGHUP)
			defer signal.Stop(again)
			if err := s.Flows.Watch(ctx, s.FlowsDir(), again); err != nil {
				s.log.Error("flows are not watched", "cause", err.Error())
			}
		})
	}
}
