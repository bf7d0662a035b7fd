package lookup

import (
	"net/netip"

	"github.com/gaissmai/bart"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// known holds the answers that were about a range. Its methods are for one goroutine
// at a time.
type known struct {
	ranges *bart.Table[*answer]
	recent *simplelru.LRU[netip.Prefix, struct{}] // the ranges, to know which makes room
}

func newKnown(size int) (k known, err error) {
	k.ranges = new(bart.Table[*answer])
	k.recent, err = simplelru.NewLRU(size, func(p netip.Prefix, _ struct{}) { k.ranges.Delete(p) })
	return k, err
}

// learn remembers the answer to a question about ip if it says something about
// others, too, and reports whether it does.
func (k *known) learn(ip netip.Addr, a *answer) (netip.Prefix, bool) {
	p, ok := NormalizePrefix(a.decision.Prefix)
	if !ok || !a.found || p.IsSingleIP() || !p.Contains(ip) {
		return p, false
	}
	k.recent.Add(p, struct{}{})
	k.ranges.Insert(p, a)
	return p, true
}

// find returns the strongest answer in force about a range that ip is in; nil if
// there is none.
func (k *known) find(ip netip.Addr, now int64) (best *answer) {
	if !k.ranges.Contains(ip) {
		return nil
	}
	for p, a := range k.ranges.Supernets(hostPrefix(ip)) {
		switch {
		case now >= a.end:
		case best == nil || a.decision.Action > best.decision.Action:
			best = a
			k.recent.Get(p)
		}
	}
	return best
}

// forget forgets the ranges that ip is in.
func (k *known) forget(ip netip.Addr) {
	if !ip.IsValid() {
		return
	}
	var all []netip.Prefix
	for p := range k.ranges.Supernets(hostPrefix(ip)) {
		all = append(all, p)
	}
	for _, p := range all {
		k.recent.Remove(p)
	}
}

func (k *known) purge() {
	k.recent.Purge()
}
