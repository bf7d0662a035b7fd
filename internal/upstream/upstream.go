// Package upstream has what all clients of other servers need before they send
// anything: the parser of their URLs, and the TLS settings.
//
// Its errors say what is wrong with an option and what to write instead. They do not
// show a URL that may contain a password.
package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// ParseURL reads a URL with the scheme http, https or unix. Errors show the examples
// (one with the usual scheme, one of unix).
func ParseURL(raw, example, socket string) (*url.URL, error) {
	switch {
	case raw == "":
		return nil, fmt.Errorf("no URL: want one such as %s", example)
	case strings.HasPrefix(raw, "/"):
		return nil, fmt.Errorf("URL %q: no scheme: for a unix socket write unix://%s", raw, raw)
	case !strings.Contains(raw, "://"):
		scheme, _, _ := strings.Cut(example, "://")
		return nil, fmt.Errorf("URL %q: no scheme: write %s://%s", raw, scheme, raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		if reason, ok := errors.AsType[*url.Error](err); ok {
			err = reason.Err
		}
		return nil, fmt.Errorf("URL: %w", err)
	}
	if err := check(u, socket); err != nil {
		return nil, fmt.Errorf("URL %q: %w", u.Redacted(), err)
	}
	return u, nil
}

func check(u *url.URL, socket string) error {
	if u.User != nil {
		return errors.New("it contains a user or password: remove them (the API key has its own option)")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return errors.New("it contains a query or fragment: remove it")
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || len(u.Path) < 2 {
			return fmt.Errorf("want three slashes and a path, such as %s", socket)
		}
		return nil
	case "http", "https":
	default:
		return fmt.Errorf("scheme %q: want http, https or unix", u.Scheme)
	}
	if u.Hostname() == "" {
		return errors.New("it has no host: want one such as http://127.0.0.1:8080")
	}
	return nil
}

// TLS holds paths of PEM files. The certificate with its key is read at each
// handshake, so that it can be renewed.
type TLS struct {
	Cert    string // client certificate; default: none
	KeyFile string // its private key
	CA      string // authorities for the server's certificate; default: the system's
}

// Load returns the configuration for a server. Secure says whether it uses TLS. If it
// does not, files are an error.
func (f TLS) Load(secure bool) (*tls.Config, error) {
	if f != (TLS{}) && !secure {
		return nil, errors.New("TLS files need an https URL: change http to https, or leave the files out")
	}
	if (f.Cert == "") != (f.KeyFile == "") {
		return nil, errors.New("a client certificate needs both a certificate file and a key file")
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
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

// RetryAfter reads a Retry-After header, seconds or a date. It returns 0 if there is
// none.
func RetryAfter(s string) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
