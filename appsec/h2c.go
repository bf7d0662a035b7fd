package appsec

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
)

// multiplexed asks with HTTP/2 and without TLS.
type multiplexed struct {
	url       string
	transport *http.Transport
}

func newMultiplexed(end endpoint, secure *tls.Config) (*multiplexed, error) {
	if secure != nil {
		return nil, errors.New("h2c is HTTP/2 without TLS: of no use with an https URL")
	}
	open := newDial(end, nil)
	t := &http.Transport{
		Protocols:              new(http.Protocols),
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return open(ctx) },
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxAnswerHead,
		DisableCompression:     true,
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	return &multiplexed{url: "http://" + end.host + end.path, transport: t}, nil
}

func (m *multiplexed) close() { m.transport.CloseIdleConnections() }

func (m *multiplexed) ask(q *question, until time.Time) (*answer, error) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	// The transport may still read what it was given when it has given up, so it
	// gets copies.
	req, err := http.NewRequestWithContext(ctx, q.method(), m.url, bytes.NewReader(bytes.Join(q.body, nil)))
	if err != nil {
		return nil, err
	}
	req.Header = q.header()
	resp, err := m.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readAll(nil, resp.Body, maxAnswer)
	if err != nil {
		return nil, err
	}
	return parseAnswer(resp.StatusCode, body), nil
}

// header returns the fields of q.
func (q *question) header() http.Header {
	h := http.Header{}
	for line := range strings.SplitSeq(string(q.fields), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h[http.CanonicalHeaderKey(name)] = append(h[http.CanonicalHeaderKey(name)], value)
		}
	}
	if h["User-Agent"] == nil {
		h["User-Agent"] = []string{""} // none, instead of net/http's own
	}
	return h
}
