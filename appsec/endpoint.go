package appsec

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
)

// An endpoint is what a configured URL leads to.
type endpoint struct {
	network, address string // to dial
	host             string // of the Host header
	path             string // with a slash at the beginning
	secure           bool
}

// parseURL reads the URL of an AppSec. Its errors do not show the URL where that
// may hold a password.
func parseURL(raw string) (endpoint, error) {
	switch {
	case raw == "":
		return endpoint{}, errors.New("no URL: want one such as http://127.0.0.1:7422")
	case strings.HasPrefix(raw, "/"):
		return endpoint{}, fmt.Errorf("URL %q: no scheme: for a unix socket write unix://%s", raw, raw)
	case !strings.Contains(raw, "://"):
		return endpoint{}, fmt.Errorf("URL %q: no scheme: write http://%s", raw, raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		if reason, ok := errors.AsType[*url.Error](err); ok {
			err = reason.Err
		}
		return endpoint{}, fmt.Errorf("URL: %w", err)
	}
	if err := checkURL(u); err != nil {
		return endpoint{}, fmt.Errorf("URL %q: %w", u.Redacted(), err)
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

func checkURL(u *url.URL) error {
	if u.User != nil {
		return errors.New("user and password are not for the URL: the API key is the key option")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return errors.New("a query or fragment is not for the URL")
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || len(u.Path) < 2 {
			return errors.New("want three slashes and a path, such as unix:///run/crowdsec-appsec.sock")
		}
		return nil
	case "http", "https":
	default:
		return fmt.Errorf("scheme %q: want http, https or unix", u.Scheme)
	}
	if u.Hostname() == "" {
		return errors.New("no host")
	}
	return nil
}

// A dial opens a connection. Requests are not for proxies on the way, so what
// the environment says about those is left aside.
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
	if !end.secure {
		if f != (TLS{}) {
			return nil, errors.New("TLS files are of no use without an https URL")
		}
		return nil, nil
	}
	if (f.Cert == "") != (f.KeyFile == "") {
		return nil, errors.New("a client certificate and its key go together")
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("reading the CA: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the CA: no certificate in %s", f.CA)
		}
	}
	if f.Cert == "" {
		return cfg, nil
	}
	if _, err := f.pair(); err != nil {
		return nil, err
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.pair() }
	return cfg, nil
}

func (f TLS) pair() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the client certificate %s and its key %s: %w", f.Cert, f.KeyFile, err)
	}
	return &pair, nil
}
