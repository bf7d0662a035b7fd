package lapitest

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"testing"
)

// A Server is a fake that listens. It also has the methods of [Handler].
type Server struct {
	*Handler
	URL string // without a slash at the end
	Key string // the first of Config.Keys

	srv  http.Server
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	once sync.Once

	serving sync.WaitGroup // the accept loop
	conns   sync.WaitGroup // connections; grows only while serving

	mu         sync.Mutex
	transports []*http.Transport
}

// Start runs a fake on a free loopback port until the end of the test.
func Start(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("starting a Local API: %v", err)
	}
	s := newServer(cfg)
	s.URL = "http://" + l.Addr().String()
	s.dial = (&net.Dialer{}).DialContext
	s.serve(tb, l)
	return s
}

// StartTLS is Start with HTTPS. With config.ClientCAs and ClientAuth set, a
// client with a verified certificate needs no API key.
func StartTLS(tb testing.TB, cfg Config, config *tls.Config) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("starting a Local API: %v", err)
	}
	s := newServer(cfg)
	s.URL = "https://" + l.Addr().String()
	s.dial = (&net.Dialer{}).DialContext
	config = config.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	s.srv.TLSConfig = config
	s.serve(tb, tls.NewListener(l, config))
	return s
}

// StartPipe runs a fake that clients reach only through memory, with
// [Server.Transport]. Client and server then wait on channels only, so real
// HTTP works in a testing/synctest bubble.
func StartPipe(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s := newServer(cfg)
	l := newPipeListener()
	s.URL = "http://lapi.test"
	s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return l.dial(ctx) }
	s.serve(tb, l)
	return s
}

func newServer(cfg Config) *Server {
	s := &Server{Handler: NewHandler(cfg), Key: DefaultKey}
	if len(cfg.Keys) > 0 {
		s.Key = cfg.Keys[0]
	}
	return s
}

func (s *Server) serve(tb testing.TB, l net.Listener) {
	s.srv.Handler = s.Handler
	s.srv.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.conns.Add(1)
		case http.StateClosed, http.StateHijacked:
			s.conns.Done()
		}
	}
	s.serving.Go(func() { _ = s.srv.Serve(l) }) // it ends only by Close
	tb.Cleanup(s.Close)
}

// Transport returns a transport that reaches the server. Close closes its idle
// connections.
func (s *Server) Transport() *http.Transport {
	t := &http.Transport{DialContext: s.dial, ForceAttemptHTTP2: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transports = append(s.transports, t)
	return t
}

// Close stops the server and its unfinished answers at once, and waits for it.
// The end of the test calls it; further calls do nothing.
func (s *Server) Close() {
	s.once.Do(func() {
		_ = s.srv.Close() // closes listener and connections; an error changes nothing
		s.serving.Wait()
		s.conns.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, t := range s.transports {
			t.CloseIdleConnections()
		}
	})
}

// A pipeListener accepts connections that are pipes in memory.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	var err error
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		err = &net.OpError{Op: "dial", Net: "pipe", Err: net.ErrClosed}
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, cmp.Or(err, client.Close(), server.Close())
}

// Accept implements [net.Listener].
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements [net.Listener].
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
