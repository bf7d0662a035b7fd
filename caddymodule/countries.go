package caddymodule

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// nowhere is the country of clients that no database knows.
const nowhere = "unknown"

// countries count stopped requests by the country of the client. There are at most as
// many counters as countries in the databases.
type countries struct {
	counts sync.Map // code → *atomic.Uint64
}

func (c *countries) add(code string) {
	if code == "" {
		code = nowhere
	}
	n, ok := c.counts.Load(code)
	if !ok {
		n, _ = c.counts.LoadOrStore(code, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

// snapshot returns the counts, nil if there are none.
func (c *countries) snapshot() map[string]uint64 {
	var all map[string]uint64
	c.counts.Range(func(code, n any) bool {
		if all == nil {
			all = map[string]uint64{}
		}
		all[code.(string)] = n.(*atomic.Uint64).Load()
		return true
	})
	return all
}

// countCountry counts a stopped request from ip, if there is a geo database.
func (p *pooled) countCountry(ip netip.Addr) {
	if p.places == nil {
		return
	}
	code, _ := p.places.Locate(ip)
	p.countries.add(code)
}
