package lapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/internal/upstream"
	"go.uber.org/zap"
)

const streamPath = "/v1/decisions/stream"

// maxMessage is the largest part of an error response that is read.
const maxMessage = 1 << 10

// An api is a Local API with the credentials for it.
type api struct {
	base    string // the URL before the paths
	key     string
	secrets []string // texts that must not appear in a log
	http    *http.Client
	log     *zap.Logger
	bound   bounds
}

// A refusal is an answer with an error status.
type refusal struct {
	code       int
	text       string
	message    string        // the server's message; "": none
	retryAfter time.Duration // 0: not given
}

func (r *refusal) Error() string { return r.text }

// isForbidden reports whether err means that the server refuses the key.
func isForbidden(err error) bool {
	return isRefusal(err, http.StatusForbidden, http.StatusUnauthorized)
}

// isRefusal reports whether err is a response with one of the codes.
func isRefusal(err error, codes ...int) bool {
	r, ok := errors.AsType[*refusal](err)
	for _, code := range codes {
		if ok && r.code == code {
			return true
		}
	}
	return false
}

const (
	keyRefused     = "check the key: `cscli bouncers list` shows the bouncers with a key, `cscli bouncers add NAME` makes one"
	certRefused    = "check the client certificate: its OU must be among the server's bouncers_allowed_ou"
	machineRefused = "check the name and password of the machine: `cscli machines list` shows the machines and whether they are validated"
	unitRefused    = "check the client certificate of the machine (not the bouncer's): its OU must be among the server's agents_allowed_ou"
)

// newRequest returns a request with the common headers. Path begins with a slash.
func (a *api) newRequest(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// get sends a request that needs only the key. The answer may be compressed: see
// newBody.
func (a *api) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	req, err := a.newRequest(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	a.sign(req)
	req.Header.Set("Accept-Encoding", "gzip")
	// The transport repeats a GET if a kept connection breaks before the answer. The
	// stream sends each change only once, so each pull gets a new connection.
	req.Close = path == streamPath
	return a.do(req)
}

// sign adds the key. With a client certificate there may be none.
func (a *api) sign(req *http.Request) {
	if a.key != "" {
		req.Header.Set("X-Api-Key", a.key)
	}
}

// hint says what to check if the server refuses the bouncer.
func (a *api) hint() string {
	if a.key == "" {
		return certRefused
	}
	return keyRefused
}

// judge returns an error if resp is not a list of decisions.
func (a *api) judge(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return a.refuse(resp, a.hint())
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "text/html" {
		return errors.New("the answer is an HTML page: is the URL that of CrowdSec's Local API?")
	}
	return nil
}

// refuse explains a response with an error status. It shows the server's message
// without secrets and addresses, because some servers repeat the request.
func (a *api) refuse(resp *http.Response, forbidden string, secrets ...string) *refusal {
	r := &refusal{code: resp.StatusCode, retryAfter: upstream.RetryAfter(resp.Header.Get("Retry-After"))}
	hide := func(s string) string {
		for _, secret := range append(secrets, a.secrets...) {
			s = strings.ReplaceAll(s, secret, hidden)
		}
		return unaddressed(s, a.base)
	}
	switch status := fmt.Sprintf("status %d", resp.StatusCode); {
	case resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized:
		if r.message = hide(message(resp)); r.message != "" {
			status = fmt.Sprintf("%s: %.200q", status, r.message)
		}
		if forbidden == machineRefused && strings.Contains(r.message, "certificate OU") {
			forbidden = unitRefused
		}
		r.text = status + ": " + forbidden
	case resp.StatusCode/100 == 3:
		r.text = fmt.Sprintf("%s: redirect to %.200q not followed, to protect the key: correct the URL",
			status, hide(resp.Header.Get("Location")))
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed:
		r.text = status + ": not found: is the URL that of CrowdSec's Local API?"
	default:
		r.text = fmt.Sprintf("%s: %.200q", status, hide(message(resp)))
	}
	return r
}

// message returns the server's message in an error response. CrowdSec 1.4.6 may send
// two, and the last one is the reason.
func message(resp *http.Response) string {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	last := ""
	for all := json.NewDecoder(bytes.NewReader(text)); ; {
		var said struct{ Message string }
		if all.Decode(&said) != nil {
			break
		}
		last = cmp.Or(said.Message, last)
	}
	return cmp.Or(last, strings.TrimSpace(string(text)))
}

// kindOf returns a name for failures like err, and the server's Retry-After.
func kindOf(err error) (string, time.Duration) {
	var r *refusal
	var unreachable *url.Error
	switch {
	case errors.As(err, &r):
		return "status " + strconv.Itoa(r.code), r.retryAfter
	case errors.Is(err, context.DeadlineExceeded):
		return "late", 0
	case errors.As(err, &unreachable):
		return "unreachable", 0
	case errors.Is(err, errSilence):
		return "silent", 0
	}
	return "broken answer", 0
}
