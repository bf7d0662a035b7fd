//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package appsec

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// A probe checks whether anything has arrived on an idle connection: its end, or
// unexpected bytes, which would be taken for the answer to the next question.
type probe struct {
	raw  syscall.RawConn // nil: the connection cannot be checked
	look func(fd uintptr) bool
	err  *error
}

func newProbe(c net.Conn) probe {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	socket, ok := c.(syscall.Conn)
	if !ok {
		return probe{}
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return probe{}
	}
	p := probe{raw: raw, err: new(error)}
	b := make([]byte, 1)
	p.look = func(fd uintptr) bool {
		_, _, *p.err = syscall.Recvfrom(int(fd), b, syscall.MSG_PEEK) // does not block: Go's sockets are non-blocking
		return true
	}
	return p
}

// ok reports whether nothing has arrived.
func (p *probe) ok() bool {
	if p.raw == nil {
		return true
	}
	if err := p.raw.Read(p.look); err != nil {
		return false
	}
	return errors.Is(*p.err, syscall.EAGAIN)
}
