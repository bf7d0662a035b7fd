package middleware

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// ListenerConfig describes a [Listener]. The zero value resets connections.
type ListenerConfig struct {
	// Lookup finds the decision in force for a normalized address. It is called for
	// each new connection and must not wait: a lookup that asks a server would delay
	// all new connections. Default: Lookup of the middleware.
	Lookup func(netip.Addr) (lookup.Decision, bool)

	// Spare reports whether connections from an address pass although it is banned,
	// such as those of a proxy for many clients. It is only asked about banned ones.
	// Default: no connection passes.
	Spare func(netip.Addr) bool

	// Tarpit is how long a connection of a banned client stays open without an answer.
	// At most 1,024 connections are held at a time, and 4 of a client (a /64 of IPv6).
	// All others are reset at once. Default: 0, all are reset at once.
	Tarpit time.Duration

	// DryRun only logs and counts the connections that would be closed. Default: that
	// of the middleware.
	DryRun bool
}

// A Listener accepts connections, and closes those of banned clients before it reads
// from them, because a TLS handshake costs a server much more than a close. See
// [Middleware.Listener].
type Listener struct {
	net.Listener
	m      *Middleware
	cfg    ListenerConfig
	tarpit tarpit
}

// Listener returns a listener that closes the connections of banned clients, which the
// middleware would answer with status 403 because of their address. Only the address of
// the connection counts, and only bans: the handler judges clients with captcha and
// throttle decisions. The allow lists of the middleware apply. Each closed connection
// is logged, and counted as a stopped request.
//
// Put it around the network listener, inside the TLS listener:
//
//	http.Serve(tls.NewListener(m.Listener(ln, middleware.ListenerConfig{}), tlsConfig), m.Handler(app))
//
// A listener around one for the PROXY protocol judges the client in that protocol, at
// the first read of the connection, because the client's address arrives only then. With
// TLS between the two, it leaves the client to the handler. Do not use it if proxies
// connect that send the client's address in a header, unless Spare knows their
// addresses. HTTP/3 does not use a net.Listener, so the handler judges its requests.
func (m *Middleware) Listener(ln net.Listener, cfg ListenerConfig) *Listener {
	if cfg.Lookup == nil {
		cfg.Lookup = func(ip netip.Addr) (lookup.Decision, bool) { return m.decision.find(context.Background(), ip) }
	}
	cfg.DryRun = cfg.DryRun || m.results.dryRun
	return &Listener{Listener: ln, m: m, cfg: cfg, tarpit: tarpit{lasts: cfg.Tarpit}}
}

// Accept returns the next connection that is not stopped.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		switch _, encrypted := c.(*tls.Conn); {
		case !hasAddress(c) && encrypted:
			return c, nil // a server would not know that it has TLS if it had another type
		case !hasAddress(c):
			return &uncheckedConn{Conn: c, by: l}, nil
		case l.admits(c):
			return c, nil
		}
	}
}

// Close closes the listener, and the connections that it holds open.
func (l *Listener) Close() error {
	l.tarpit.close()
	return l.Listener.Close()
}

// hasAddress reports whether c knows its client without waiting. A connection with the
// PROXY protocol must read it first.
func hasAddress(c net.Conn) bool {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// admits reports whether c passes. If not, the caller must not use it any more.
func (l *Listener) admits(c net.Conn) bool {
	client := l.m.address.nat64.Normalize(addrOf(c.RemoteAddr()))
	if !client.IsValid() {
		return true // a Unix socket; the handler knows more
	}
	d, ok := l.cfg.Lookup(client)
	if !ok || !isRefusal(d) || l.m.allow.contain(client) || l.cfg.Spare != nil && l.cfg.Spare(client) {
		return true
	}
	s := newStop(d, client)
	l.note(s)
	if l.cfg.DryRun {
		return true
	}
	if !l.tarpit.hold(c, client) {
		reset(c)
	}
	return false
}

// addrOf returns the address in a, or the zero Addr if there is none.
func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr()
	}
	return parseHost(a.String())
}

// note counts and logs a connection that is closed, or would be without the dry run.
func (l *Listener) note(s *Stop) {
	msg := "connection closed"
	if l.cfg.DryRun {
		msg = "connection would be closed"
	} else {
		l.m.results.counters.next().processed[family(s.Client)].Add(1)
	}
	l.m.results.counters.connection(s, l.cfg.DryRun)
	l.m.results.logLine(msg, s, nil, l.cfg.DryRun)
}

// reset closes c with a TCP reset, so that the kernel keeps no state of it.
func reset(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0) // it is closed anyway
	}
	_ = c.Close() // a failed close needs no action
}

// An unjudged is a connection whose client is only known after the first read.
type uncheckedConn struct {
	net.Conn
	by *Listener

	once    sync.Once
	refused atomic.Bool
}

// NetConn returns the connection inside, as [tls.Conn] does.
func (c *uncheckedConn) NetConn() net.Conn { return c.Conn }

// check reports whether c may be used.
func (c *uncheckedConn) check() bool {
	c.once.Do(func() { c.refused.Store(!c.by.admits(c.Conn)) })
	return !c.refused.Load()
}

// Read reads from the client, unless it is banned.
func (c *uncheckedConn) Read(p []byte) (int, error) {
	if !c.check() {
		return 0, io.EOF
	}
	return c.Conn.Read(p)
}

// Write writes to a client that is not banned.
func (c *uncheckedConn) Write(p []byte) (int, error) {
	if !c.check() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// ReadFrom lets the kernel copy a file to the client, if the connection supports that.
func (c *uncheckedConn) ReadFrom(r io.Reader) (int64, error) {
	if !c.check() {
		return 0, net.ErrClosed
	}
	return io.Copy(c.Conn, r)
}

// Close closes the connection, unless the listener has taken it. It does not wait until
// the client is known: closing ends that wait.
func (c *uncheckedConn) Close() error {
	if c.refused.Load() {
		return nil
	}
	return c.Conn.Close()
}
