package lists

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/internal/upstream"
)

const (
	// silence is the longest wait for the next byte of a server.
	silence = 30 * time.Second
	// maxFetch is the longest time for a whole list: enough for 64 MiB at one megabit a
	// second. It ends very slow answers.
	maxFetch = 10 * time.Minute
	// maxMessage is the largest part of an error response that is read.
	maxMessage = 1 << 10
	// maxValidator is the largest validator that is sent back.
	maxValidator = 1 << 10
	// emptyMirror is the answer of CrowdSec's cs-blocklist-mirror, with status 404, if
	// it has no decisions.
	emptyMirror = "no decisions available"
	userAgent   = "tocsin (+https://github.com/tocsin-project/tocsin)"
)

var (
	errRedirect = errors.New("a redirect was not followed")
	errSilence  = fmt.Errorf("the server stopped sending: no data for %v", silence)
	errSlow     = fmt.Errorf("the server is too slow: not finished after %v", maxFetch)
)

// A refusal is an invalid answer.
type refusal struct {
	code       int
	text       string
	retryAfter time.Duration // 0: not given
}

func (r *refusal) Error() string { return r.text }

// validators tell the server which version is known. The zero value asks for the whole
// list.
type validators struct{ etag, modified string }

// validatorsOf returns the validators in h, unless they are too long to send back: then
// all later requests could fail.
func validatorsOf(h http.Header) validators {
	v := validators{etag: h.Get("Etag"), modified: h.Get("Last-Modified")}
	if len(v.etag)+len(v.modified) > maxValidator {
		return validators{}
	}
	return v
}

// dial opens a connection, with a limit of ten seconds.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	return d.DialContext(ctx, network, addr)
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// newTransport returns a new transport, whose connections can be closed when Run ends.
// It opens none.
func newTransport(dial dialFunc) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return impatientConn{c}, nil
		},
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        silence,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // answer.go decompresses gzip, with a limit
	}
}

// An impatientConn fails if nothing arrives for a while. A connection that refuses a
// deadline is closed. A transport always reads from a connection, so this also covers
// writes that the server does not accept.
type impatientConn struct{ net.Conn }

func (c impatientConn) Read(b []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(silence))
	return c.Conn.Read(b)
}

// get fetches a URL and follows redirects. The caller must close the answer.
func (u *URL) get(ctx context.Context, at *url.URL, v validators) (*answer, error) {
	for range 1 + maxRedirects {
		resp, err := u.ask(ctx, at, v)
		if err != nil {
			return nil, err
		}
		if !isRedirect(resp.StatusCode) {
			a, err := u.judge(resp, v)
			if err != nil {
				resp.Body.Close()
			}
			if err != nil && at.Host != u.at.Host {
				err = fmt.Errorf("redirected to %.200s: %w", u.secrets.Replace(shown(at)), err)
			}
			return a, err
		}
		resp.Body.Close()
		if at, err = u.redirected(at, resp.Header.Get("Location")); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: more than %d times", errRedirect, maxRedirects)
}

// ask sends one request. It does not use http.Client, which follows redirects by its
// own rules and puts the whole URL into errors.
func (u *URL) ask(ctx context.Context, at *url.URL, v validators) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, errors.New("no request can be made of the URL") // the original error shows the URL
	}
	if u.mayGetSecrets(at) {
		if u.user != nil {
			password, _ := u.user.Password()
			req.SetBasicAuth(u.user.Username(), password)
		}
		setHeader(req, "X-Api-Key", u.key)
	}
	setHeader(req, "If-None-Match", v.etag)
	setHeader(req, "If-Modified-Since", v.modified)
	setHeader(req, "User-Agent", userAgent)
	setHeader(req, "Accept", "text/plain, */*;q=0.5")
	// CrowdSec cuts uncompressed answers off at about 5 MB.
	setHeader(req, "Accept-Encoding", "gzip")
	return u.transport.RoundTrip(req)
}

func setHeader(req *http.Request, name, value string) {
	if value != "" {
		req.Header.Set(name, value)
	}
}

func isRedirect(code int) bool {
	switch code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// judge returns the answer that resp is, or why it is invalid.
func (u *URL) judge(resp *http.Response, v validators) (*answer, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		return newAnswer(resp, u.maxBytes)
	case http.StatusNoContent:
		return &answer{resp: resp}, nil
	case http.StatusNotModified:
		if v != (validators{}) {
			return &answer{resp: resp, unchanged: true}, nil
		}
	}
	said := u.message(resp)
	if resp.StatusCode == http.StatusNotFound && said == emptyMirror {
		return &answer{resp: resp}, nil
	}
	r := &refusal{code: resp.StatusCode, retryAfter: upstream.RetryAfter(resp.Header.Get("Retry-After"))}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		r.text = fmt.Sprintf("status %d: access refused: check user and password or the key: %.200q", r.code, said)
	default:
		r.text = fmt.Sprintf("status %d: %.200q", r.code, said)
	}
	return nil, r
}

// message returns what the server says about its refusal.
func (u *URL) message(resp *http.Response) string {
	if isHTML(resp) {
		return http.StatusText(resp.StatusCode) // nobody reads tags in a log
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	return strings.TrimSpace(u.secrets.Replace(string(text)))
}

func isHTML(resp *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return kind == "text/html" || kind == "application/xhtml+xml"
}
