package middleware

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// A witness is an Observer that records events and returns a fixed decision.
type witness struct {
	decide    lookup.Action
	requests  []event.Event
	responses chan event.Event
}

func newWitness() *witness { return &witness{responses: make(chan event.Event, 100)} }

func (o *witness) Request(e *event.Event) (lookup.Decision, bool) {
	o.requests = append(o.requests, *e)
	return lookup.Decision{Action: o.decide, Since: time.Now()}, o.decide != lookup.None
}

func (o *witness) Response(e *event.Event) { o.responses <- *e }

// last returns the only response that the observer got.
func (o *witness) last(t *testing.T) event.Event {
	t.Helper()
	select {
	case e := <-o.responses:
		return e
	case <-time.After(30 * time.Second):
		t.Fatal("told of no response")
		panic("unreachable")
	}
}

func nothing(context.Context, netip.Addr) (lookup.Decision, bool) { return lookup.Decision{}, false }

func TestTheObserverIsToldWhatTheClientGot(t *testing.T) {
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		want    int
	}{
		{"nothing is written", func(http.ResponseWriter, *http.Request) {}, 200},
		{"a body alone", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "hello") }, 200},
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 404},
		{"early hints before it", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(401) }, 401},
		{"a flush before it", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 200},
		{"a copied file", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("x")) }, 200},
		{"an abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 500},
		{"an abort after the head", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); panic(http.ErrAbortHandler) }, 404},
		{"another protocol", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
				conn.Close()
			}
		}, 101},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := newWitness()
			srv := httptest.NewServer(mustNew(t, Config{Lookup: nothing, Observe: o}).Handler(row.handler))
			defer srv.Close()
			if resp, err := http.Get(srv.URL + "/a?b"); err == nil {
				resp.Body.Close()
			}
			if e := o.last(t); e.Status != row.want || e.Target != "/a?b" || e.Method != http.MethodGet {
				t.Errorf("told of %+v, want status %d", e, row.want)
			}
			if len(o.requests) != 1 || o.requests[0].Status != 0 {
				t.Errorf("asked about %+v", o.requests)
			}
		})
	}
}

func TestAnErrorHasTheStatusThatItLeadsTo(t *testing.T) {
	o := newWitness()
	teapot := errors.New("short and stout")
	m := mustNew(t, Config{Lookup: nothing, Observe: o, ErrorStatus: func(error) int { return 418 }})
	s, err := m.Serve(httptest.NewRecorder(), from("192.0.2.1:1"), func(http.ResponseWriter, *http.Request) error { return teapot })
	if s != nil || !errors.Is(err, teapot) || o.last(t).Status != 418 {
		t.Errorf("%v, %v", s, err)
	}
}

func TestWhoIsNotObserved(t *testing.T) {
	for _, row := range []struct{ name, client string }{
		{"an allow-listed client", "192.0.2.1:1"},
		{"a trusted request", "192.0.2.2:1"},
		{"a client without an address", "@"},
		{"a banned client", "192.0.2.3:1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := newWitness()
			m := mustNew(t, Config{
				Lookup: in(table(t, "192.0.2.3 ban")), Observe: o, Allow: prefixes("192.0.2.1/32"),
				Trust: func(_ *http.Request, ip netip.Addr) bool { return ip == netip.MustParseAddr("192.0.2.2") },
			})
			m.Handler(bare).ServeHTTP(httptest.NewRecorder(), from(row.client))
			if len(o.requests)+len(o.responses) != 0 {
				t.Errorf("%d requests and %d responses", len(o.requests), len(o.responses))
			}
		})
	}
}

func TestTheFirstHitIsStopped(t *testing.T) {
	o := newWitness()
	o.decide = lookup.Ban
	m := mustNew(t, Config{Lookup: nothing, Observe: o})
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it went on") })).ServeHTTP(w, from("192.0.2.1:1"))
	if w.Code != http.StatusForbidden || len(o.responses) != 0 {
		t.Errorf("status %d, %d responses fed back", w.Code, len(o.responses))
	}
	if n := m.Counters().Snapshot(); n.Stopped[lookup.Ban] != 1 {
		t.Errorf("counted %+v", n)
	}
}

func TestADryRunStopsNoFirstHit(t *testing.T) {
	o := newWitness()
	o.decide = lookup.Ban
	m := mustNew(t, Config{Lookup: nothing, Observe: o, DryRun: true})
	w := httptest.NewRecorder()
	m.Handler(bare).ServeHTTP(w, from("192.0.2.1:1"))
	if w.Code != http.StatusNoContent || m.Counters().Snapshot().DryRun != 1 {
		t.Errorf("status %d, counted %+v", w.Code, m.Counters().Snapshot())
	}
}

func TestWhatIsKeptOfABody(t *testing.T) {
	long := "log=" + strings.Repeat("x", 16_384)
	for _, row := range []struct {
		name, contentType, body string
		read                    int64 // bytes that the handler reads; -1: all
		want                    string
		more                    bool
	}{
		{"a form", "application/x-www-form-urlencoded", "log=a&pwd=b", -1, "log=a&pwd=b", false},
		{"a long one", "application/x-www-form-urlencoded", long, -1, long[:16_384], true},
		{"one of the size that is kept", "application/x-www-form-urlencoded", long[:16_384], -1, long[:16_384], false},
		{"what nobody reads", "application/x-www-form-urlencoded", "log=a&pwd=b", 0, "log=a&pwd=b", false},
		{"what nobody reads and is long", "application/x-www-form-urlencoded", long, 0, "", false},
		{"what was read of it", "application/x-www-form-urlencoded", "log=a&pwd=b", 5, "log=a", false},
		{"a call", "text/xml; charset=utf-8", "<methodCall/>", -1, "<methodCall/>", false},
		{"a call of JSON-RPC", "application/json-rpc", `{"id":1}`, -1, `{"id":1}`, false},
		{"JSON by an older name", "text/x-json; charset=utf-8", `{"id":1}`, -1, `{"id":1}`, false},
		{"a picture", "image/png", "PNG", -1, "", false},
		{"no type", "", "log=a", -1, "log=a", false},
		{"a type that only PHP understands", "Application/X-WWW-Form-Urlencoded,x; a=b; a=c", "log=a", -1, "log=a", false},
		{"a type of any length", "image/" + strings.Repeat("x", 1<<16), "PNG", -1, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := newWitness()
			read := ""
			h := mustNew(t, Config{Lookup: nothing, Observe: o}).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				src := io.Reader(r.Body)
				if row.read >= 0 {
					src = io.LimitReader(src, row.read)
				}
				all, err := io.ReadAll(src)
				if err != nil {
					t.Error(err)
				}
				read = string(all)
			}))
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(row.body))
			r.Header.Set("Content-Type", row.contentType)
			h.ServeHTTP(httptest.NewRecorder(), r)
			if e := o.last(t); string(e.Body) != row.want || e.Truncated != row.more {
				t.Errorf("kept %d bytes, more %v", len(e.Body), e.Truncated)
			}
			if row.read < 0 && read != row.body {
				t.Errorf("the handler read %d bytes of %d", len(read), len(row.body))
			}
		})
	}
}

// The observer does not get the client's cookies and credentials.
func TestWhatIsKeptOfTheHeaders(t *testing.T) {
	o := newWitness()
	h := mustNew(t, Config{Lookup: nothing, Observe: o}).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Basic realm=x")
		w.Header().Set("X-Secret", "y")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	r := from("192.0.2.1:1")
	r.Header.Set("Cookie", "session=z")
	r.Header.Set("Content-Type", "text/plain")
	h.ServeHTTP(httptest.NewRecorder(), r)
	e := o.last(t)
	if want := (http.Header{"Www-Authenticate": {"Basic realm=x"}}); !reflect.DeepEqual(e.Header, want) {
		t.Errorf("of the response: %v", e.Header)
	}
	if want := (http.Header{"Content-Type": {"text/plain"}}); !reflect.DeepEqual(e.Request, want) {
		t.Errorf("of the request: %v", e.Request)
	}
}

// A handler can do everything that the server's ResponseWriter can do.
func TestTheWriterIsAsGoodAsTheServers(t *testing.T) {
	o := newWitness()
	srv := httptest.NewServer(mustNew(t, Config{Lookup: nothing, Observe: o}).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/deadline":
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Error(err)
			}
		case "/events":
			_, _ = fmt.Fprint(w, "data: 1\n\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			<-r.Context().Done() // the client has what was flushed before this ends
		}
	})))
	defer srv.Close()
	get := func(path string) *http.Response {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	get("/deadline").Body.Close()
	resp := get("/events")
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || line != "data: 1\n" {
		t.Errorf("%q, %v", line, err)
	}
	resp.Body.Close()
}

func TestHijackThroughTheOldInterface(t *testing.T) {
	var _ http.Hijacker = new(recorder)
	w := &recorder{ResponseWriter: httptest.NewRecorder()}
	if conn, _, err := w.Hijack(); !errors.Is(err, http.ErrNotSupported) || conn != net.Conn(nil) || w.hijacked {
		t.Errorf("%v, %v", conn, err)
	}
}

func TestASessionOfTheSiteIsNotObserved(t *testing.T) {
	o := newWitness()
	h := mustNew(t, Config{Lookup: nothing, Observe: o, Sessions: newSessions(t, SessionsConfig{})}).Handler(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "sid=x") }))
	r := from("192.0.2.1:1")
	r.Header.Set("Cookie", "sid=x")
	for range 3 {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if len(o.requests) != 1 {
		t.Errorf("%d requests observed, want only the one before the site had set the cookie", len(o.requests))
	}
}

// WordPress reads an XML-RPC call with any content type, and by any path to xmlrpc.php.
func TestACallIsKeptWhateverItsType(t *testing.T) {
	for _, target := range []string{"/xmlrpc.php", "//blog/%78mlrpc.php/x.png"} {
		o := newWitness()
		h := mustNew(t, Config{Lookup: nothing, Observe: o}).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}))
		r := httptest.NewRequest(http.MethodPost, "http://h"+target, strings.NewReader("<methodCall/>"))
		r.Header.Set("Content-Type", "image/png")
		h.ServeHTTP(httptest.NewRecorder(), r)
		if e := o.last(t); string(e.Body) != "<methodCall/>" {
			t.Errorf("%s: kept %q", target, e.Body)
		}
	}
}

// The server waits only a moment for a body that a client announces and does not send,
// and other clients do not wait.
func TestABodyThatDoesNotComeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []byte
		m := mustNew(t, Config{Lookup: nothing, Observe: onResponse(func(e *event.Event) { seen = e.Body })})
		h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
		body, _ := io.Pipe()
		r := httptest.NewRequest(http.MethodPost, "/login", body)
		r.ContentLength = 10
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := &deadlines{ResponseRecorder: httptest.NewRecorder(), expired: func() { _ = body.CloseWithError(os.ErrDeadlineExceeded) }}
		began := time.Now()
		h.ServeHTTP(w, r)
		if took := time.Since(began); took != time.Second || len(seen) != 0 || w.Code != http.StatusUnauthorized {
			t.Errorf("after %v: status %d, kept %q", took, w.Code, seen)
		}
	})
}

// deadlines is a ResponseWriter that has a body end at the deadline for reading.
type deadlines struct {
	*httptest.ResponseRecorder
	expired func()
}

// SetReadDeadline implements what [http.ResponseController] looks for.
func (d *deadlines) SetReadDeadline(at time.Time) error {
	if !at.IsZero() {
		time.AfterFunc(time.Until(at), d.expired)
	}
	return nil
}

// onResponse is an Observer that looks at responses.
type onResponse func(*event.Event)

func (onResponse) Request(*event.Event) (lookup.Decision, bool) { return lookup.Decision{}, false }
func (f onResponse) Response(e *event.Event)                    { f(e) }

// The observer gets an API key in its own header field, because detection needs it.
func TestKeysAreObserved(t *testing.T) {
	var seen http.Header
	m := mustNew(t, Config{Lookup: nothing, Observe: onResponse(func(e *event.Event) { seen = e.Request })})
	for _, name := range event.KeyFields() {
		r := httptest.NewRequest(http.MethodGet, "/api", nil)
		r.Header.Set(name, "k1")
		m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), r)
		if seen.Get(name) != "k1" {
			t.Errorf("%s is not observed: %v", name, seen)
		}
	}
}
