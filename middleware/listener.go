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
	// Lookup finds the decision in force for an address, which is normalized. It is
	// called when a connection is accepted, and must not wait: a lookup that asks a
	// server would hold up all new connections. Default: that of the middleware.
	Lookup func(netip.Addr) (lookup.Decision, bool)

	// Spare reports whether connections from an address pass although it is banned,
	// such as those of a proxy for many clients. It is only asked about banned ones.
	// Default: no connection passes.
	Spare func(netip.Addr) bool

	// Tarpit is how long a connection of a banned client is left open without an
	// answer. At most 1,024 connections are held at a time, and 4 of a client (a /64
	// of IPv6); all others are reset at once. Default: 0, all are.
	Tarpit time.Duration

	// DryRun only logs and counts the connections that would be closed. Default: that
	// of the middleware.
	DryRun bool
}

// A Listener accepts connections, and closes those of banned clients before anything
// is read from them: a TLS handshake costs a server far more than to close. See
// [Middleware.Listener].
type Listener struct {
	net.Listener
	m      *Middleware
	cfg    ListenerConfig
	tarpit tarpit
}

// Listener returns a listener that closes the connections of banned clients, those
// that the middleware would answer with status 403 because of their address. Only the
// address of the connection counts, and only bans: a client with a captcha or throttle
// decision is for the handler. The allow lists of the middleware hold. What is closed
// is logged, and counted as a stopped request.
//
// Put it around the listener of the network, within the one that does TLS:
//
//	http.Serve(tls.NewListener(m.Listener(ln, middleware.ListenerConfig{}), tlsConfig), m.Handler(app))
//
// A listener around one for the PROXY protocol judges the client that the protocol
// names. It does so when the connection is first read, since the name comes over the
// network too. Do not use it where proxies connect that name their clients in a
// header, unless Spare knows their addresses. Connections of HTTP/3 do not come from
// a net.Listener, and are for the handler.
func (m *Middleware) Listener(ln net.Listener, cfg ListenerConfig) *Listener {
	if cfg.Lookup == nil {
		cfg.Lookup = func(ip netip.Addr) (lookup.Decision, bool) { return m.decision.find(context.Background(), ip) }
	}
	cfg.DryRun = cfg.DryRun || m.notes.dryRun
	return &Listener{Listener: ln, m: m, cfg: cfg, tarpit: tarpit{lasts: cfg.Tarpit}}
}

// Accept returns the next connection that may go on.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !hasAddress(c) {
			return &unjudged{Conn: c, by: l}, nil
		}
		if l.admits(c) {
			return c, nil
		}
	}
}

// Close closes the listener, and the connections that it holds open.
func (l *Listener) Close() error {
	l.tarpit.close()
	return l.Listener.Close()
}

// hasAddress reports whether c knows its client without a wait. One for the PROXY
// protocol has to read it first.
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

// admits reports whether c may go on. If it may not, c is no longer the caller's.
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

// addrOf returns the address in a, and the zero Addr if it has none.
func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr()
	}
	return parseHost(a.String())
}

// note counts and logs a connection that is closed, or would be.
func (l *Listener) note(s *Stop) {
	msg := "connection closed"
	if l.cfg.DryRun {
		msg = "connection would be closed"
	} else {
		l.m.notes.counters.next().processed[family(s.Client)].Add(1)
	}
	l.m.notes.counters.connection(s, l.cfg.DryRun)
	l.m.notes.logLine(msg, s, nil, l.cfg.DryRun)
}

// reset closes c without a word, and without a state that the kernel would keep of it
// for a minute.
func reset(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0) // it is closed all the same
	}
	_ = c.Close() // nobody is there to be told
}

// An unjudged is a connection whose client is known only once it is read.
type unjudged struct {
	net.Conn
	by *Listener

	once    sync.Once
	refused atomic.Bool
}

// judge reports whether c may be used.
func (c *unjudged) judge() bool {
	c.once.Do(func() { c.refused.Store(!c.by.admits(c.Conn)) })
	return !c.refused.Load()
}

// Read reads what the client has sent: nothing from one that is banned.
func (c *unjudged) Read(p []byte) (int, error) {
	if !c.judge() {
		return 0, io.EOF
	}
	return c.Conn.Read(p)
}

// Write writes to a client that is not banned.
func (c *unjudged) Write(p []byte) (int, error) {
	if !c.judge() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// ReadFrom lets the kernel copy a file to the client, where the connection can.
func (c *unjudged) ReadFrom(r io.Reader) (int64, error) {
	if !c.judge() {
		return 0, net.ErrClosed
	}
	return io.Copy(c.Conn, r)
}

// Close closes the connection, unless it is the listener's by now. It does not wait for
// a client that is slow to say who it is: to close is what ends that.
func (c *unjudged) Close() error {
	if c.refused.Load() {
		return nil
	}
	return c.Conn.Close()
}
