package centre

import (
	"net/netip"
	"sync"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	maxWaiting = 1024 // requests at once
	maxOfOne   = 64   // of one network
)

// A hall has room for requests that wait until a centre has started. Each network has a share.
type hall struct {
	mu      sync.Mutex
	waiting int
	of      map[netip.Prefix]int
}

func networkOf(from netip.Addr) netip.Prefix { return lookup.Network(lookup.Normalize(from), 24, 48) }

// enter reports whether there is room. Then the caller has to leave.
func (h *hall) enter(from netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	network := networkOf(from)
	if h.waiting >= maxWaiting || h.of[network] >= maxOfOne {
		return false
	}
	if h.of == nil {
		h.of = map[netip.Prefix]int{}
	}
	h.waiting++
	h.of[network]++
	return true
}

func (h *hall) leave(from netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	network := networkOf(from)
	h.waiting--
	if h.of[network]--; h.of[network] == 0 {
		delete(h.of, network)
	}
}
