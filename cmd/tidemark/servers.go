package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"sync"
	"time"

	"github.com/tidemark-db/tidemark/config"
)

// listeners are the sockets of this process. They are taken before the store is
// opened, so that a port that is in use costs no recovery.
type listeners struct {
	http  net.Listener
	pprof net.Listener // nil: off
}

func listen(ctx context.Context, c config.Config) (*listeners, error) {
	l := &listeners{}
	var err error
	if l.http, err = listenTCP(ctx, c.Service.Host, c.Service.HTTPPort); err != nil {
		return nil, fmt.Errorf("%w; is another server running? choose another port with --http-port", err)
	}
	if c.Tidemark.PprofPort != 0 {
		// Profiles show what is in memory: never beyond this machine.
		if l.pprof, err = listenTCP(ctx, "127.0.0.1", c.Tidemark.PprofPort); err != nil {
			l.close()
			return nil, fmt.Errorf("%w; choose another tidemark.pprof_port", err)
		}
	}
	return l, nil
}

func listenTCP(ctx context.Context, host string, port int) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

// close frees the sockets. Those that a server has closed already are left.
func (l *listeners) close() {
	for _, one := range []net.Listener{l.http, l.pprof} {
		if one != nil {
			_ = one.Close()
		}
	}
}

// servers are the HTTP servers of this process and the goroutines they run in.
type servers struct {
	config  config.Config
	logger  *slog.Logger
	running sync.WaitGroup
	all     []*http.Server
	on      []net.Listener
	working []*inflight

	// failed gets the error of a server that ended by itself.
	failed chan error
}

func newServers(c config.Config, handler http.Handler, l *listeners, logger *slog.Logger) *servers {
	s := &servers{config: c, logger: logger, failed: make(chan error, 2)}
	s.add(handler, l.http)
	if l.pprof != nil {
		s.add(pprofHandler(), l.pprof)
	}
	return s
}

func (s *servers) add(handler http.Handler, l net.Listener) {
	working := &inflight{Handler: handler}
	s.working = append(s.working, working)
	s.all = append(s.all, &http.Server{
		Handler:           working,
		ReadHeaderTimeout: time.Duration(s.config.Service.HTTPClientRequestTimeoutSec) * time.Second,
		IdleTimeout:       time.Duration(s.config.Service.HTTPKeepAliveTimeoutSec) * time.Second,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	})
	s.on = append(s.on, l)
}

// start serves each in a goroutine of its own, for which stop waits.
func (s *servers) start() {
	for i, server := range s.all {
		s.running.Go(func() {
			if err := server.Serve(s.on[i]); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("serve %s: %w", s.on[i].Addr(), err)
			}
		})
	}
}

// stop lets the requests that have begun finish, for half of the time that ctx
// has left, and cuts the rest off.
func (s *servers) stop(ctx context.Context) {
	draining, cancel := halfOf(ctx)
	defer cancel()
	for i, server := range s.all {
		if err := server.Shutdown(draining); err != nil {
			s.cutOff(ctx, i, err)
		}
	}
	s.running.Wait()
}

// cutOff ends the connections of a server, by which the contexts of its
// requests end, and waits for those who work on them.
func (s *servers) cutOff(ctx context.Context, i int, why error) {
	address := slog.String("address", s.on[i].Addr().String())
	s.logger.Warn("requests are cut off", address, slog.Any("error", why))
	_ = s.all[i].Close() // the listener is closed already, the rest cannot fail
	waiting, cancel := halfOf(ctx)
	defer cancel()
	if err := s.working[i].wait(waiting); err != nil {
		s.logger.Error("requests do not end", address, slog.Any("error", err))
	}
}

// pprofHandler serves profiles without the global mux.
func pprofHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// isLoopback reports whether only this machine can reach host.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
