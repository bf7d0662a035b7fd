package appsec

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/tocsin-project/tocsin/internal/upstream"
)

// An endpoint is a parsed URL of an AppSec.
type endpoint struct {
	network, address string // to dial
	host             string // of the Host header
	path             string // begins with a slash
	secure           bool
}

// parseURL reads the URL of an AppSec. Its errors do not show a URL that may contain a
// password.
func parseURL(raw string) (endpoint, error) {
	u, err := upstream.ParseURL(raw, "http://127.0.0.1:7422", "unix:///run/crowdsec-appsec.sock")
	if err != nil {
		return endpoint{}, err
	}
	if u.Scheme == "unix" {
		return endpoint{network: "unix", address: u.Path, host: "localhost", path: "/"}, nil
	}
	end := endpoint{network: "tcp", host: u.Host, path: u.EscapedPath(), secure: u.Scheme == "https"}
	if end.path == "" {
		end.path = "/"
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[end.secure]
	}
	end.address = net.JoinHostPort(u.Hostname(), port)
	return end, nil
}

// A dial opens a connection. It ignores the proxies of the environment: they must not
// see the requests.
type dial func(context.Context) (net.Conn, error)

func newDial(end endpoint, cfg *tls.Config) dial {
	var d net.Dialer
	if !end.secure {
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, end.network, end.address) }
	}
	secure := tls.Dialer{NetDialer: &d, Config: cfg}
	return func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, end.network, end.address) }
}

// load returns nil if end needs no TLS.
func (f TLS) load(end endpoint) (*tls.Config, error) {
	cfg, err := upstream.TLS(f).Load(end.secure)
	if err != nil || !end.secure {
		return nil, err
	}
	cfg.NextProtos = []string{"http/1.1"}
	return cfg, nil
}
