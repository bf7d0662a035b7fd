package lapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// maxConns is how many questions a Live has under way at once, each on a
// connection of its own that the next one finds open.
const maxConns = 64

// An endpoint is what a configured URL leads to.
type endpoint struct {
	base   string // scheme, host and path, without a slash at the end
	socket string // unix socket to dial instead of the host; "": none
	secure bool
}

// parseURL reads the URL of an API. Its errors do not show the URL where that
// may hold a password.
func parseURL(raw string) (endpoint, error) {
	switch {
	case raw == "":
		return endpoint{}, errors.New("no URL: want one such as http://127.0.0.1:8080")
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
		return endpoint{base: "http://unix", socket: u.Path}, nil
	}
	return endpoint{base: strings.TrimRight(u.String(), "/"), secure: u.Scheme == "https"}, nil
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
			return errors.New("want three slashes and a path, such as unix:///run/crowdsec.sock")
		}
		return nil
	case "http", "https":
	default:
		return fmt.Errorf("scheme %q: want http, https or unix", u.Scheme)
	}
	if u.Hostname() == "" {
		return errors.New("no host")
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "v1" {
			return errors.New("leave out /v1 and what follows: it is appended")
		}
	}
	return nil
}

// newTransport returns a transport of one's own, since it is closed when Run
// ends. It opens no connection.
func newTransport(end endpoint, files TLS) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	tr := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    maxConns,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // gzip is undone in body.go, with a bound
	}
	if end.socket != "" {
		tr.Proxy = nil
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", end.socket)
		}
	}
	if files != (TLS{}) && !end.secure {
		return nil, errors.New("TLS files are of no use without an https URL")
	}
	var err error
	tr.TLSClientConfig, err = files.load()
	return tr, err
}

func (f TLS) load() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if (f.Cert == "") != (f.KeyFile == "") {
		return nil, errors.New("a client certificate and its key go together")
	}
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
