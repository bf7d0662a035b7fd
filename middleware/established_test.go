package middleware

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// local is where the clients of these tests are.
var local = netip.MustParsePrefix("127.0.0.1/32")

// patience limits the waits of these tests.
const patience = 30 * time.Second

// A lasting is a site whose responses last until they are ended.
type lasting struct {
	began chan struct{}
	over  chan struct{} // closed when the handler has noticed
	once  sync.Once
}

func newLasting() *lasting {
	return &lasting{began: make(chan struct{}, 1), over: make(chan struct{})}
}

func (l *lasting) end() { l.once.Do(func() { close(l.over) }) }

// stream sends a line again and again, as an event stream or a download does.
func (l *lasting) stream(w http.ResponseWriter, r *http.Request) {
	defer l.end()
	l.began <- struct{}{}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(w, "data: x\n\n"); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// poll says nothing, and waits.
func (l *lasting) poll(_ http.ResponseWriter, r *http.Request) {
	defer l.end()
	l.began <- struct{}{}
	<-r.Context().Done()
}

// upload reads what does not end.
func (l *lasting) upload(_ http.ResponseWriter, r *http.Request) {
	defer l.end()
	l.began <- struct{}{}
	_, _ = io.Copy(io.Discard, r.Body)
}

// tunnel takes the connection over, and sends back what comes.
func (l *lasting) tunnel(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	l.echo(conn, rw)
}

// detached is a tunnel whose handler returns.
func (l *lasting) detached(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	go l.echo(conn, rw)
}

func (l *lasting) echo(conn net.Conn, rw *bufio.ReadWriter) {
	defer l.end()
	defer conn.Close()
	l.began <- struct{}{}
	_, _ = io.Copy(conn, rw)
}

// A server serves one site over one protocol.
type server func(*testing.T, http.Handler) (client *http.Client, url string)

func overHTTP1(t *testing.T, h http.Handler) (*http.Client, string) {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.Client(), srv.URL
}

func overTLS(t *testing.T, h http.Handler) (*http.Client, string) {
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	return srv.Client(), srv.URL
}

func overHTTP2(t *testing.T, h http.Handler) (*http.Client, string) {
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.Client(), srv.URL
}

func overHTTP3(t *testing.T, h http.Handler) (*http.Client, string) {
	cert := httptest.NewTLSServer(h)
	t.Cleanup(cert.Close)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http3.Server{Handler: h, TLSConfig: http3.ConfigureTLSConfig(cert.TLS.Clone())}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(udp)
	}()
	tr := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(func() {
		_ = tr.Close()
		_ = srv.Close()
		_ = udp.Close()
		<-served
	})
	return &http.Client{Transport: tr}, "https://" + udp.LocalAddr().String()
}

// Each kind of long request ends when its client is banned, and the handler notices.
func TestWhatLastsEndsWhenItsClientIsBanned(t *testing.T) {
	t.Parallel()
	upgrade := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"echo"}}
	began := map[string]*lastingRequest{}
	for _, c := range []lastingCase{
		{"an event stream", overHTTP1, func(l *lasting) http.HandlerFunc { return l.stream }, "GET", nil, false},
		{"an event stream over TLS", overTLS, func(l *lasting) http.HandlerFunc { return l.stream }, "GET", nil, false},
		{"an event stream over HTTP/2", overHTTP2, func(l *lasting) http.HandlerFunc { return l.stream }, "GET", nil, false},
		{"an event stream over HTTP/3", overHTTP3, func(l *lasting) http.HandlerFunc { return l.stream }, "GET", nil, false},
		{"a long poll", overHTTP1, func(l *lasting) http.HandlerFunc { return l.poll }, "GET", nil, false},
		{"a long poll over HTTP/2", overHTTP2, func(l *lasting) http.HandlerFunc { return l.poll }, "GET", nil, false},
		{"a long poll over HTTP/3", overHTTP3, func(l *lasting) http.HandlerFunc { return l.poll }, "GET", nil, false},
		{"an upload", overHTTP1, func(l *lasting) http.HandlerFunc { return l.upload }, "POST", nil, true},
		{"an upload over HTTP/2", overHTTP2, func(l *lasting) http.HandlerFunc { return l.upload }, "POST", nil, true},
		{"an upload over HTTP/3", overHTTP3, func(l *lasting) http.HandlerFunc { return l.upload }, "POST", nil, true},
		{"a WebSocket", overHTTP1, func(l *lasting) http.HandlerFunc { return l.tunnel }, "GET", upgrade, false},
		{"a WebSocket over TLS", overTLS, func(l *lasting) http.HandlerFunc { return l.tunnel }, "GET", upgrade, false},
		{"a WebSocket whose handler has returned", overHTTP1, func(l *lasting) http.HandlerFunc { return l.detached }, "GET", upgrade, false},
		{"one over TLS", overTLS, func(l *lasting) http.HandlerFunc { return l.detached }, "GET", upgrade, false},
	} {
		for _, observed := range []bool{false, true} {
			// All begin before the first wait, because each takes one or two seconds to
			// end.
			began[fmt.Sprintf("%s, observed %v", c.name, observed)] = c.begin(t, observed)
		}
	}
	for name, l := range began {
		t.Run(name, l.ends)
	}
}

// A lastingCase is a kind of long request.
type lastingCase struct {
	name    string
	over    server
	handler func(*lasting) http.HandlerFunc
	method  string
	header  http.Header
	body    bool
}

// A lastingRequest is one that is being served, and whose client is banned.
type lastingRequest struct {
	m     *Middleware
	lines *observer.ObservedLogs
	site  *lasting
	ended chan struct{} // closed when the client has noticed
}

// begin has a client send the request of c, and bans it then.
func (c lastingCase) begin(t *testing.T, observed bool) *lastingRequest {
	table := new(lookup.Table)
	logs, lines := observer.New(zap.InfoLevel)
	cfg := Config{Lookup: in(table), Logger: zap.New(logs)}
	if observed {
		cfg.Observe = silent{}
	}
	l := &lastingRequest{m: mustNew(t, cfg), lines: lines, site: newLasting(), ended: make(chan struct{})}
	client, url := c.over(t, l.m.Handler(c.handler(l.site)))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	var body io.Reader
	if c.body {
		body = dripping(t)
	}
	r, err := http.NewRequestWithContext(ctx, c.method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if c.header != nil {
		r.Header = c.header.Clone()
	}
	go func() {
		defer close(l.ended)
		if resp, err := client.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}()
	awaited(t, l.site.began, "the request")
	table.Update("test", []lookup.Decision{{Prefix: local, Action: lookup.Ban, Origin: "cscli"}}, nil)
	return l
}

// dripping returns a body that does not end before t does.
func dripping(t *testing.T) io.Reader {
	pr, pw := io.Pipe()
	t.Cleanup(func() { pw.Close() })
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for err := error(nil); err == nil; _, err = pw.Write([]byte("x")) {
			<-tick.C
		}
	}()
	return pr
}

// ends checks that l ends, and that this is counted and logged.
func (l *lastingRequest) ends(t *testing.T) {
	awaited(t, l.site.over, "the handler's end")
	awaited(t, l.ended, "the client's end")
	eventually(t, func() bool { return l.lines.FilterMessage("connection ended").Len() == 1 })
	if n := l.m.Counters().Snapshot(); n.Ended != 1 || n.Stopped[lookup.Ban] != 0 {
		t.Errorf("%d ended, %d stopped", n.Ended, n.Stopped[lookup.Ban])
	}
}

// silent observes, and finds nothing.
type silent struct{}

func (silent) Request(*event.Event) (lookup.Decision, bool) { return lookup.Decision{}, false }
func (silent) Response(*event.Event)                        {}

// awaited waits for a channel.
func awaited(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("waiting for %s", what)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.After(patience); !is(); {
		select {
		case <-deadline:
			t.Fatal("it does not come to be so")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A pipes is a listener inside of the process, for servers in a bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p.conns <- there
	return here, nil
}

// A long request lasts ten minutes, unless it is ended.
func TestWhatEndsARequestThatLasts(t *testing.T) {
	gate := newGate(t, challenge.Config{})
	for _, c := range []struct {
		name   string
		cfg    Config
		action lookup.Action
		ends   bool
	}{
		{"a ban", Config{}, lookup.Ban, true},
		{"a ban, where they are kept", Config{KeepEstablished: true}, lookup.Ban, false},
		{"a ban, in a dry run", Config{DryRun: true}, lookup.Ban, false},
		{"a ban of who is allowed", Config{Allow: []netip.Prefix{local}}, lookup.Ban, false},
		{"a captcha, which the next request meets", Config{Challenge: gate}, lookup.Captcha, false},
		{"a captcha without a challenge", Config{ChallengeOff: true}, lookup.Captcha, false},
		{"a throttle", Config{}, lookup.Throttle, false},
		{"nothing", Config{}, lookup.None, false},
		{"an action that nobody knows", Config{}, lookup.Ban + 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var d lookup.Decision
				c.cfg.ClientIP = func(*http.Request) netip.Addr { return local.Addr() }
				c.cfg.Lookup = func(context.Context, netip.Addr) (lookup.Decision, bool) {
					mu.Lock()
					defer mu.Unlock()
					return d, d.Action != lookup.None
				}
				m := mustNew(t, c.cfg)
				site := newLasting()
				l := newPipes()
				srv := &http.Server{Handler: m.Handler(http.HandlerFunc(site.poll))}
				go func() { _ = srv.Serve(l) }() // until it is closed
				client := &http.Client{Transport: &http.Transport{DialContext: l.dial}}
				ctx, cancel := context.WithCancel(t.Context())
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://a.example/", nil)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					if resp, err := client.Do(r); err == nil {
						resp.Body.Close()
					}
				}()
				<-site.began
				began := time.Now()
				mu.Lock()
				d.Action = c.action
				mu.Unlock()
				select {
				case <-site.over:
					if took := time.Since(began); !c.ends || took > 3*time.Second {
						t.Errorf("it ends after %v", took)
					}
				case <-time.After(10 * time.Minute):
					if c.ends {
						t.Error("it goes on")
					}
				}
				cancel()
				<-site.over
				_ = srv.Close()
				client.CloseIdleConnections()
			})
		})
	}
}

// A short request causes one lookup, and leaves nothing behind, not even a timer.
func TestAShortRequestIsLookedUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lookups := 0
		m := mustNew(t, Config{Lookup: func(context.Context, netip.Addr) (lookup.Decision, bool) {
			lookups++
			return lookup.Decision{}, false
		}})
		h := m.Handler(bare)
		for range 10 {
			h.ServeHTTP(httptest.NewRecorder(), from("127.0.0.1:1"))
			<-time.After(900 * time.Millisecond)
		}
		<-time.After(time.Minute)
		if e := m.ending.established; lookups != 10 || e.armed.Load() || !e.idle() {
			t.Errorf("%d lookups; armed %v, idle %v", lookups, e.armed.Load(), e.idle())
		}
	})
}

// The cost of lookups is limited: the requests that a round did not reach are first in
// the next one.
func TestSlowLookupsEndARoundAndNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow sync.Map // clients that were looked up, and the ban that comes too late
		m := mustNew(t, Config{
			Lookup: nothing,
			Recheck: func(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
				slow.Store(ip, true)
				<-ctx.Done()
				return lookup.Decision{Action: lookup.Ban}, true
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 3 {
			r := from(fmt.Sprintf("198.51.100.%d:1", i)).WithContext(ctx)
			r.ProtoMajor = 3
			wg.Go(func() {
				m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })).ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		<-time.After(time.Minute)
		if n := m.Counters().Snapshot().Ended; n != 0 {
			t.Errorf("%d requests end for an answer that came too late", n)
		}
		cancel()
		wg.Wait()
		<-time.After(time.Minute)
		n := 0
		slow.Range(func(any, any) bool { n++; return true })
		if n == 0 || m.ending.established.armed.Load() {
			t.Errorf("%d clients looked up, armed %v", n, m.ending.established.armed.Load())
		}
	})
}

// A lookup that takes all the time of a round does not prevent the lookups of other
// clients.
func TestASlowLookupKeepsNobodyFromItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looked [4]atomic.Int32
		m := mustNew(t, Config{
			Lookup: nothing,
			Recheck: func(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
				looked[ip.As4()[3]].Add(1)
				if ip.String() == "198.51.100.1" {
					<-ctx.Done()
				}
				return lookup.Decision{}, false
			},
		})
		e := m.ending.established
		s := &e.stripe[0]
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 4 {
			r := from(fmt.Sprintf("198.51.100.%d:1", i)).WithContext(ctx)
			r.ProtoMajor = 3
			e.rest.Put(&openRequest{home: e, stripe: s}) // all in one list
			wg.Go(func() {
				m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })).ServeHTTP(httptest.NewRecorder(), r)
			})
			synctest.Wait()
		}
		<-time.After(30 * time.Second)
		cancel()
		wg.Wait()
		<-time.After(time.Minute)
		for i := range looked {
			if n := looked[i].Load(); n < 5 {
				t.Errorf("198.51.100.%d: looked up %d times in half a minute", i, n)
			}
		}
	})
}

// Exempt requests are not ended.
func TestWhatLastsIsLeftAlone(t *testing.T) {
	for _, row := range []struct {
		name, client string
		want         uint64
	}{
		{"a proxy", "198.51.100.1:1", 0},
		{"a client", "198.51.100.2:1", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := mustNew(t, Config{
					Lookup: nothing,
					Recheck: func(context.Context, netip.Addr) (lookup.Decision, bool) {
						return lookup.Decision{Action: lookup.Ban}, true
					},
					Lasts: func(_ *http.Request, ip netip.Addr) bool { return ip.String() == "198.51.100.1" },
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				r := from(row.client).WithContext(ctx)
				r.ProtoMajor = 3
				m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })).ServeHTTP(httptest.NewRecorder(), r)
				<-time.After(time.Minute) // the request may return before it is counted
				if n := m.Counters().Snapshot().Ended; n != row.want {
					t.Errorf("%d requests end, want %d", n, row.want)
				}
			})
		})
	}
}

// A source without an answer ends no request in progress.
func TestAMissingAnswerEndsNoRequest(t *testing.T) {
	for _, row := range []struct {
		name string
		d    lookup.Decision
		want uint64
	}{
		{"a ban", lookup.Decision{Action: lookup.Ban}, 1},
		{"a ban for want of an answer", lookup.Decision{Action: lookup.Ban, Assumed: true}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := mustNew(t, Config{Lookup: nothing, Recheck: func(context.Context, netip.Addr) (lookup.Decision, bool) { return row.d, true }})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				r := from("198.51.100.1:1").WithContext(ctx)
				r.ProtoMajor = 3
				m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })).ServeHTTP(httptest.NewRecorder(), r)
				<-time.After(time.Minute) // the request may return before it is counted
				if n := m.Counters().Snapshot().Ended; n != row.want {
					t.Errorf("%d requests end, want %d", n, row.want)
				}
			})
		})
	}
}

// A panic in a lookup does not end the process.
func TestALookupThatPanicsIsNoBan(t *testing.T) {
	m := mustNew(t, Config{Lookup: nothing, Recheck: func(context.Context, netip.Addr) (lookup.Decision, bool) { panic("no") }})
	if d, ok := m.decision.recheck(t.Context(), local.Addr()); ok {
		t.Errorf("decision %v", d)
	}
}

// If a request passes two middlewares, only one counts and logs its end.
func TestOneOfSeveralMiddlewaresCountsAnEnd(t *testing.T) {
	v := new(Visit)
	if !v.cutOff() || v.cutOff() {
		t.Error("not the first alone")
	}
	var none *Visit
	if !none.cutOff() {
		t.Error("the only one does not count")
	}
}

// A closed connection is removed, however its handler ended.
func TestAClosedConnectionIsForgotten(t *testing.T) {
	t.Parallel()
	m := mustNew(t, Config{Lookup: nothing})
	site := newLasting()
	_, url := overHTTP1(t, m.Handler(http.HandlerFunc(site.detached)))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	awaited(t, site.began, "the request")
	conn.Close()
	awaited(t, site.over, "the handler's end")
	eventually(t, m.ending.established.idle)
}

// A rawConn is a connection with the PROXY protocol, as far as the set of requests in
// progress is concerned.
type rawConn struct{ net.Conn }

func (c rawConn) Raw() net.Conn { return c.Conn }

// Whether a hijacked connection is still open shows inside its wrappers: those of TLS, of
// the PROXY protocol and of the listener. One that seems closed would not be ended.
func TestAConnectionInWrappersIsOpenUntilItIsClosed(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"none":                                 func(c net.Conn) net.Conn { return c },
		"the listener":                         func(c net.Conn) net.Conn { return &uncheckedConn{Conn: c} },
		"the PROXY protocol":                   func(c net.Conn) net.Conn { return rawConn{c} },
		"TLS, the listener and PROXY protocol": func(c net.Conn) net.Conn { return tls.Server(&uncheckedConn{Conn: rawConn{c}}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			tcp, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			conn := wrap(tcp)
			if isClosed(conn) {
				t.Error("an open connection is taken for a closed one")
			}
			tcp.Close()
			if !isClosed(conn) {
				t.Error("a closed connection is taken for an open one")
			}
		})
	}
}
