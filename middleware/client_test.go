package middleware

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
)

// clientOf applies f to a request from remote with a header of lines.
func clientOf(f IPFunc, remote, header string, lines []string) string {
	r := from(remote)
	if lines != nil {
		r.Header[http.CanonicalHeaderKey(header)] = lines
	}
	if ip := f(r); ip.IsValid() {
		return ip.String()
	}
	return "unknown"
}

func TestRemoteAddr(t *testing.T) {
	for _, c := range []struct{ name, remote, want string }{
		{"IPv4", "192.0.2.1:1234", "192.0.2.1"},
		{"IPv6", "[2001:db8::1]:1234", "2001:db8::1"},
		{"a mapped address is IPv4", "[::ffff:192.0.2.1]:1234", "192.0.2.1"},
		{"a zone is dropped", "[fe80::1%eth0]:1234", "fe80::1"},
		{"an address without a port, as other middlewares leave it", "192.0.2.1", "192.0.2.1"},
		{"an IPv6 address without a port", "2001:db8::1", "2001:db8::1"},
		{"a Unix socket", "@", "unknown"},
		{"nothing", "", "unknown"},
		{"a name", "localhost:80", "unknown"},
		{"brackets around IPv4", "[192.0.2.1]:80", "unknown"},
		{"a bracket that is not closed", "[2001:db8::1", "unknown"},
		{"an invalid port", "192.0.2.1:http", "unknown"},
		{"a colon without a port", "192.0.2.1:", "unknown"},
		{"something after the bracket", "[::1]x", "unknown"},
		{"leading zeros, which some read as octal", "192.0.02.1:80", "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := clientOf(RemoteAddr, c.remote, "X-Forwarded-For", []string{"198.51.100.1"})
			if got != c.want {
				t.Errorf("RemoteAddr of %q: %s, want %s", c.remote, got, c.want)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"the value is the client", []string{"192.0.2.1"}, "192.0.2.1"},
		{"space around it does no harm", []string{" \t192.0.2.1 "}, "192.0.2.1"},
		{"a port does no harm", []string{"192.0.2.1:80"}, "192.0.2.1"},
		{"a mapped address is IPv4", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"a zone is dropped", []string{"fe80::1%eth0"}, "fe80::1"},
		{"of several lines the last counts", []string{"198.51.100.1", "192.0.2.1"}, "192.0.2.1"},
		{"of several values in a line the last counts", []string{"198.51.100.1, 192.0.2.1"}, "192.0.2.1"},
		{"rubbish in the last is not made up for by the first", []string{"198.51.100.1", "rubbish"}, "unknown"},
		{"an empty last value is none", []string{"198.51.100.1,"}, "unknown"},
		{"no such header", nil, "unknown"},
		{"an empty one", []string{""}, "unknown"},
		{"an address behind too much space", []string{strings.Repeat(" ", 128) + "192.0.2.1"}, "unknown"},
		{"a megabyte of it", []string{strings.Repeat("1", 1<<20)}, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := clientOf(Header("x-real-ip"), "203.0.113.1:1", "X-Real-IP", c.lines); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestForwardedFor(t *testing.T) {
	const proxy, stranger = "10.0.0.1:1", "203.0.113.1:1"
	many := strings.Repeat("10.0.0.2,", 64)
	for _, c := range []struct {
		name   string
		remote string
		lines  []string
		want   string
	}{
		{"the client behind one proxy", proxy, []string{"192.0.2.1"}, "192.0.2.1"},
		{"the client behind two proxies", proxy, []string{"192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"what the client claimed before it is not read", proxy, []string{"198.51.100.1, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"a claimed proxy left of the client is not believed", proxy, []string{"198.51.100.1, 10.0.0.9, 192.0.2.1"}, "192.0.2.1"},
		{"a header from a peer that is no proxy is ignored", stranger, []string{"198.51.100.1"}, "203.0.113.1"},
		{"and so is rubbish in it", stranger, []string{"rubbish"}, "203.0.113.1"},
		{"the client is not the proxy that it came through", proxy, []string{"198.51.100.1"}, "198.51.100.1"},
		{"no header: the proxy asks for itself", proxy, nil, "10.0.0.1"},
		{"all are proxies: one of them asks for itself", proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.1"},
		{"every line is read, the last one first", proxy, []string{"198.51.100.1", "192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"a line of proxies leads on to the one before it", proxy, []string{"198.51.100.1, 192.0.2.1", "10.0.0.2"}, "192.0.2.1"},
		{"a mapped peer is the proxy", "[::ffff:10.0.0.1]:1", []string{"192.0.2.1"}, "192.0.2.1"},
		{"a proxy trusted by a mapped range", "172.16.0.1:1", []string{"192.0.2.1"}, "192.0.2.1"},
		{"a mapped proxy in the header", proxy, []string{"192.0.2.1, ::ffff:10.0.0.2"}, "192.0.2.1"},
		{"a mapped client is IPv4", proxy, []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"a client's zone is dropped", proxy, []string{"fe80::1%eth0"}, "fe80::1"},
		{"a proxy's zone does not hide it", "[fd00::1%eth0]:1", []string{"192.0.2.1, fd00::2%eth1"}, "192.0.2.1"},
		{"a client with a port", proxy, []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"an IPv6 client", proxy, []string{"2001:db8::1"}, "2001:db8::1"},
		{"an IPv6 client in brackets", proxy, []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"an IPv6 client with a port", proxy, []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"a client in quotes", proxy, []string{`"[2001:db8::1]:4711"`}, "2001:db8::1"},
		{"rubbish ends the search", proxy, []string{"192.0.2.1, rubbish, 10.0.0.2"}, "unknown"},
		{"and so does a hidden client", proxy, []string{"192.0.2.1, unknown"}, "unknown"},
		{"and so does an empty entry", proxy, []string{"192.0.2.1, , 10.0.0.2"}, "unknown"},
		{"and so does an empty line", proxy, []string{"192.0.2.1", ""}, "unknown"},
		{"and so does an unbalanced quote", proxy, []string{`192.0.2.2, "192.0.2.1`}, "unknown"},
		{"the last hop that is walked", proxy, []string{"192.0.2.1," + many[9:len(many)-1]}, "192.0.2.1"},
		{"one hop more is one too many", proxy, []string{"192.0.2.1," + many[:len(many)-1]}, "unknown"},
		{"a peer without an address vouches for nobody", "@", []string{"192.0.2.1"}, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := ForwardedFor(append(prefixes("10.0.0.0/8", "fd00::/8", "::ffff:172.16.0.0/108"), netip.Prefix{})...)
			if got := clientOf(f, c.remote, "X-Forwarded-For", c.lines); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// On the wire header names have any case, and a client's line stays a line of
// its own beside the proxy's.
func TestForwardedForReadsWhatAServerReceives(t *testing.T) {
	got := make(chan string, 1)
	f := ForwardedFor(prefixes("127.0.0.0/8", "::1/128")...)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- f(r).String() }))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nx-forwarded-for: 198.51.100.1\r\nX-FORWARDED-FOR: 192.0.2.1\r\nConnection: close\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if ip := <-got; ip != "192.0.2.1" {
		t.Errorf("got %s, want 192.0.2.1", ip)
	}
}

var (
	bracketed = regexp.MustCompile(`^\[([^\]]*)\](?::[0-9]{1,5})?$`)
	ported    = regexp.MustCompile(`^([^:]*):[0-9]{1,5}$`)
)

// slowEntry reads an entry of a header as parseEntry should.
func slowEntry(s string) netip.Addr {
	if len(s) > 128 {
		return netip.Addr{}
	}
	s = strings.Trim(s, " \t")
	if len(s) > 1 && strings.HasPrefix(s, `"`) && strings.HasSuffix(s, `"`) {
		s = strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`)
	}
	var ip netip.Addr
	if m := bracketed.FindStringSubmatch(s); m != nil {
		if ip, _ = netip.ParseAddr(m[1]); ip.Is4() {
			return netip.Addr{}
		}
	} else if m := ported.FindStringSubmatch(s); m != nil {
		ip, _ = netip.ParseAddr(m[1])
	} else {
		ip, _ = netip.ParseAddr(s)
	}
	return lookup.Normalize(ip)
}

// slowForwardedFor finds the client as ForwardedFor should: all lines in one
// list, from right to left.
func slowForwardedFor(peer netip.Addr, lines []string, trusted []netip.Prefix) netip.Addr {
	trusts := func(ip netip.Addr) bool {
		for _, p := range trusted {
			if p.Contains(ip) {
				return true
			}
		}
		return false
	}
	if !trusts(peer) || len(lines) == 0 {
		return peer
	}
	entries := strings.Split(strings.Join(lines, ","), ",")
	for hops := 0; len(entries) > 0; hops++ {
		last := slowEntry(entries[len(entries)-1])
		if hops == 64 {
			return netip.Addr{}
		}
		if !last.IsValid() || !trusts(last) {
			return last
		}
		entries = entries[:len(entries)-1]
	}
	return peer
}

// wellFormed complains about an address that is not as an IPFunc promises.
func wellFormed(t *testing.T, ip netip.Addr) {
	t.Helper()
	if ip.Is4In6() || ip.Zone() != "" || ip != lookup.Normalize(ip) {
		t.Errorf("%v is not normalized", ip)
	}
}

func FuzzForwardedFor(f *testing.F) {
	for _, s := range []struct{ remote, first, last string }{
		{"10.0.0.1:1", "192.0.2.1", "10.0.0.2"},
		{"10.0.0.1:1", `"[2001:db8::1]:80", 10.0.0.1:1`, "::ffff:10.0.0.1"},
		{"203.0.113.1:1", "1.2.3.4", "rubbish"},
		{"[fd00::1%eth0]:1", "fe80::1%x", "fd00::2%y,fd00::3"},
		{"@", "1.2.3.4", ""},
		{"10.0.0.1", strings.Repeat("10.0.0.1,", 64), "10.0.0.1"},
		{"10.0.0.1", "1.2.3.4," + strings.Repeat(" ", 2*128), strings.Repeat("[", 128) + "10.0.0.1"},
	} {
		f.Add(s.remote, s.first, s.last)
	}
	trusted := prefixes("10.0.0.0/8", "fd00::/8")
	client := ForwardedFor(trusted...)
	f.Fuzz(func(t *testing.T, remote, first, last string) {
		r := from(remote)
		lines := []string{first, last}
		r.Header["X-Forwarded-For"] = lines
		got, peer := client(r), RemoteAddr(r)
		wellFormed(t, got)
		for _, p := range trusted {
			if p.Contains(got) && got != peer {
				t.Errorf("the client is %v, a trusted proxy that is not the peer %v", got, peer)
			}
		}
		if want := slowForwardedFor(peer, lines, trusted); got != want {
			t.Errorf("peer %v, lines %q: got %v, the oracle says %v", peer, lines, got, want)
		}
	})
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "a, [::1]:80", `"::ffff:1.2.3.4"`, "1.2.3.4:99999", "", ",", strings.Repeat(" ", 2*128)} {
		f.Add(s)
	}
	client := Header("X-Real-IP")
	f.Fuzz(func(t *testing.T, value string) {
		r := from("203.0.113.1:1")
		r.Header["X-Real-Ip"] = []string{"198.51.100.1", value}
		got := client(r)
		wellFormed(t, got)
		entries := strings.Split(value, ",")
		if want := slowEntry(entries[len(entries)-1]); got != want {
			t.Errorf("%q: got %v, the oracle says %v", value, got, want)
		}
	})
}

// RemoteAddr takes what netip.ParseAddrPort takes, and nothing makes it panic.
func FuzzRemoteAddr(f *testing.F) {
	for _, s := range []string{"192.0.2.1:80", "[::1%lo]:80", "[::ffff:1.2.3.4]:1", "[::1%a]b]:1", "@", "", "[", "]:", "::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, remote string) {
		got := RemoteAddr(from(remote))
		wellFormed(t, got)
		ap, err := netip.ParseAddrPort(remote)
		if err == nil && got != lookup.Normalize(ap.Addr()) {
			// There, a port with leading zeros can be of any length, and a zone can have brackets.
			if _, port, err := net.SplitHostPort(remote); err == nil && len(port) <= 5 {
				t.Errorf("%q: got %v, want %v", remote, got, ap.Addr())
			}
		}
	})
}
