package middleware

import "net/netip"

// An AllowList says which clients are never stopped. Many goroutines call it at once.
type AllowList interface {
	// Contains reports whether ip, which is normalized, is one of those clients.
	Contains(ip netip.Addr) bool
}

// The allowStage exempts clients from decisions, observation and inspection.
type allowStage struct {
	ranges  ranges
	lists   []AllowList
	always  bool // it also matters for requests without a decision, which are observed or inspected
	results *resultLog
}

// enter sets f.allowed, and then drops the decision about the client. It skips the
// check if nothing depends on it: most clients have no decision.
func (a *allowStage) enter(f *finding) {
	if !f.client.IsValid() || !f.found && !a.always || !a.contain(f.client) {
		return
	}
	if f.found {
		a.results.allowed(f.visit)
	}
	f.allowed, f.found = true, false
}

func (a *allowStage) contain(ip netip.Addr) bool {
	if a.ranges.contain(ip) {
		return true
	}
	for _, l := range a.lists {
		if l.Contains(ip) {
			return true
		}
	}
	return false
}
