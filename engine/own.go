package engine

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// own are the addresses of this machine. Decisions of remote sources do not apply to
// them, because health checks come from there, and perhaps a proxy in front of this
// server.
type own struct {
	operators map[string]bool // sources written by the operator: their decisions apply
	addresses atomic.Pointer[map[netip.Addr]bool]
	spared    atomic.Uint64 // lookups that found a decision that does not apply
	logged    atomic.Bool
}

// documentation are the address ranges of examples and tests. No server on the Internet
// has such an address, but a test machine may.
var documentation = [...]netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"),
}

func isDocumentation(ip netip.Addr) bool {
	return slices.ContainsFunc(documentation[:], func(p netip.Prefix) bool { return p.Contains(ip) })
}

// An operated is a source that the operator of this machine writes, such as a file.
type operated interface{ ByOperator() bool }

// operatorsOf returns the names of the sources that the operator writes.
func operatorsOf(sources []Source) map[string]bool {
	names := map[string]bool{LocalSource: true}
	for _, s := range sources {
		if o, ok := s.(operated); ok && o.ByOperator() {
			names[s.Name()] = true
		}
	}
	return names
}

// refresh reads the addresses again. If that fails, the old ones stay.
func (o *own) refresh() {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return
	}
	found := make(map[netip.Addr]bool, len(all))
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !isDocumentation(p.Addr()) {
			found[lookup.Normalize(p.Addr())] = true
		}
	}
	o.addresses.Store(&found)
}

func (o *own) has(ip netip.Addr) bool {
	ip = lookup.Normalize(ip)
	if ip.IsLoopback() {
		return true
	}
	all := o.addresses.Load()
	return all != nil && (*all)[ip]
}

// ByOperator reports whether the operator of this machine writes the named source. Its
// decisions apply to all clients.
func (e *Engine) ByOperator(source string) bool { return e.own.operators[source] }

// IsOwn reports whether ip is an address of this machine.
func (e *Engine) IsOwn(ip netip.Addr) bool { return e.own.has(ip) }

// spareOwn reports whether d does not apply because ip is an address of this machine.
// It logs the first time.
func (e *Engine) spareOwn(d *lookup.Decision, ip netip.Addr) bool {
	if e.ByOperator(d.Source) || !e.own.has(ip) {
		return false
	}
	e.own.spared.Add(1)
	if !e.own.logged.Swap(true) {
		e.logger.Warn("a decision about an address of this server is not enforced: if a proxy runs on this server, add it to trusted_proxies",
			zap.String("source", d.Source), zap.Stringer("prefix", d.Prefix), zap.String("reason", d.Reason))
	}
	return true
}
