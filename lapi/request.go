package lapi

import (
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
)

// maxMessage is how many bytes of a refusal are read.
const maxMessage = 1 << 10

// A refusal is an answer that is none: its status is not 200.
type refusal struct {
	code       int
	text       string
	retryAfter time.Duration // 0: the server does not say
}

func (r *refusal) Error() string { return r.text }

// isForbidden reports whether err is the server's refusal of the key.
func isForbidden(err error) bool {
	var r *refusal
	return errors.As(err, &r) && (r.code == http.StatusForbidden || r.code == http.StatusUnauthorized)
}

// pull sends a request for the stream.
func (c *Client) pull(ctx context.Context, full bool) (*http.Response, error) {
	query := url.Values{"startup": {strconv.FormatBool(full)}}
	if len(c.cfg.Scopes) > 0 {
		query.Set("scopes", strings.Join(c.cfg.Scopes, ","))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/decisions/stream?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if c.cfg.Key != "" {
		req.Header.Set("X-Api-Key", c.cfg.Key)
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	return c.http.Do(req)
}

// judge returns why resp is no answer to a pull, or nil if it is one.
func (c *Client) judge(resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if kind == "text/html" {
			return errors.New("the answer is an HTML page: is the URL that of CrowdSec's Local API?")
		}
		return nil
	}
	r := &refusal{code: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	switch status := fmt.Sprintf("status %d", resp.StatusCode); {
	case resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized:
		r.text = status + ": access forbidden: check the key: `cscli bouncers list` shows who has one, `cscli bouncers add NAME` makes one"
	case resp.StatusCode/100 == 3:
		r.text = fmt.Sprintf("%s: redirected to %.200q, which is not followed, so that the key stays here: is the URL right?",
			status, c.hideKey(resp.Header.Get("Location")))
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed:
		r.text = status + ": no stream of decisions here: is the URL that of CrowdSec's Local API?"
	default:
		r.text = fmt.Sprintf("%s: %.200q", status, c.hideKey(message(resp)))
	}
	return r
}

// message returns what the server says about its refusal.
func message(resp *http.Response) string {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	var said struct{ Message string }
	if json.Unmarshal(text, &said) == nil && said.Message != "" {
		return said.Message
	}
	return strings.TrimSpace(string(text))
}

// hideKey takes the key out of what a server says: some echo the request.
func (c *Client) hideKey(s string) string {
	if c.cfg.Key == "" {
		return s
	}
	return strings.ReplaceAll(s, c.cfg.Key, "…")
}

// retryAfter reads the header of that name, seconds or a date.
func retryAfter(s string) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// kindOf returns a name for failures like err, and how long the server asks to
// be left alone.
func kindOf(err error) (string, time.Duration) {
	var r *refusal
	var unreachable *url.Error
	switch {
	case errors.As(err, &r):
		return "status " + strconv.Itoa(r.code), r.retryAfter
	case errors.As(err, &unreachable):
		return "unreachable", 0
	case errors.Is(err, errSilence):
		return "silent", 0
	}
	return "broken answer", 0
}
