package appsec

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// multiplexed sends all questions over HTTP/2 without TLS.
type multiplexed struct {
	url       string
	transport *http.Transport
	ctx       context.Context // ends the wait for answers that no request needs any more
	cancel    context.CancelFunc
	waits     sync.WaitGroup // for those waits
}

func newMultiplexed(end endpoint, secure *tls.Config) (*multiplexed, error) {
	if secure != nil {
		return nil, errors.New("h2c is HTTP/2 without TLS: want an http URL, or no h2c")
	}
	open := newDial(end, nil)
	t := &http.Transport{
		Protocols: new(http.Protocols),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := open(ctx)
			if err != nil {
				return nil, unsentError{err}
			}
			return c, nil
		},
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxAnswerHead,
		DisableCompression:     true,
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	m := &multiplexed{url: "http://" + end.host + end.path, transport: t}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m, nil
}

func (m *multiplexed) close() {
	m.cancel()
	m.transport.CloseIdleConnections()
	m.waits.Wait()
}

// A result is the answer to a question, or the error.
type result struct {
	a   *answer
	err error
}

func (m *multiplexed) ask(q *question, t *turn) (*answer, error) {
	ctx, cancel := context.WithCancel(context.Background())
	// The transport may still read the request after a timeout, so it gets copies.
	req, err := http.NewRequestWithContext(ctx, q.method(), m.url, bytes.NewReader(bytes.Join(q.body, nil)))
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header = q.header()
	said := make(chan result, 1)
	go func() { said <- m.roundTrip(req) }()
	for {
		timer := time.NewTimer(time.Until(t.until))
		select {
		case got := <-said:
			timer.Stop()
			cancel()
			return got.a, got.err
		case <-timer.C:
		}
		if !t.more() {
			m.leave(t, said, cancel)
			return nil, context.DeadlineExceeded
		}
	}
}

// leave ends the wait for an answer, or lets it continue in the background: see
// [turn.stay].
func (m *multiplexed) leave(t *turn, said chan result, cancel context.CancelFunc) {
	until, over, ok := t.stay()
	if !ok {
		cancel()
		<-said
		return
	}
	m.waits.Go(func() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		select {
		case got := <-said:
			cancel()
			over(got.err == nil)
			return
		case <-timer.C:
		case <-m.ctx.Done():
		}
		cancel()
		<-said
		over(false)
	})
}

func (m *multiplexed) roundTrip(req *http.Request) result {
	resp, err := m.transport.RoundTrip(req)
	if err != nil {
		return result{err: err}
	}
	defer resp.Body.Close()
	body, err := readAll(nil, resp.Body, maxAnswer)
	if err != nil {
		return result{err: err}
	}
	return result{a: parseAnswer(resp.StatusCode, body)}
}

// header returns the header fields of q.
func (q *question) header() http.Header {
	h := http.Header{}
	for line := range strings.SplitSeq(string(q.fields), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h[http.CanonicalHeaderKey(name)] = append(h[http.CanonicalHeaderKey(name)], value)
		}
	}
	if h["User-Agent"] == nil {
		h["User-Agent"] = []string{""} // empty, to suppress the user agent of net/http
	}
	return h
}
