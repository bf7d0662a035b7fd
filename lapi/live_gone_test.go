package lapi

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// net/http ends the context of a request when the client closes its side of the
// connection, but the client can still read the response. Before the fix it passed, as
// in an outage.
func TestABannedClientDoesNotGetInByHalfClosing(t *testing.T) {
	s := lapitest.Start(t, lapitest.Config{})
	s.Add(lapitest.Decision{Value: "192.0.2.1"})
	s.InjectWhen(lapitest.Path(queryPath), -1, slow(50*time.Millisecond))
	l, err := NewLive(LiveConfig{URL: s.URL, Key: s.Key, Timeout: 5 * time.Second, TTL: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d, _ := l.Lookup(r.Context(), netip.MustParseAddr("192.0.2.1")); d.Action != lookup.Ban {
			_, _ = io.WriteString(w, "secret")
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer site.Close()
	var passed, refused atomic.Int64
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			switch status := halfClosed(t, strings.TrimPrefix(site.URL, "http://")); status {
			case http.StatusForbidden:
				refused.Add(1)
			default:
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 0 || refused.Load() != 40 {
		t.Errorf("%d pass and %d are refused, want 0 and 40", passed.Load(), refused.Load())
	}
}

// halfClosed sends a request, closes its side and returns the status of the response.
func halfClosed(t *testing.T, address string) int {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Error(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
