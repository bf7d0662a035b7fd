package caddymodule

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// another is a client that no test bans before it is served.
const another = "198.51.100.2"

// newLastingUpstream returns the address of an application whose answers last: to
// /events it sends lines, of /upload it reads the body, and of a WebSocket it sends
// back what comes.
func newLastingUpstream(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/{site}/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			_, _ = io.WriteString(w, "data: x\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/{site}/poll", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/{site}/upload", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	mux.HandleFunc("/{site}/socket", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(conn, rw)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// A stream is an answer that lasts, as its client sees it.
type stream struct {
	what  string
	lines chan struct{} // as they come
	ended chan struct{}
}

// wait waits until the stream ends.
func (s *stream) wait(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s goes on", s.what)
	}
}

// goesOn reports whether more comes.
func (s *stream) goesOn(t *testing.T) {
	t.Helper()
	for range 100 { // more than could be under way
		select {
		case <-s.lines:
		case <-s.ended:
			t.Fatalf("%s has ended", s.what)
		case <-time.After(30 * time.Second):
			t.Fatalf("%s says no more", s.what)
		}
	}
}

// dial opens what lasts over a connection of its own, and waits until its answer begins.
// Of a poll and an upload there is none to wait for.
func (h *host) dial(from, path string, header ...string) *stream {
	h.t.Helper()
	silent := strings.HasSuffix(path, "poll") || strings.HasSuffix(path, "upload")
	conn := h.begin(from, path, header...)
	r := bufio.NewReader(conn)
	for tries := 1; !silent; tries++ {
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		_, err := r.Peek(1)
		if err == nil {
			break
		}
		if !dropped(err) || tries == 5 {
			h.t.Fatalf("%s of %s: %v", path, from, err)
		}
		// After a reload: see do.
		conn = h.begin(from, path, header...)
		r.Reset(conn)
	}
	_ = conn.SetReadDeadline(time.Time{})
	s := &stream{path + " of " + from, make(chan struct{}), make(chan struct{})}
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		var err error
		for err == nil && !strings.HasSuffix(path, "events") && !strings.HasSuffix(path, "poll") {
			_, err = io.WriteString(conn, strings.Repeat("x", 100)+"\n")
			<-tick.C
		}
	}()
	go func() {
		defer close(s.ended)
		defer func() { <-sending }()
		defer conn.Close()
		for {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			select {
			case s.lines <- struct{}{}:
			default:
			}
		}
	}()
	return s
}

// begin sends the head of a request over a connection of its own.
func (h *host) begin(from, path string, header ...string) net.Conn {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	method := "GET"
	if strings.HasSuffix(path, "upload") {
		method, header = "POST", append(header, "Content-Length: 1000000000")
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: %s\r\n%s\r\n",
		method, path, h.addr, from, strings.Join(append(header, ""), "\r\n"))
	if err != nil {
		h.t.Fatal(err)
	}
	return conn
}

// overHTTP2 opens an event stream over HTTP/2.
func (h *host) overHTTP2(from, path string) *stream {
	h.t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	h.t.Cleanup(tr.CloseIdleConnections)
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	resp, err := tr.RoundTrip(h.request(http.MethodGet, from, path).WithContext(ctx)) //nolint:bodyclose // the reader closes it
	if err != nil {
		h.t.Fatal(err)
	}
	s := &stream{path + " over HTTP/2", make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(s.ended)
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
	}()
	return s
}

// inFlight waits until as many requests are at the site as there are streams.
func (h *host) inFlight(upstream string, streams ...*stream) {
	h.t.Helper()
	for _, s := range streams {
		if !strings.Contains(s.what, "poll") && !strings.Contains(s.what, "upload") && !strings.Contains(s.what, "HTTP/2") {
			s.goesOn(h.t.(*testing.T))
		}
	}
}

// ban has the engine that runs decide against clients.
func ban(t *testing.T, clients ...string) {
	t.Helper()
	var all []lookup.Decision
	for _, c := range clients {
		all = append(all, lookup.Decision{Prefix: prefix(t, c), Action: lookup.Ban, Origin: "cscli", Reason: "manual"})
	}
	runningEngine(t).Table().Update("test", all, nil)
}

const upgrade = "Connection: Upgrade\r\nUpgrade: websocket"

// Open connections of a client end when it is banned, also through the proxy. Those of
// other clients stay.
func TestWhatABannedClientHasOpenEnds(t *testing.T) {
	upstream := newLastingUpstream(t)
	h := newHost(t)
	h.load(globals("blocklist {DIR}/banned.txt\nsnapshot off") + "http://{ADDR} {\ntocsin\nreverse_proxy " + upstream + "\n}")
	streams := []*stream{
		h.dial(banned, "/a/socket", upgrade),
		h.dial(banned, "/a/events"),
		h.dial(banned, "/a/poll"),
		h.dial(banned, "/a/upload"),
		h.overHTTP2(banned, "/a/events"),
	}
	others := []*stream{h.dial(another, "/a/socket", upgrade), h.dial(another, "/a/events")}
	h.inFlight(upstream, slices.Concat(streams, others)...)
	ban(t, banned)
	for _, s := range streams {
		s.wait(t)
	}
	for _, s := range others {
		s.goesOn(t)
	}
	wait(t, func() error {
		n := runningEngine(t).counters.of("srv0").Snapshot()
		if n.Ended != 5 || n.Stopped[lookup.Ban] != 0 {
			return fmt.Errorf("%d ended, %d stopped", n.Ended, n.Stopped[lookup.Ban])
		}
		return nil
	})
}

// Of what outlives a config, the one that runs decides: its sources, and its allow list.
func TestWhatOutlivesAReloadEndsToo(t *testing.T) {
	upstream := newLastingUpstream(t)
	h := newHost(t)
	site := "http://{ADDR} {\ntocsin\nreverse_proxy " + upstream + " {\nstream_close_delay 1h\n}\n}"
	h.load(globals("blocklist {DIR}/first.txt\nsnapshot off") + site)
	socket, events, spared := h.dial(banned, "/a/socket", upgrade), h.dial(banned, "/a/events"), h.dial(another, "/a/events")
	h.inFlight(upstream, socket, events, spared)
	first := runningEngine(t)
	h.load(globals("blocklist {DIR}/second.txt\nsnapshot off\nallow "+another) + site)
	if runningEngine(t) == first {
		t.Fatal("the engine is the same")
	}
	ban(t, banned, another)
	socket.wait(t)
	events.wait(t)
	spared.goesOn(t)
}

// A site can say otherwise than the app, in both directions.
func TestEstablishedKeep(t *testing.T) {
	upstream := newLastingUpstream(t)
	h := newHost(t)
	for _, row := range []struct{ app, kept, ended string }{
		{"keep", "", "established end"},
		{"end", "established keep", ""},
	} {
		h.t = t
		h.load(globals("blocklist {DIR}/banned.txt\nsnapshot off\nestablished "+row.app) + "http://{ADDR} {\nhandle /kept/* {\ntocsin {\n" + row.kept +
			"\n}\nreverse_proxy " + upstream + "\n}\nhandle /ended/* {\ntocsin {\n" + row.ended + "\n}\nreverse_proxy " + upstream + "\n}\n}")
		runningEngine(t).Table().Replace("test", nil)
		kept, ended := h.dial(banned, "/kept/events"), h.dial(banned, "/ended/events")
		h.inFlight(upstream, kept, ended)
		ban(t, banned)
		ended.wait(t)
		kept.goesOn(t)
	}
	for _, bad := range []string{
		`{"admin":{"disabled":true},"apps":{"tocsin":{"established":"sometimes","sources":[{"source":"blocklist","path":"x"}]}}}`,
	} {
		if err := h.loadJSON([]byte(bad)); err == nil || !strings.Contains(err.Error(), `established: "sometimes": want one of end, keep`) {
			t.Errorf("error %v", err)
		}
	}
}
