package middleware

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// isOpen reports whether the other end of c is open.
func isOpen(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Nanosecond))
	_, err := c.Read(make([]byte, 1))
	return !errors.Is(err, io.EOF)
}

func TestATarpitHoldsConnectionsForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := tarpit{lasts: 30 * time.Second}
		defer p.close()
		first, there1 := net.Pipe()
		if !p.hold(first, netip.MustParseAddr("192.0.2.1")) {
			t.Fatal("there is no room for the first")
		}
		<-time.After(20 * time.Second)
		second, there2 := net.Pipe()
		if !p.hold(second, netip.MustParseAddr("192.0.2.2")) {
			t.Fatal("there is no room for the second")
		}
		for _, row := range []struct {
			after         time.Duration
			first, second bool
		}{{9 * time.Second, true, true}, {2 * time.Second, false, true}, {18 * time.Second, false, true}, {2 * time.Second, false, false}} {
			<-time.After(row.after)
			synctest.Wait()
			if isOpen(there1) != row.first || isOpen(there2) != row.second {
				t.Errorf("at %v: %v, %v", row.after, isOpen(there1), isOpen(there2))
			}
		}
		third, there3 := net.Pipe()
		if !p.hold(third, netip.MustParseAddr("192.0.2.1")) || !isOpen(there3) {
			t.Error("it holds none after it was empty")
		}
	})
}

// One client that opens many connections must not use up the tarpit, and all together
// must not use up the process's file descriptors.
func TestATarpitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := tarpit{lasts: time.Minute}
		var held []net.Conn
		hold := func(ip string) bool {
			here, there := net.Pipe()
			ok := p.hold(here, netip.MustParseAddr(ip))
			if ok {
				held = append(held, there)
			}
			return ok
		}
		for i := range 4 {
			if !hold(fmt.Sprintf("2001:db8::%x", i+1)) {
				t.Errorf("connection %d of a /64 is not held", i+1)
			}
		}
		if hold("2001:db8::5") {
			t.Error("the fifth of a /64 is held")
		}
		for i := range 1020 {
			if !hold(fmt.Sprintf("198.51.%d.%d", i/256, i%256)) {
				t.Fatalf("connection %d is not held", 4+i+1)
			}
		}
		if hold("203.0.113.1") {
			t.Error("number 1,025 is held")
		}
		p.close()
		for i, c := range held {
			if isOpen(c) {
				t.Fatalf("number %d is open after the end", i+1)
			}
		}
		if len(p.of) != 0 || len(p.held) != 0 || hold("203.0.113.1") {
			t.Error("something is held after the end")
		}
	})
}

func TestATarpitOfNoTimeHoldsNothing(t *testing.T) {
	here, _ := net.Pipe()
	if new(tarpit).hold(here, netip.MustParseAddr("192.0.2.1")) {
		t.Error("it holds a connection")
	}
}
