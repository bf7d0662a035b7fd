//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// secured returns the Caddyfile of a site with HTTPS that has banned one client.
func secured(addr, list, wrappers string) string {
	return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https disable_redirects
	skip_install_trust
	log {
		level ERROR
	}
	servers {
		%s
	}
	tocsin {
		blocklist %s {
			private on
		}
	}
}
https://%s {
	tls internal
	tocsin
	respond ok
}
`, wrappers, list, addr)
}

// A dialer opens connections from one address, each with a handshake of its own.
type dialer struct {
	addr string
	tls  *tls.Config
	from net.Dialer
}

func newDialer(addr, from string) *dialer {
	host, _, _ := net.SplitHostPort(addr)
	return &dialer{
		addr: addr,
		tls:  &tls.Config{InsecureSkipVerify: true, ServerName: host, MinVersion: tls.VersionTLS13},
		from: net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second},
	}
}

// call returns the status of a request, 0 if the connection is closed before.
func (c *dialer) call() (status int, err error) {
	conn, err := c.from.Dial("tcp", c.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	secure := tls.Client(conn, c.tls)
	if err := secure.Handshake(); err != nil {
		return 0, err
	}
	transport := &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return secure, nil }}
	defer transport.CloseIdleConnections()
	r, err := transport.RoundTrip(mustRequest("https://" + c.addr))
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return r.StatusCode, err
}

func mustRequest(url string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	return r
}

// await calls until it gets status.
func (c *dialer) await(b *testing.B, status int) {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(time.Minute)
	for {
		got, err := c.call()
		if got == status {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			b.Fatalf("status %d, %v; want %d", got, err, status)
		}
	}
}

// cost returns the CPU time that the server needs for each of n connections, eight of
// which come at a time, as those of a flood do.
func (c *dialer) cost(b *testing.B, s *server, n, status int) time.Duration {
	b.Helper()
	before := s.cpu(b)
	var all sync.WaitGroup
	const many = 8
	for range many {
		all.Go(func() {
			for range n / many {
				if got, err := c.call(); got != status {
					b.Errorf("status %d, %v; want %d", got, err, status)
					return
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.Fatal(s.said())
	}
	return (s.cpu(b) - before) / time.Duration(n)
}

// BenchmarkBannedConnection compares what a banned client that connects anew for each
// request costs a server with TLS 1.3: with the listener wrapper, and with the
// directive alone, which answers 403. ratio is that of the CPU time.
func BenchmarkBannedConnection(b *testing.B) {
	m := newBench(b)
	m.pin(b)
	list := filepath.Join(b.TempDir(), "banned.txt")
	if err := os.WriteFile(list, []byte("127.0.0.2\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	start := func(wrappers string) (*server, *dialer) {
		addr := freeAddr(b)
		s := m.start(b, site{addr: addr, text: secured(addr, list, wrappers)})
		newDialer(addr, "127.0.0.3").await(b, http.StatusOK)
		return s, newDialer(addr, "127.0.0.2")
	}
	answers, answered := start("")
	closes, closed := start("listener_wrappers {\ntocsin\n}")
	answered.await(b, http.StatusForbidden)
	closed.await(b, 0)
	const fewer, more = 800, 8000 // the kernel tells CPU time in hundredths of a second
	r := results{}
	for b.Loop() {
		p, t := answered.cost(b, answers, fewer, http.StatusForbidden), closed.cost(b, closes, more, 0)
		r.add("plain-cpu-µs", us(p))
		r.add("tocsin-cpu-µs", us(t))
		r.add("ratio", us(t)/us(p))
	}
	r.report(b)
}
