package middleware

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap/zapcore"
)

// A tlsSite is a site with HTTPS behind a [Listener]. Clients come from any address in
// 127.0.0.0/8.
type tlsSite struct {
	*httptest.Server
	m *Middleware
}

func newTLSSite(t *testing.T, cfg Config, lc ListenerConfig) tlsSite {
	t.Helper()
	m := mustNew(t, cfg)
	srv := httptest.NewUnstartedServer(m.Handler(http.HandlerFunc(seen)))
	srv.Listener = m.Listener(srv.Listener, lc)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return tlsSite{srv, m}
}

// get requests a page from the address, and returns the status.
func (s tlsSite) get(t *testing.T, from string) (status int, err error) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport, Timeout: patience}).Get(s.URL)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode, nil
}

func TestAListenerClosesTheConnectionsOfBannedClients(t *testing.T) {
	for _, row := range []struct {
		name      string
		decisions []string
		allow     []netip.Prefix
		spare     func(netip.Addr) bool
		dryRun    bool
		closed    bool
		status    int
	}{
		{name: "no decision", status: 200},
		{name: "a ban", decisions: []string{"127.0.0.2 ban"}, closed: true},
		{name: "a ban of the range", decisions: []string{"127.0.0.0/24 ban"}, closed: true},
		{name: "a captcha is for the handler", decisions: []string{"127.0.0.2 captcha"}, status: 403},
		{name: "a throttle is for the handler", decisions: []string{"127.0.0.2 throttle"}, status: 429},
		{name: "a ban of somebody else", decisions: []string{"127.0.0.3 ban"}, status: 200},
		{name: "an allowed client", decisions: []string{"127.0.0.2 ban"}, allow: prefixes("127.0.0.2/32"), status: 200},
		{name: "a dry run of the handler", decisions: []string{"127.0.0.2 ban"}, dryRun: true, status: 200},
		{
			name: "a proxy for many is the handler's to judge", decisions: []string{"127.0.0.2 ban"},
			spare: func(ip netip.Addr) bool { return ip == netip.MustParseAddr("127.0.0.2") }, status: 403,
		},
		{
			name: "a proxy that is somebody else", decisions: []string{"127.0.0.2 ban"},
			spare: func(ip netip.Addr) bool { return ip == netip.MustParseAddr("127.0.0.3") }, closed: true,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			site := newTLSSite(t, Config{Lookup: in(table(t, row.decisions...)), Allow: row.allow, DryRun: row.dryRun}, ListenerConfig{Spare: row.spare})
			status, err := site.get(t, "127.0.0.2")
			if status != row.status || (err != nil) != row.closed {
				t.Errorf("status %d, %v", status, err)
			}
			if row.closed && errors.Is(err, io.EOF) {
				t.Errorf("it ends with %v, want a reset", err)
			}
		})
	}
}

// CrowdSec and operators get the counts of requests, so they must include clients whose
// connection was closed before a request.
func TestAClosedConnectionCountsAsAStoppedRequestAndIsLogged(t *testing.T) {
	log, lines := recorded(zapcore.InfoLevel)
	site := newTLSSite(t, Config{Lookup: in(table(t, "127.0.0.2 ban")), Logger: log}, ListenerConfig{})
	for range 7 {
		if _, err := site.get(t, "127.0.0.2"); err == nil {
			t.Fatal("a banned client is answered")
		}
	}
	n := site.m.Counters().Snapshot()
	if n.Processed != 7 || n.Processed4 != 7 || n.Stopped[lookup.Ban] != 7 || n.Connections != 7 || n.ConnectionsDryRun != 0 {
		t.Errorf("%+v", n)
	}
	said := lines.FilterMessage("connection closed").All()
	if len(said) != 5 {
		t.Fatalf("%d lines, want the five that a client gets in a minute", len(said))
	}
	fields := said[0].ContextMap()
	delete(fields, "ref")
	for key, want := range map[string]any{
		"action": "ban", "origin": "cscli", "reason": "manual 'ban'", "source": "lapi", "prefix": "127.0.0.2/32", "client": "127.0.0.2", "dry_run": false,
	} {
		if fields[key] != want {
			t.Errorf("%s is %v, want %v", key, fields[key], want)
		}
		delete(fields, key)
	}
	if len(fields) != 0 {
		t.Errorf("more fields: %v", fields)
	}
}

func TestADryRunOfAListenerSaysWhatItWouldClose(t *testing.T) {
	log, lines := recorded(zapcore.InfoLevel)
	site := newTLSSite(t, Config{Lookup: in(table(t, "127.0.0.2 ban")), Logger: log}, ListenerConfig{DryRun: true})
	if status, err := site.get(t, "127.0.0.2"); status != 403 || err != nil {
		t.Fatalf("status %d, %v: the handler is no dry run", status, err)
	}
	n := site.m.Counters().Snapshot()
	if n.Connections != 0 || n.ConnectionsDryRun != 1 || n.Processed != 1 || n.Stopped[lookup.Ban] != 1 || n.DryRun != 0 {
		t.Errorf("%+v", n)
	}
	if n := lines.FilterMessage("connection would be closed").Len(); n != 1 {
		t.Errorf("%d lines", n)
	}
}

// A connection that passes costs no more than without tocsin: the kernel still copies
// files.
func TestAConnectionThatGoesOnIsHandedOnAsItIs(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := mustNew(t, Config{Lookup: nothing}).Listener(inner, ListenerConfig{})
	defer l.Close()
	there, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	here, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	if _, ok := here.(*net.TCPConn); !ok {
		t.Errorf("it is a %T", here)
	}
}

// A named is a connection whose client is known only later, like one with the PROXY
// protocol.
type named struct {
	net.Conn
	known chan struct{}
	addr  net.Addr
}

func (c *named) RemoteAddr() net.Addr {
	<-c.known
	return c.addr
}

// A handedOut is a listener that has these connections.
type handedOut struct {
	net.Listener
	all chan net.Conn
}

func (l handedOut) Accept() (net.Conn, error) { return <-l.all, nil }

func newNamed(ip string, known bool) (c *named, client net.Conn) {
	here, there := net.Pipe()
	c = &named{here, make(chan struct{}), &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
	if known {
		close(c.known)
	}
	return c, there
}

func TestAClientThatIsKnownLateIsJudgedThen(t *testing.T) {
	l := mustNew(t, Config{Lookup: in(table(t, "192.0.2.1 ban"))}).Listener(handedOut{all: make(chan net.Conn, 3)}, ListenerConfig{})
	give := func(c net.Conn) net.Conn {
		t.Helper()
		l.Listener.(handedOut).all <- c
		got, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	silent, _ := newNamed("192.0.2.1", false)
	first := give(silent) // and Accept does not wait for it

	bad, there := newNamed("192.0.2.1", true)
	second := give(bad)
	if n, err := second.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("Read for a banned client: %d, %v", n, err)
	}
	if _, err := there.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the banned client's connection: %v", err)
	}
	if _, err := second.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write to a banned client: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}

	good, there := newNamed("192.0.2.2", true)
	third := give(good)
	go func() { _, _ = there.Write([]byte("hello")) }()
	if b := make([]byte, 5); true {
		if _, err := io.ReadFull(third, b); err != nil || string(b) != "hello" {
			t.Errorf("%q, %v", b, err)
		}
	}
	there.Close()

	read := make(chan error)
	go func() {
		_, err := first.Read(make([]byte, 1))
		read <- err
	}()
	if err := first.Close(); err != nil { // while it is asked who it is
		t.Errorf("Close: %v", err)
	}
	close(silent.known)
	if err := <-read; err == nil {
		t.Error("what is closed can be read")
	}
}

func TestAListenerHasALookupOfItsOwn(t *testing.T) {
	m := mustNew(t, Config{Lookup: func(context.Context, netip.Addr) (lookup.Decision, bool) {
		panic("this one may wait")
	}})
	l := m.Listener(nil, ListenerConfig{Lookup: table(t, "192.0.2.1 ban").Lookup})
	here, there := net.Pipe()
	defer there.Close()
	if l.admits(&named{here, closed(), &net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 1}}) {
		t.Error("a banned client passes")
	}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// A server sees that a connection has TLS by its type. Around TLS and the PROXY protocol
// the listener hands on the connection as it is, and the handler judges the client.
func TestAListenerAroundTLSHidesItFromNoServer(t *testing.T) {
	l := mustNew(t, Config{Lookup: in(table(t, "192.0.2.1 ban"))}).Listener(handedOut{all: make(chan net.Conn, 1)}, ListenerConfig{})
	inner, _ := newNamed("192.0.2.1", true)
	conn := tls.Server(inner, nil)
	l.Listener.(handedOut).all <- conn
	if got, err := l.Accept(); got != conn || err != nil {
		t.Errorf("it is a %T, %v; want the *tls.Conn", got, err)
	}
}

// tls.Conn hides the connection inside it: it is judged if its client is known, and the
// listener does not wait if not.
func TestAListenerBehindTLSJudgesWhatItCan(t *testing.T) {
	here, _ := net.Pipe()
	if hasAddress(tls.Server(here, nil)) {
		t.Error("one that may have to be read is taken for one that knows its client")
	}
	if !hasAddress(tls.Server(new(net.TCPConn), nil)) || !hasAddress(new(net.TCPConn)) || hasAddress(here) {
		t.Error("hasAddress")
	}
}
