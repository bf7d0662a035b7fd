package appsec

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

// guard puts c in front of a site, like a middleware.
func guard(c *Client, site http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := c.Inspect(r, inspect.Details{Client: visitor})
		defer v.Release()
		switch {
		case err != nil:
			panic(http.ErrAbortHandler)
		case v.Relay != nil:
			v.Relay.ServeHTTP(w, r)
		case v.Action != lookup.None:
			if v.Close {
				w.Header().Set("Connection", "close")
			}
			http.Error(w, v.Reason, v.Status)
		default:
			site(w, r)
		}
	})
}

// eachProtocol runs f with a site behind c, once over HTTP/1.1 and once over
// HTTP/2.
func eachProtocol(t *testing.T, c *Client, site http.HandlerFunc, f func(t *testing.T, s *httptest.Server)) {
	for name, two := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(guard(c, site))
			s.EnableHTTP2 = two
			s.StartTLS()
			defer s.Close()
			f(t, s)
		})
	}
}

// hash is a site that answers with the checksum of the upload.
func hash(w http.ResponseWriter, r *http.Request) { say(w, appsectest.Sum(r.Body)) }

func TestUploadsArriveAsTheyAre(t *testing.T) {
	const limit = 1 << 20
	sizes := []int64{0, 1, 4095, 4096, 4097, limit - 1, limit, limit + 1}
	if !testing.Short() {
		sizes = append(sizes, 100<<20)
	}
	f := newFake(t, nil)
	c := f.client(t, Config{})
	asked, skipped := 0, uint64(0)
	eachProtocol(t, c, hash, func(t *testing.T, s *httptest.Server) {
		for _, size := range sizes {
			for _, length := range []int64{size, -1} {
				req, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL, struct{ io.Reader }{appsectest.NewUpload(size)})
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = length
				if size == 0 && length == 0 {
					req.Body = http.NoBody
				}
				resp, err := s.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if want := appsectest.Sum(appsectest.NewUpload(size)); string(got) != want || err != nil {
					t.Errorf("%d bytes, length %d: the site got %s, want %s", size, length, got, want)
				}
				asked++
				q := f.Last(t, asked)
				if want := min(size, limit); int64(len(q.Body)) != want || q.Length != want || (q.Method == "POST") != (want > 0) {
					t.Errorf("%d bytes, length %d: AppSec got a %s of %d", size, length, q.Method, q.Length)
				}
				if !bytes.Equal(q.Body, must(io.ReadAll(appsectest.NewUpload(min(size, limit))))) {
					t.Errorf("%d bytes, length %d: AppSec got another body", size, length)
				}
				f.Forget()
				if size > limit {
					skipped++
				}
			}
		}
	})
	if s := c.Stats(); s.Skipped[LongBody] != skipped || s.BodyMemory != 0 {
		t.Errorf("%d skipped, want %d; %d bytes kept", s.Skipped[LongBody], skipped, s.BodyMemory)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestALargeUploadTakesLittleMemory(t *testing.T) {
	var most int64
	c := newFake(t, nil).client(t, Config{})
	s := httptest.NewServer(guard(c, func(w http.ResponseWriter, r *http.Request) {
		most = c.Stats().BodyMemory
		hash(w, r)
	}))
	defer s.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := s.Client().Post(s.URL, "", appsectest.NewUpload(100<<20))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	runtime.ReadMemStats(&after)
	if most > 1_052_672 {
		t.Errorf("%d bytes held", most)
	}
	// The fake reads a MiB too.
	if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

// Bodies with any framing are inspected. Attackers would send those without a length.
func TestBodiesAreInspected(t *testing.T) {
	c := newFake(t, nil).client(t, Config{})
	site := func(http.ResponseWriter, *http.Request) { t.Error("it got to the site") }
	eachProtocol(t, c, site, func(t *testing.T, s *httptest.Server) {
		for name, body := range map[string]io.Reader{
			"with a length": strings.NewReader("a=evil"), "without": struct{ io.Reader }{strings.NewReader("a=evil")},
		} {
			resp, err := s.Client().Post(s.URL, "application/x-www-form-urlencoded", body)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 403 {
				t.Errorf("%s: status %d", name, resp.StatusCode)
			}
		}
	})
}

func TestBodiesOverTheLimitMayBeRefused(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{BodyLimit: 10, BodyOver: lookup.Ban})
	s := httptest.NewServer(guard(c, hash))
	defer s.Close()
	for _, tt := range []struct {
		name string
		body io.Reader
		want int
	}{
		{"at the limit", strings.NewReader("0123456789"), 200},
		{"over it", strings.NewReader("0123456789a"), 413},
		{"at the limit, of unknown length", struct{ io.Reader }{strings.NewReader("0123456789")}, 200},
		{"over it, of unknown length", struct{ io.Reader }{strings.NewReader("0123456789a")}, 413},
	} {
		resp, err := s.Client().Post(s.URL, "", tt.body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s: status %d", tt.name, resp.StatusCode)
		}
	}
	f.Last(t, 2)
	if n := c.Stats().Refused[LongBody]; n != 2 {
		t.Errorf("%d refused", n)
	}
	// A client that asks with "Expect: 100-continue" need not send the body.
	got := talk(t, s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") {
		t.Errorf("%s", got)
	}
}

// dialRaw opens a connection with a deadline of half a minute.
func dialRaw(t *testing.T, s *httptest.Server) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// talk sends raw bytes and returns the head of the response.
func talk(t *testing.T, s *httptest.Server, sent string) string {
	t.Helper()
	conn, in := dialRaw(t, s)
	defer conn.Close()
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	head, err := readHead(in)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func TestTrailersArrive(t *testing.T) {
	c := newFake(t, nil).client(t, Config{})
	site := func(w http.ResponseWriter, r *http.Request) {
		body := must(io.ReadAll(r.Body))
		say(w, fmt.Sprintf("%s %s", body, r.Trailer.Get("X-Sum")))
	}
	eachProtocol(t, c, site, func(t *testing.T, s *httptest.Server) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, struct{ io.Reader }{strings.NewReader("body")})
		if err != nil {
			t.Fatal(err)
		}
		req.Trailer = http.Header{"X-Sum": {"42"}}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got := must(io.ReadAll(resp.Body)); string(got) != "body 42" {
			t.Errorf("%s", got)
		}
	})
}

func TestExpectContinueWorks(t *testing.T) {
	c := newFake(t, nil).client(t, Config{})
	s := httptest.NewServer(guard(c, hash))
	defer s.Close()
	conn, in := dialRaw(t, s)
	say(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
	if head, err := readHead(in); err != nil || !strings.HasPrefix(head, "HTTP/1.1 100 ") {
		t.Fatalf("%q, %v", head, err)
	}
	say(conn, "body")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := must(io.ReadAll(resp.Body)); string(got) != appsectest.Sum(strings.NewReader("body")) {
		t.Errorf("%s", got)
	}
}

func TestAClientThatBreaksOff(t *testing.T) {
	c := newFake(t, nil).client(t, Config{})
	done := make(chan struct{})
	inner := guard(c, func(http.ResponseWriter, *http.Request) { t.Error("it got to the site") })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		inner.ServeHTTP(w, r)
	}))
	defer s.Close()
	conn, _ := dialRaw(t, s)
	say(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nevil")
	conn.Close()
	<-done
	if s := c.Stats(); s.Broken != 1 || s.Asked != 0 || s.BodyMemory != 0 {
		t.Errorf("%+v", s)
	}
}

// Clients that never send the rest of a body delay no others, and get a response.
func TestSlowloris(t *testing.T) {
	c := newFake(t, nil).client(t, Config{BodyTimeout: 2 * time.Second, BodyOver: lookup.Ban})
	s := httptest.NewServer(guard(c, hash))
	defer s.Close()
	var wg sync.WaitGroup
	for range 50 {
		conn, in := dialRaw(t, s)
		wg.Go(func() {
			say(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nx")
			if head, err := readHead(in); err != nil || !strings.HasPrefix(head, "HTTP/1.1 408 ") {
				t.Errorf("%q, %v", head, err)
			}
			conn.Close()
		})
	}
	resp, err := s.Client().Post(s.URL, "", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	wg.Wait()
	s.Close() // waits for the handlers
	if n := c.Stats(); resp.StatusCode != 200 || n.Refused[SlowBody] != 50 {
		t.Errorf("%d, %+v", resp.StatusCode, n)
	}
}

func TestWebSocketsPass(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{BodyOver: lookup.Ban})
	s := httptest.NewServer(guard(c, func(w http.ResponseWriter, r *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		say(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, err := buf.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		say(conn, "echo "+line)
	}))
	defer s.Close()
	conn, in := dialRaw(t, s)
	say(conn, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if head, err := readHead(in); err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("%q, %v", head, err)
	}
	say(conn, "hello\n")
	if line, err := in.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("%q, %v", line, err)
	}
	if q := f.Last(t, 1); q.Path != "/ws" || q.Method != "GET" {
		t.Errorf("%+v", q)
	}
}

// The client gets the site's data as soon as the site sends it.
func TestAnswersAreNotHeldBack(t *testing.T) {
	c := newFake(t, nil).client(t, Config{})
	read := make(chan struct{})
	site := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Content-Type", "text/event-stream")
		if r.Method == http.MethodHead {
			return
		}
		say(w, "data: first\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-read
	}
	eachProtocol(t, c, site, func(t *testing.T, s *httptest.Server) {
		hints := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { hints += code; return nil },
		})
		for _, method := range []string{"GET", "HEAD"} {
			req, err := http.NewRequestWithContext(ctx, method, s.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if method == "GET" {
				line, err := bufio.NewReader(resp.Body).ReadString('\n')
				if line != "data: first\n" || err != nil {
					t.Errorf("%q, %v", line, err)
				}
				read <- struct{}{}
			}
			resp.Body.Close()
		}
		if hints != 2*103 {
			t.Errorf("hints %d", hints)
		}
	})
}

// A gRPC client may wait for the server before it sends anything.
func TestStreamsInBothDirections(t *testing.T) {
	c := newFake(t, nil).client(t, Config{})
	s := httptest.NewUnstartedServer(guard(c, func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	out, in := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", s.URL, out)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	say(in, "hello")
	in.Close()
	if got, err := io.ReadAll(resp.Body); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if n := c.Stats().Skipped[Stream]; n != 1 {
		t.Errorf("%d counted", n)
	}
}

func TestASmuggledAddressChangesNothing(t *testing.T) {
	f := newFake(t, nil)
	s := httptest.NewServer(guard(f.client(t, Config{}), hash))
	defer s.Close()
	for i, line := range []string{
		"X-Crowdsec-Appsec-Ip: 203.0.113.9", "x-crowdsec-appsec-ip: 203.0.113.9", "X-CROWDSEC-APPSEC-IP:203.0.113.9\r\nConnection: X-Crowdsec-Appsec-Ip",
		"Connection: X-Crowdsec-Appsec-Ip, X-Crowdsec-Appsec-Uri", "X-A: b\r\n folded: X-Crowdsec-Appsec-Ip: 203.0.113.9",
		"X-Crowdsec-Appsec-Uri: /fine\r\nX-Crowdsec-Appsec-Verb: HEAD\r\nX-Crowdsec-Appsec-Api-Key: x",
	} {
		talk(t, s, "GET /asked HTTP/1.1\r\nHost: h\r\n"+line+"\r\n\r\n")
		if q := f.Last(t, i+1); q.IP != visitor.String() || q.URI != "/asked" || q.Verb != "GET" {
			t.Errorf("%s: %+v", line, q)
		}
	}
}

func TestTheServersOwnErrorsStayVisible(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 3)
		_, err := c.Inspect(r, inspect.Details{Client: visitor})
		defer r.Body.Close()
		if _, ok := errors.AsType[*http.MaxBytesError](err); !ok {
			t.Errorf("%v", err)
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer s.Close()
	resp, err := s.Client().Post(s.URL, "", strings.NewReader("four"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
