package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"go.uber.org/zap"
)

func get(ctx context.Context, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// A remote listener makes all clients come from 203.0.113.5, because no remote decision
// bans the server's own addresses.
type remote struct{ net.Listener }

func (l remote) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return remoteConn{c}, err
}

type remoteConn struct{ net.Conn }

func (remoteConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 5), Port: 40_000}
}

func TestRunServesUntilCrowdSecObjects(t *testing.T) {
	for _, c := range []struct {
		name, banned, secret string
		want                 int
	}{
		{"a client that is banned gets 403", "203.0.113.5", strings.Repeat("secret", 6), http.StatusForbidden},
		{"a client that is not gets the page", "192.0.2.1", strings.Repeat("secret", 6), http.StatusOK},
		{"without a secret of its own", "192.0.2.1", "", http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := lapitest.Start(t, lapitest.Config{})
			fake.Add(lapitest.Decision{Value: c.banned})
			t.Setenv("CROWDSEC_URL", fake.URL)
			t.Setenv("CROWDSEC_KEY", lapitest.DefaultKey)
			t.Setenv("CHALLENGE_SECRET", c.secret)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
			defer stop()
			done := make(chan error, 1)
			go func() { done <- run(ctx, remote{l}, zap.NewNop()) }()

			status, body := 0, ""
			for status != c.want {
				if status, body, err = get(ctx, "http://"+l.Addr().String()); err != nil {
					t.Fatal(err)
				}
			}
			if status == http.StatusOK && body != "hello\n" {
				t.Errorf("got %q", body)
			}
			stop()
			if err := <-done; err != nil {
				t.Errorf("run ended with %v", err)
			}
		})
	}
}

func TestRunRefusesAMissingURL(t *testing.T) {
	t.Setenv("CROWDSEC_URL", "")
	t.Setenv("CROWDSEC_KEY", "k")
	if err := run(t.Context(), nil, zap.NewNop()); err == nil {
		t.Error("run started without a CrowdSec to ask")
	}
}
