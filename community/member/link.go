package member

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/internal/upstream"
)

const (
	apiPath    = "/api/v1/"
	askTimeout = 30 * time.Second // for all answers except the list
	maxAnswer  = 1 << 20          // bytes of these answers, decompressed
	maxMessage = 4 << 10          // bytes of an error
	shownText  = 200              // characters of a message that logs have
)

// A link is an HTTP client for the centre.
type link struct {
	base  string // the URL before the paths
	host  string // of the URL, for people
	key   string // empty: none yet
	agent string
	http  *http.Client
}

// newLink checks the URL, and reads the authorities.
func newLink(cfg Config) (link, error) {
	u, err := upstream.ParseURL(cfg.URL, "https://blocklist.example.org", "")
	if err != nil {
		return link{}, err
	}
	switch {
	case u.Scheme == "unix":
		return link{}, errors.New("URL: want the https URL of a community, not a socket")
	case u.Scheme == "http" && !cfg.Plain && !isHere(u.Hostname()):
		return link{}, fmt.Errorf("URL %q: anybody on the way could read the key and change the list: want https, or allow this with plain_http (--plain-http)", u.Redacted())
	case strings.Contains(u.Path+"/", apiPath):
		return link{}, fmt.Errorf("URL %q: leave out %s and everything after it: tocsin appends it", u.Redacted(), strings.TrimSuffix(apiPath, "/"))
	}
	tls, err := upstream.TLS{CA: cfg.CA}.Load(u.Scheme == "https")
	if err != nil {
		return link{}, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return link{
		base: strings.TrimRight(u.String(), "/"), host: u.Host, key: cfg.Key, agent: cfg.Agent,
		http: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // only this server may get the key
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: tls, ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: askTimeout, IdleConnTimeout: 90 * time.Second,
				MaxIdleConnsPerHost: 2, MaxResponseHeaderBytes: 64 << 10,
			},
		},
	}, nil
}

// isHere reports whether host is this machine.
func isHere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// get asks for path, and reads the answer into v.
func (l *link) get(ctx context.Context, path string, v any) error {
	return l.ask(ctx, http.MethodGet, path, nil, v)
}

// post sends in as JSON, and reads the answer into v.
func (l *link) post(ctx context.Context, path string, in, v any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return l.ask(ctx, http.MethodPost, path, body, v)
}

func (l *link) ask(ctx context.Context, method, path string, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := l.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if len(text) > maxAnswer {
		return fmt.Errorf("reading the answer: more than %d bytes", maxAnswer)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("reading the answer: it is not that of a community: %w", err)
	}
	return nil
}

// send sends a request. Its answer is a success. The transport decompresses it.
func (l *link) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, l.base+apiPath+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", l.agent)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if l.key != "" {
		req.Header.Set("Authorization", "Bearer "+l.key)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, l.refuse(resp)
}

// withoutURL returns the reason of an error of net/http, whose URL is the configured one.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// A refusal is an answer without a success status.
type refusal struct {
	code       int
	text       string
	retryAfter time.Duration // 0: not given
}

func (r *refusal) Error() string { return r.text }

// hasCode reports whether err is a refusal with one of the codes.
func hasCode(err error, codes ...int) bool {
	r, ok := errors.AsType[*refusal](err)
	for _, code := range codes {
		if ok && r.code == code {
			return true
		}
	}
	return false
}

// refuse returns an error that explains resp.
func (l *link) refuse(resp *http.Response) *refusal {
	r := &refusal{code: resp.StatusCode, retryAfter: upstream.RetryAfter(resp.Header.Get("Retry-After"))}
	said := l.message(resp.Body)
	switch status := fmt.Sprintf("status %d", resp.StatusCode); {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		r.text = status + ": " + said + ": the community refuses the key: check it, or ask its operator"
	case resp.StatusCode/100 == 3:
		r.text = status + ": a redirect is not followed, to protect the key: correct the URL"
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed:
		r.text = status + ": not found: is the URL that of a community?"
	default:
		r.text = status + ": " + said
	}
	return r
}

// message returns the centre's message, without the key: some servers repeat the request.
func (l *link) message(body io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(body, maxMessage))
	var said struct{ Message string }
	if json.Unmarshal(text, &said) != nil {
		said.Message = strings.TrimSpace(string(text))
	}
	if l.key != "" {
		said.Message = strings.ReplaceAll(said.Message, l.key, "[key]")
	}
	return fmt.Sprintf("%.*q", shownText, said.Message)
}

// retryAfter returns the pause that the centre asks for with err.
func retryAfter(err error) time.Duration {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.retryAfter
	}
	return 0
}
