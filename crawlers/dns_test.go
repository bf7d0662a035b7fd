package crawlers

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// What DNS answers with, by RFC 1035, section 3.2.2, and RFC 3596.
const (
	typeA     = 1
	typeCNAME = 5
	typePTR   = 12
	typeAAAA  = 28
)

type record struct {
	owner string
	kind  uint16
	data  []byte
}

// wire is a name as DNS sends it.
func wire(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

// serve answers one question: with the records of a name, or that there is no
// such name.
func serve(zone map[string][]record, query []byte) []byte {
	const header = 12
	var labels []string
	at := header
	for query[at] != 0 {
		n := int(query[at])
		labels = append(labels, string(query[at+1:at+1+n]))
		at += n + 1
	}
	kind := binary.BigEndian.Uint16(query[at+1:])
	question := query[header : at+5]
	all, exists := zone[strings.ToLower(strings.Join(labels, "."))+"."]
	var answers []byte
	var n uint16
	for _, r := range all {
		if r.kind != kind && r.kind != typeCNAME && all[0].kind != typeCNAME {
			continue
		}
		answers = append(answers, wire(r.owner)...)
		answers = binary.BigEndian.AppendUint16(answers, r.kind)
		answers = append(answers, 0, 1, 0, 0, 0, 60) // the Internet, for a minute
		answers = binary.BigEndian.AppendUint16(answers, uint16(len(r.data)))
		answers = append(answers, r.data...)
		n++
	}
	reply := append([]byte{}, query[:2]...)
	flags := uint16(0x8580) // an answer with authority, recursion asked for and available
	if !exists {
		flags |= 3 // no such name
	}
	for _, field := range []uint16{flags, 1, n, 0, 0} {
		reply = binary.BigEndian.AppendUint16(reply, field)
	}
	return append(append(reply, question...), answers...)
}

// server starts a name server and returns a resolver that asks it.
func server(t *testing.T, zone map[string][]record) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(serve(zone, buf[:n]), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// Networks smaller than a /24 have their names by way of a CNAME (RFC 2317), and
// so may the crawler's host have its address.
func TestARealNameServer(t *testing.T) {
	a4, a6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	const ip6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
	c := checker(t, Config{Timeout: 30 * time.Second, Resolver: server(t, map[string][]record{
		"1.2.0.192.in-addr.arpa.": {
			{"1.2.0.192.in-addr.arpa.", typeCNAME, wire("1.0-15.2.0.192.in-addr.arpa.")},
			{"1.0-15.2.0.192.in-addr.arpa.", typePTR, wire("crawl-1.googlebot.com.")},
		},
		"crawl-1.googlebot.com.": {
			{"crawl-1.googlebot.com.", typeCNAME, wire("edge.example.")},
			{"edge.example.", typeA, a4.AsSlice()},
		},
		ip6:                       {{ip6, typePTR, wire("crawl-6.googlebot.com.")}},
		"crawl-6.googlebot.com.":  {{"crawl-6.googlebot.com.", typeAAAA, a6.AsSlice()}},
		"2.2.0.192.in-addr.arpa.": {{"2.2.0.192.in-addr.arpa.", typePTR, wire("crawl-1.googlebot.com.")}},
		"3.2.0.192.in-addr.arpa.": {{"3.2.0.192.in-addr.arpa.", typePTR, wire("crawl-6.googlebot.com.")}}, // it has no A record
	})})
	for ip, want := range map[string]bool{"192.0.2.1": true, "2001:db8::1": true, "192.0.2.2": false, "192.0.2.3": false, "192.0.2.4": false} {
		if got := c.knows(ip, googlebot); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
	if s := c.Stats(); s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}
