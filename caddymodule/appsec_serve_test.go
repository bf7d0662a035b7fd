package caddymodule

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/internal/appsectest"
)

// say writes to whom it does not matter whether it still hears.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// backend is what a site is a proxy for: it uses what HTTP can do.
func backend(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/hash", func(w http.ResponseWriter, r *http.Request) {
		say(w, "%s %d %s", r.Method, r.ContentLength, appsectest.Sum(r.Body))
		say(w, " %q", r.Trailer)
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		say(w, "data: first\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done() // the client has the first event, or there is never an end
	})
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		say(w, "page")
	})
	mux.HandleFunc("/trailers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		say(w, "page")
		w.Header().Set("X-Sum", "42")
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		say(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(conn, buf) // ends with the client
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// A front is Caddy before a backend, on each protocol: once with tocsin and AppSec
// in between, and once without.
type front struct {
	*host
	appsec  *appsectest.Server
	tls     string // where it listens for TLS
	clients map[string]*http.Client
}

func newFront(t *testing.T, global string) *front {
	t.Helper()
	f := &front{host: newHost(t), tls: freeAddr(t)}
	site, waf := backend(t), appsectest.Start(t, nil)
	f.appsec = waf
	trusted := f.certificate()
	f.list("list.txt", banned)
	_, port, _ := net.SplitHostPort(f.tls)
	f.load(strings.Replace(globals("blocklist {DIR}/list.txt\nsnapshot off\n"+trap+
		"appsec "+waf.URL+" "+appsectest.Key+" {\ntimeout 30s\n"+global+"\n}"),
		"protocols h1 h2c", "protocols h1 h2 h2c h3\ntimeouts {\nread_body_idle 30s\nwrite_idle 30s\n}", 1) +
		"(site) {\nlog {\noutput file {DIR}/access.log {\nroll_disabled\n}\n}\n@guarded not path /plain/*\ntocsin @guarded\nuri strip_prefix /plain\n" +
		"reverse_proxy " + site.Listener.Addr().String() + "\n}\n" +
		"http://{ADDR} {\nimport site\n}\nhttps://127.0.0.1:" + port + " {\ntls {DIR}/cert.pem {DIR}/key.pem\nimport site\n}")
	f.clients = f.newClients(trusted)
	return f
}

// certificate writes a certificate for 127.0.0.1 and returns who trusts it.
func (f *front) certificate() *x509.CertPool {
	f.t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		f.t.Fatal(err)
	}
	f.file("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	f.file("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())
	return trusted
}

// newClients returns a client for each protocol. They are closed before the host is.
func (f *front) newClients(trusted *x509.CertPool) map[string]*http.Client {
	one := &http.Transport{DisableCompression: true}
	two := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true, DisableCompression: true,
	}
	three := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableCompression: true}
	f.t.Cleanup(func() {
		one.CloseIdleConnections()
		two.CloseIdleConnections()
		if err := three.Close(); err != nil {
			f.t.Error(err)
		}
	})
	clients := map[string]*http.Client{}
	for name, transport := range map[string]http.RoundTripper{"HTTP/1.1": one, "HTTP/2.0": two, "HTTP/3.0": three} {
		clients[name] = &http.Client{Transport: transport, Timeout: time.Minute}
	}
	return clients
}

// url returns where path is, for a client of a protocol.
func (f *front) url(proto, path string) string {
	if proto == "HTTP/1.1" {
		return "http://" + f.addr + path
	}
	return "https://" + f.tls + path
}

// An exchange is a request and what is to be seen of the response.
type exchange struct {
	name, method, path string
	size               int64 // of the body; -1: none
	framed             bool  // the length is told
	trailer            bool
}

// outcome sends a request and returns all that there is to be seen of the response.
func (f *front) outcome(proto, prefix string, x exchange) string {
	f.t.Helper()
	hints := ""
	ctx, cancel := context.WithCancel(httptrace.WithClientTrace(f.t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints += fmt.Sprint(code, h["Link"])
			return nil
		},
	}))
	defer cancel()
	var body io.Reader
	if x.size >= 0 {
		body = struct{ io.Reader }{appsectest.NewUpload(x.size)}
	}
	r, err := http.NewRequestWithContext(ctx, x.method, f.url(proto, prefix+x.path), body)
	if err != nil {
		f.t.Fatal(err)
	}
	if x.framed {
		if r.ContentLength = x.size; x.size == 0 {
			r.Body = http.NoBody
		}
	}
	if x.trailer {
		r.Trailer = http.Header{"X-Of-Request": {"7"}}
	}
	resp, err := f.clients[proto].Do(r)
	if err != nil {
		f.t.Errorf("%s %s: %v", proto, x.name, err)
		return ""
	}
	defer resp.Body.Close()
	if x.path == "/events" {
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		return fmt.Sprint(resp.StatusCode, line, err)
	}
	if x.method == http.MethodHead {
		resp.Header.Del("Content-Length") // which the server of HTTP/3 adds now and then
	}
	got, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.Proto, " ", resp.StatusCode, resp.Header["Content-Length"], resp.Header["Content-Type"], hints, " ",
		string(got), err, resp.Trailer)
}

const limit = 1 << 20 // what is inspected of a body

// A site with AppSec in front of it is as good as one without, on every protocol and
// through all that Caddy wraps around a request.
func TestASiteIsTheSameBehindAppSec(t *testing.T) {
	f := newFront(t, "")
	all := []exchange{
		{name: "a page", method: "GET", path: "/trailers", size: -1},
		{name: "its head", method: "HEAD", path: "/trailers", size: -1},
		{name: "early hints", method: "GET", path: "/early", size: -1},
		{name: "the first of many events", method: "GET", path: "/events", size: -1},
		{name: "trailers", method: "POST", path: "/hash", size: 10, trailer: true},
	}
	for _, size := range []int64{0, 1, 4096, limit - 1, limit, limit + 1} {
		for _, framed := range []bool{true, false} {
			all = append(all, exchange{name: fmt.Sprint("an upload of ", size), method: "PUT", path: "/hash", size: size, framed: framed})
		}
	}
	for proto := range f.clients {
		t.Run(proto, func(t *testing.T) {
			f.t = t
			for _, x := range all {
				before := len(f.appsec.Asked())
				plain := f.outcome(proto, "/plain", x)
				if n := len(f.appsec.Asked()) - before; n != 0 {
					t.Fatalf("%s: asked %d times about what is not guarded", x.name, n)
				}
				if got := f.outcome(proto, "", x); got != plain || got == "" {
					t.Errorf("%s:\n%s, without AppSec\n%s", x.name, got, plain)
				}
				if n := len(f.appsec.Asked()) - before; n != 1 {
					t.Errorf("%s: asked %d times", x.name, n)
				}
				if seen := f.appsec.Last(t, before+1); x.size >= 0 && int64(len(seen.Body)) != min(x.size, limit) {
					t.Errorf("%s: AppSec has seen %d bytes", x.name, len(seen.Body))
				}
				f.appsec.Forget()
			}
		})
	}
	f.t = t
	if err := logged(f.host, "access.log", "/hash", fmt.Sprintf(`"bytes_read":%d`, limit+1)); err != nil {
		t.Error(err)
	}
}

// A large upload arrives whole: it is longer than all that is read of it ahead.
func TestALargeUploadArrives(t *testing.T) {
	f := newFront(t, "")
	want := appsectest.Sum(appsectest.NewUpload(24 << 20))
	for proto := range f.clients {
		f.t = t
		got := f.outcome(proto, "", exchange{name: "an upload", method: "PUT", path: "/hash", size: 24 << 20})
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", proto, got, want)
		}
	}
	waitForInspector(t, func(s appsec.Stats) bool { return s.BodyMemory == 0 })
}

func TestWebSocketsPassBehindAppSec(t *testing.T) {
	f := newFront(t, "body_over ban")
	conn := f.dial()
	say(conn, "GET /echo HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", f.addr)
	in := bufio.NewReader(conn)
	head, err := textproto.NewReader(in).ReadLine()
	if err != nil || head != "HTTP/1.1 101 Switching Protocols" {
		t.Fatalf("%q, %v", head, err)
	}
	for head != "" {
		if head, err = textproto.NewReader(in).ReadLine(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		say(conn, "hello\n")
		if line, err := in.ReadString('\n'); line != "hello\n" || err != nil {
			t.Errorf("%q, %v", line, err)
		}
	}
	f.appsec.Last(t, 1)
	// Caddy is only to be stopped when it is through with the connection: it says
	// farewell to those that are left, at the same time as it copies.
	conn.Close()
	wait(t, func() error { return logged(f.host, "access.log", `"status":101`) })
}

// A client that waits to be asked for its body is asked, and refused without it if
// it is too long.
func TestExpectContinueBehindAppSec(t *testing.T) {
	for _, row := range []struct {
		name, over string
		length     int64
		want       int
	}{
		{"a body", "pass", 5, http.StatusContinue},
		{"one that is too long", "ban", limit + 1, http.StatusRequestEntityTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFront(t, "body_over "+row.over)
			conn := f.dial()
			say(conn, "PUT /hash HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", f.addr, row.length)
			in := bufio.NewReader(conn)
			status, ends := next(t, in)
			if status != row.want || ends != (row.over == "ban") {
				t.Fatalf("status %d, and the connection ends: %v", status, ends)
			}
			if ends {
				return
			}
			say(conn, "01234")
			for status == http.StatusContinue { // the backend says so too
				status, _ = next(t, in)
			}
			if status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
	}
}

// dial opens a connection that ends with the test, which does not wait for ever.
func (f *front) dial() net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// next reads the head of a response, and says whether it is the last.
func next(t *testing.T, in *bufio.Reader) (status int, last bool) {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Close
}

// A client that breaks off is no attacker, and nothing of it gets to the site.
func TestAnUploadThatBreaksOffIsGivenUp(t *testing.T) {
	for _, row := range []struct {
		name, sent string
		hears      bool
	}{
		{"a client that goes", "Content-Length: 100\r\n\r\nonly this", false},
		{"what is no body", "Transfer-Encoding: chunked\r\n\r\nno chunk\r\n", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFront(t, "")
			conn := f.dial()
			say(conn, "PUT /hash HTTP/1.1\r\nHost: %s\r\n%s", f.addr, row.sent)
			if !row.hears {
				conn.Close()
			} else if said, err := io.ReadAll(conn); len(said) > 0 || err != nil {
				t.Errorf("it is answered: %q, %v", said, err)
			}
			waitForInspector(t, func(s appsec.Stats) bool { return s.Broken == 1 && s.BodyMemory == 0 })
			f.appsec.Last(t, 0)
			if n := runningEngine(t).counters.of("srv0").Snapshot(); n.ByOrigin != nil {
				t.Errorf("counted %+v", n)
			}
			if err := logged(f.host, "access.log", `"status":200`); err == nil {
				t.Error("it is logged as a success")
			}
		})
	}
}

// Uploads that one client lets stall leave room for the bodies of others, whose
// attacks are inspected.
func TestStalledUploadsSwitchOffNothing(t *testing.T) {
	const uploads, size = 262, 256<<10 + 1
	f := newFront(t, "")
	begun := strings.Repeat("x", size)
	var wg sync.WaitGroup
	defer wg.Wait()
	for range uploads {
		conn := f.dial()
		defer conn.Close()
		wg.Go(func() {
			say(conn, "PUT /hash HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: %s\r\nContent-Length: 900000\r\n\r\n%s", f.addr, suspect, begun)
		})
	}
	var before int64
	waitForInspector(t, func(s appsec.Stats) bool {
		settled := s.BodyMemory > 15<<20 && s.BodyMemory == before
		before = s.BodyMemory
		return settled
	})
	if before > 33<<20 {
		t.Errorf("one client holds %d bytes", before)
	}
	if a := f.post(attacker, "/hash", strings.Repeat("y", 300_000)+"evil"); a.status != http.StatusForbidden {
		t.Errorf("an attack of somebody else: status %d", a.status)
	}
}
