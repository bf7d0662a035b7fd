package member

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

const testKey = "key-0123456789abcdef"

// A centre is a fake of the other side. It keeps what it gets, in bytes.
type centre struct {
	mu       sync.Mutex
	seq      uint64
	listed   []protocol.Entry // the whole list
	changes  []protocol.Entry // the nth has the number n+1
	asked    []string         // method, path and query of each request
	bodies   []string         // of the requests that have one
	headers  []http.Header
	standing protocol.Standing
	ask      protocol.Questions
	answer   protocol.SignalsAnswer

	// instead answers a request if it returns true.
	instead func(w http.ResponseWriter, r *http.Request) bool
}

func (c *centre) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, r.Method+" "+r.URL.RequestURI())
	c.headers = append(c.headers, r.Header)
	if len(body) > 0 {
		c.bodies = append(c.bodies, string(body))
	}
	if c.instead != nil && c.instead(w, r) {
		return
	}
	if r.URL.Path != "/api/v1/join" && r.Header.Get("Authorization") != "Bearer "+testKey {
		refuse(w, http.StatusUnauthorized, "who are you?")
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /api/v1/list":
		c.serveList(w, r)
	case "GET /api/v1/standing":
		send(w, c.standing)
	case "GET /api/v1/questions":
		send(w, c.ask)
	case "POST /api/v1/answers":
		send(w, protocol.Empty{})
	case "POST /api/v1/signals":
		send(w, c.answer)
	default:
		refuse(w, http.StatusNotFound, "not found")
	}
}

func (c *centre) serveList(w http.ResponseWriter, r *http.Request) {
	l := protocol.List{Seq: c.seq, Full: true, Items: c.listed, Name: "Example e.V.", Explain: "https://blocklist.example/about?ip={address}"}
	if after := r.URL.Query().Get("after"); after != "" {
		var n uint64
		if _, err := fmt.Sscan(after, &n); err != nil || n > c.seq {
			refuse(w, http.StatusNotFound, "take the whole list")
			return
		}
		l.Full, l.Items = false, c.changes[n:]
	}
	send(w, l)
}

// list adds an entry to the list, as a change too.
func (c *centre) list(prefix, action string, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := protocol.Entry{Prefix: prefix, Action: action, Until: until, Behaviour: "http:bruteforce"}
	c.listed = slices.DeleteFunc(c.listed, func(o protocol.Entry) bool { return o.Prefix == prefix })
	if action != "none" {
		c.listed = append(c.listed, e)
	}
	c.changes = append(c.changes, e)
	c.seq++
}

// did returns how many requests began so.
func (c *centre) did(request string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.asked {
		if strings.HasPrefix(a, request) {
			n++
		}
	}
	return n
}

// set changes the centre.
func (c *centre) set(f func(*centre)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, text string) {
	w.WriteHeader(code)
	send(w, protocol.Error{Message: text})
}

// RoundTrip implements [http.RoundTripper] without a network, so that a test can own the time.
func (c *centre) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result(), nil
}

// join returns a client of c without a network.
func (c *centre) join(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{URL: "https://blocklist.example", Key: testKey}
	for _, f := range change {
		f(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.http.Transport = c
	return m
}

// logged returns a logger and what it got.
func logged() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.InfoLevel)
	return zap.New(core), logs
}

// polled returns a follower of m that has polled once.
func polled(t *testing.T, m *Client, table *lookup.Table) *follower {
	t.Helper()
	m.table.Store(table)
	f := m.newFollower(table)
	f.poll(t.Context())
	return f
}

// decisions returns what a table says, sorted: 192.0.2.1/32 ban community http:bruteforce.
func decisions(table *lookup.Table) []string {
	var all []string
	for d := range table.All() {
		all = append(all, fmt.Sprintf("%s %s %s %s", d.Prefix, d.Action, d.Origin, d.Reason))
	}
	slices.Sort(all)
	return all
}

// addresses returns n addresses.
func addresses(n int) []string {
	all := make([]string, n)
	ip := netip.MustParseAddr("203.0.113.0")
	for i := range all {
		all[i] = ip.String()
		ip = ip.Next()
	}
	return all
}

// zipped sends a text compressed.
func zipped(w http.ResponseWriter, text io.Reader) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.Copy(z, text)
	_ = z.Close()
}
