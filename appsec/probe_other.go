//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package appsec

import "net"

// A probe would look into a connection at rest. Where there is no way to, one
// that is used in vain is replaced by a new one.
type probe struct{}

func newProbe(net.Conn) probe { return probe{} }

func (p *probe) ok() bool { return true }
