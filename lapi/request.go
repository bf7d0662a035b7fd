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

// maxMessage is how many bytes of a refusal are read.
const maxMessage = 1 << 10

// An api is a Local API and what lets a client in.
type api struct {
	base    string // what its paths are appended to
	key     string
	secrets []string // what must not stand in a log
	http    *http.Client
	log     *zap.Logger
	bound   bounds
}

// A refusal is an answer with an error status.
type refusal struct {
	code       int
	text       string
	said       string        // the server's own words; "": none
	retryAfter time.Duration // 0: the server does not say
}

func (r *refusal) Error() string { return r.text }

// isForbidden reports whether err is the server's refusal of the key.
func isForbidden(err error) bool {
	return isRefusal(err, http.StatusForbidden, http.StatusUnauthorized)
}

// isRefusal reports whether err is an answer with one of the codes.
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
	keyRefused     = "check the key: `cscli bouncers list` shows who has one, `cscli bouncers add NAME` makes one"
	certRefused    = "check the client certificate: its OU has to be among the server's bouncers_allowed_ou"
	machineRefused = "check the name and password of the machine: `cscli machines list` shows them, and who is validated"
	unitRefused    = "check the client certificate of the machine, which is other than the bouncer's: its OU has to be among the server's agents_allowed_ou"
)

// newRequest returns a request as all are; path begins with a slash.
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

// get asks for something that a key allows to ask for. Its answer may come
// compressed: see newBody.
func (a *api) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	req, err := a.newRequest(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	a.sign(req)
	req.Header.Set("Accept-Encoding", "gzip")
	// The transport sends a GET again, unasked, if a connection that it has kept
	// breaks before the answer comes. The stream tells each change only once, so
	// each pull has a connection of its own.
	req.Close = path == streamPath
	return a.do(req)
}

// sign adds the key, if there is one: a client certificate does without.
func (a *api) sign(req *http.Request) {
	if a.key != "" {
		req.Header.Set("X-Api-Key", a.key)
	}
}

// hint says what to look at when the server lets a bouncer in no more.
func (a *api) hint() string {
	if a.key == "" {
		return certRefused
	}
	return keyRefused
}

// judge returns why resp is no list of decisions, or nil if it is one.
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

// refuse explains an answer with a bad status. What the server says is shown
// without what is secret, and without addresses: some echo the request.
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
		if r.said = hide(message(resp)); r.said != "" {
			status = fmt.Sprintf("%s: %.200q", status, r.said)
		}
		if forbidden == machineRefused && strings.Contains(r.said, "certificate OU") {
			forbidden = unitRefused
		}
		r.text = status + ": " + forbidden
	case resp.StatusCode/100 == 3:
		r.text = fmt.Sprintf("%s: redirected to %.200q, which is not followed, so that the key stays here: is the URL right?",
			status, hide(resp.Header.Get("Location")))
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed:
		r.text = status + ": nothing of the kind here: is the URL that of CrowdSec's Local API?"
	default:
		r.text = fmt.Sprintf("%s: %.200q", status, hide(message(resp)))
	}
	return r
}

// message returns what the server says about its refusal. CrowdSec 1.4.6 may say two
// things, of which the last one is the reason.
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

// kindOf returns a name for failures like err, and how long the server asks to
// be left alone.
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
