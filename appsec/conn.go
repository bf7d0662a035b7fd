package appsec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	maxAnswerHead = 64 << 10
	maxInterim    = 8                // 1xx responses before the final one
	idleTime      = 60 * time.Second // a connection idle for longer is not used again
	oneWrite      = 16 << 10         // a body up to this length is sent together with the head
)

// connections use HTTP/1.1. The client of net/http passes each question to one
// goroutine and each answer to another. That costs as much as the rest of an
// inspection, and after a timeout it may still read the question. Here the caller
// writes and reads itself. Only answers are parsed by net/http.
type connections struct {
	dial dial
	end  *endpoint
	most int // idle connections

	mu     sync.Mutex
	idle   []*conn            // in the order of their last use
	late   map[*conn]struct{} // those waiting for an answer that no request needs any more
	closed bool               // no connection becomes idle any more
	waits  sync.WaitGroup     // for late
}

// A conn is a connection to AppSec. One question at a time uses it.
type conn struct {
	net.Conn
	in     io.LimitedReader // from Conn, limited to the size of one answer
	buf    *bufio.Reader    // from in
	asleep probe            // checks whether it is still usable after an idle time
	used   bool             // it has received an answer
	rested time.Time        // when it became idle
}

func (cs *connections) ask(q *question, t *turn) (*answer, error) {
	c, err := cs.get(t.until)
	if err != nil {
		return nil, err
	}
	a, heard, err := cs.exchange(c, q, t)
	// AppSec may close an idle connection at the moment when it is used again. Then no
	// byte has arrived, and the question can be asked again.
	if err != nil && c.used && !heard && failureOf(err) != Late {
		if c, err = cs.open(t.until); err != nil {
			return nil, err
		}
		a, _, err = cs.exchange(c, q, t)
	}
	return a, err
}

// get returns an idle connection, or a new one.
func (cs *connections) get(until time.Time) (*conn, error) {
	for {
		c := cs.pop()
		if c == nil {
			return cs.open(until)
		}
		if time.Since(c.rested) < idleTime && c.asleep.ok() {
			return c, nil
		}
		c.drop()
	}
}

func (cs *connections) pop() *conn {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	n := len(cs.idle)
	if n == 0 {
		return nil
	}
	c := cs.idle[n-1]
	cs.idle[n-1] = nil
	cs.idle = cs.idle[:n-1]
	return c
}

// push makes c idle. It also closes the oldest idle connection if it has expired, so
// that connections do not stay open after a load peak.
func (cs *connections) push(c *conn) {
	c.rested, c.used = time.Now(), true
	var old *conn
	cs.mu.Lock()
	cs.idle = append(cs.idle, c)
	if first := cs.idle[0]; cs.closed || len(cs.idle) > cs.most || c.rested.Sub(first.rested) >= idleTime {
		old = first
		cs.idle = append(cs.idle[:0], cs.idle[1:]...)
	}
	cs.mu.Unlock()
	if old != nil {
		old.drop()
	}
}

func (cs *connections) close() {
	cs.mu.Lock()
	idle := cs.idle
	cs.idle, cs.closed = nil, true
	for c := range cs.late {
		idle = append(idle, c)
	}
	cs.mu.Unlock()
	for _, c := range idle {
		c.drop()
	}
	cs.waits.Wait()
}

func (cs *connections) open(until time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	raw, err := cs.dial(ctx)
	if err != nil {
		return nil, unsentError{err}
	}
	c := &conn{Conn: raw, in: io.LimitedReader{R: raw}, asleep: newProbe(raw)}
	c.buf = bufio.NewReader(&c.in)
	return c, nil
}

// drop closes c.
func (c *conn) drop() { _ = c.Close() }

// exchange asks q on c, and then makes c idle or closes it. Heard says whether any byte
// arrived.
func (cs *connections) exchange(c *conn, q *question, t *turn) (a *answer, heard bool, err error) {
	if err := c.SetDeadline(t.until); err != nil {
		c.drop()
		return nil, false, err
	}
	sent := c.send(q, cs.end)
	c.in.N = maxAnswerHead + maxAnswer + 1
	if err := c.await(t, sent == nil); err != nil {
		if sent != nil {
			err = sent
		}
		if sent != nil || failureOf(err) != Late || !cs.leave(c, t) {
			c.drop()
		}
		return nil, false, err
	}
	a, last, err := c.receive(q)
	if err != nil && !time.Now().Before(t.until) {
		// net/http reports a line that the deadline cuts off as malformed.
		err = fmt.Errorf("reading the answer: %w", os.ErrDeadlineExceeded)
	}
	// An answer before the end of the body is valid. But then c is in an unknown state
	// and cannot be used again, as after unexpected bytes.
	if err == nil && sent == nil && !last && c.buf.Buffered() == 0 {
		cs.push(c)
	} else {
		c.drop()
	}
	return a, true, err
}

// await waits for the first byte of the answer. It waits longer if t says so.
func (c *conn) await(t *turn, sent bool) error {
	for {
		_, err := c.buf.Peek(1)
		if err == nil || !sent || failureOf(err) != Late || !t.more() {
			return err
		}
		if err := c.SetDeadline(t.until); err != nil {
			return err
		}
	}
}

// leave reports whether the wait for the answer on c continues in the background: see
// [turn.stay].
func (cs *connections) leave(c *conn, t *turn) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return false
	}
	until, over, ok := t.stay()
	if !ok {
		return false
	}
	if cs.late == nil {
		cs.late = make(map[*conn]struct{})
	}
	cs.late[c] = struct{}{}
	cs.waits.Go(func() {
		_ = c.SetDeadline(until) // on an error c is closed, and the read below ends
		_, err := c.buf.Peek(1)
		c.drop()
		cs.mu.Lock()
		delete(cs.late, c)
		cs.mu.Unlock()
		over(err == nil)
	})
	return true
}

// send sends q.
func (c *conn) send(q *question, end *endpoint) error {
	q.out = q.appendTo(q.out[:0], end)
	if q.size <= oneWrite {
		for _, piece := range q.body {
			q.out = append(q.out, piece...)
		}
		_, err := c.Write(q.out)
		return err
	}
	if _, err := c.Write(q.out); err != nil {
		return err
	}
	for _, piece := range q.body {
		if _, err := c.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// receive reads an answer. Last says whether c cannot be used again.
func (c *conn) receive(q *question) (a *answer, last bool, err error) {
	resp, err := c.final()
	if err != nil {
		return nil, true, c.explain(err)
	}
	defer resp.Body.Close()
	q.reply, err = readAll(q.reply[:0], resp.Body, maxAnswer)
	if err != nil {
		return nil, true, c.explain(err)
	}
	return parseAnswer(resp.StatusCode, q.reply), resp.Close, nil
}

// final reads the head of the final response, after any 1xx responses.
func (c *conn) final() (*http.Response, error) {
	for range maxInterim {
		resp, err := http.ReadResponse(c.buf, nil)
		if err != nil || resp.StatusCode >= 200 {
			return resp, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	return nil, errFraming
}

// explain distinguishes a malformed answer from a broken connection.
func (c *conn) explain(err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, errFraming) {
		return err
	}
	if c.in.N > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return err
	}
	return fmt.Errorf("%w: %w", errFraming, err)
}

// readAll appends the content of r to b, at most most bytes.
func readAll(b []byte, r io.Reader, most int) ([]byte, error) {
	for {
		if len(b) > most {
			return b, errFraming
		}
		if len(b) == cap(b) {
			b = append(b, make([]byte, max(512, len(b)))...)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}
