package lapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/internal/upstream"
)

// maxConns is how many questions a Live asks at once, each on its own connection. The
// connections stay open for the next ones.
const maxConns = 64

// An endpoint is a parsed URL of an API.
type endpoint struct {
	base   string // scheme, host and path, without a slash at the end
	socket string // unix socket to dial instead of the host; "": none
	secure bool
}

// parseURL reads the URL of an API. Its errors do not show a URL that may contain a
// password.
func parseURL(raw string) (endpoint, error) {
	u, err := upstream.ParseURL(raw, "http://127.0.0.1:8080", "unix:///run/crowdsec.sock")
	if err != nil {
		return endpoint{}, err
	}
	if u.Scheme == "unix" {
		return endpoint{base: "http://unix", socket: u.Path}, nil
	}
	if slices.Contains(strings.Split(u.Path, "/"), "v1") {
		return endpoint{}, fmt.Errorf("URL %q: leave out /v1 and everything after it: tocsin appends it", u.Redacted())
	}
	return endpoint{base: strings.TrimRight(u.String(), "/"), secure: u.Scheme == "https"}, nil
}

// newTransport returns a new transport, which can be closed when Run ends. It opens no
// connection.
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
		DisableCompression:     true, // body.go decompresses gzip, with a limit
	}
	if end.socket != "" {
		tr.Proxy = nil
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", end.socket)
		}
	}
	var err error
	tr.TLSClientConfig, err = upstream.TLS(files).Load(end.secure)
	return tr, err
}
