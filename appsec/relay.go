package appsec

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The limits of a relayed answer, besides the limit of its body. Browsers keep about
// 180 cookies of a site.
const (
	maxRelayFields = 256
	maxRelayHead   = 256 << 10
)

// A Relay is AppSec's own response to the visitor, such as the page of a challenge, a
// redirect with a cookie, or a script.
type Relay struct {
	Status int // 200 to 599; 200 if AppSec sends none, or an invalid one

	// Header has AppSec's headers and cookies, except those about the connection and
	// the length, and those for a proxy in front of this server. If the client used
	// TLS, cookies get the attribute Secure, because AppSec does not know. An answer
	// without Cache-Control gets one that forbids caching.
	Header http.Header

	Body string // unchanged
}

// ServeHTTP sends the response.
func (a *Relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, values := range a.Header {
		h[name] = append([]string(nil), values...)
	}
	bodyless := a.Status == http.StatusNoContent || a.Status == http.StatusNotModified
	if !bodyless {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	if !bodyless && r.Method != http.MethodHead {
		_, _ = io.WriteString(w, a.Body) // on an error the client has disconnected
	}
}

var (
	errDamaged  = errors.New("a field has the wrong type")
	errTooMuch  = fmt.Errorf("more than %d headers and cookies, or %d bytes of them", maxRelayFields, maxRelayHead)
	errBadField = errors.New("a header or cookie has an invalid character")
)

// newRelay returns the response in a for the visitor. It returns an error if any part
// cannot be relayed, because an incomplete challenge does not work.
func newRelay(a *answer, secure bool) (*Relay, error) {
	if a.damaged {
		return nil, errDamaged
	}
	relay := &Relay{Status: a.Status, Header: make(http.Header, len(a.Headers)+2), Body: a.Body}
	if a.Status < 200 || a.Status > 599 {
		relay.Status = http.StatusOK
	}
	var size bound
	for name, values := range a.Headers {
		for _, value := range values {
			if err := relay.add(&size, name, value, secure); err != nil {
				return nil, err
			}
		}
	}
	for _, cookie := range a.Cookies {
		if err := relay.add(&size, "Set-Cookie", cookie, secure); err != nil {
			return nil, err
		}
	}
	if relay.Header.Get("Cache-Control") == "" {
		relay.Header.Set("Cache-Control", "no-store")
	}
	return relay, nil
}

// A bound counts the fields and bytes of a relayed answer.
type bound struct{ fields, bytes int }

func (a *Relay) add(size *bound, name, value string, secure bool) error {
	size.fields++
	size.bytes += len(name) + len(value)
	if size.fields > maxRelayFields || size.bytes > maxRelayHead {
		return errTooMuch
	}
	if !isToken(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return errBadField
	}
	name = http.CanonicalHeaderKey(name)
	if !isRelayed(name) {
		return nil
	}
	if name == "Set-Cookie" && secure {
		value = addSecure(value)
	}
	a.Header.Add(name, value)
	return nil
}

// isRelayed reports whether the visitor may get a header. Headers for a proxy in front
// of this server could make it send private files.
func isRelayed(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length",
		"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"X-Sendfile", "X-Lighttpd-Send-File", "X-Reproxy-Url":
		return false
	}
	return !strings.HasPrefix(name, "X-Accel-")
}

// addSecure adds the attribute Secure to a Set-Cookie value.
func addSecure(cookie string) string {
	attributes := strings.Split(cookie, ";")
	for _, attribute := range attributes[1:] {
		if strings.EqualFold(strings.TrimSpace(attribute), "secure") {
			return cookie
		}
	}
	return strings.TrimRight(cookie, "; ") + "; Secure"
}
