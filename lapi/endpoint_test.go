package lapi

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// follow runs a client against a real socket until n answers are served.
func follow(t *testing.T, cfg Config, h *lapitest.Handler, n int) (*Client, *lookup.Table) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	table := &lookup.Table{}
	done := make(chan error)
	go func() { done <- c.Run(ctx, table) }()
	// When the next pull arrives, the answer before it has been applied.
	if err := h.WaitRequests(ctx, n+1); err != nil {
		t.Errorf("%v; status %+v", err, c.Status())
	}
	cancel()
	<-done
	return c, table
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lapi.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	h := lapitest.NewHandler(lapitest.Config{})
	h.Add(lapitest.Decision{Value: "192.0.2.1"})
	srv := &http.Server{Handler: h}
	served := make(chan error)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-served })
	_, table := follow(t, Config{URL: "unix://" + path, Key: lapitest.DefaultKey, Interval: 100 * time.Millisecond}, h, 1)
	if _, ok := table.Lookup(addr("192.0.2.1")); !ok {
		t.Error("no decision")
	}
}

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{URL: url, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	table := &lookup.Table{}
	table.Update("lapi", []lookup.Decision{on("192.0.2.1", time.Now().Add(time.Hour))}, nil)
	f := c.newFollower(table)
	pause := f.poll(t.Context())
	if st := c.Status(); st.Err == nil || !strings.Contains(st.Err.Error(), "connection refused") || st.Failures != 1 || st.Ready(time.Now()) {
		t.Errorf("%+v", st)
	}
	if _, ok := table.Lookup(addr("192.0.2.1")); !ok || pause > 2*time.Second {
		t.Errorf("in force %v, next try in %v", ok, pause)
	}
	live, err := NewLive(LiveConfig{URL: url, Key: "k", Failure: lookup.Ban})
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := live.Lookup(t.Context(), addr("192.0.2.2")); !ok || d.Action != lookup.Ban || d.Reason != liveReason || !d.Assumed {
		t.Errorf("%+v", d)
	}
}

func TestTLS(t *testing.T) {
	ca := lapitest.NewAuthority(t)
	bouncer := ca.Issue("bouncer", "bouncer-ou")
	srv := lapitest.StartTLS(t, lapitest.Config{}, ca.Server())
	srv.Add(lapitest.Decision{Value: "192.0.2.1"})
	base := Config{URL: srv.URL, Interval: 100 * time.Millisecond}

	t.Run("its own CA and an API key", func(t *testing.T) {
		cfg := base
		cfg.Key, cfg.TLS = srv.Key, TLS{CA: ca.CA}
		if _, table := follow(t, cfg, srv.Handler, len(srv.Requests())+1); table.Len() != 1 {
			t.Error("no decision")
		}
	})
	t.Run("a client certificate and no key", func(t *testing.T) {
		cfg := base
		cfg.TLS = TLS{CA: ca.CA, Cert: bouncer.Cert, KeyFile: bouncer.Key}
		if _, table := follow(t, cfg, srv.Handler, len(srv.Requests())+1); table.Len() != 1 {
			t.Error("no decision")
		}
	})
	t.Run("a server that nobody vouches for", func(t *testing.T) {
		cfg := base
		cfg.Key = srv.Key
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.get(t.Context(), streamPath, c.query(true))
		if err == nil {
			resp.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a CA file without a certificate", func(t *testing.T) {
		_, err := New(Config{URL: srv.URL, Key: "k", TLS: TLS{CA: bouncer.Key}})
		if err == nil || !strings.Contains(err.Error(), "no certificate in") {
			t.Errorf("error %v", err)
		}
	})
}
