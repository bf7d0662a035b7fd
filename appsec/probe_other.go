//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package appsec

import "net"

// A probe cannot check an idle connection on this system. If one turns out to be
// closed, a new connection replaces it.
type probe struct{}

func newProbe(net.Conn) probe { return probe{} }

func (p *probe) ok() bool { return true }
