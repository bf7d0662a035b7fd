package lookup

import (
	"iter"
	"net/netip"
	"time"
)

// A state is a table at one moment. Readers hold it without a lock, so nothing
// in it is ever written again, but for bits of filters; its successors share what they
// do not change.
type state struct {
	seed    seed
	v4      index[addr4]
	v6      index[addr6]
	kinds   []kind    // what entries refer to
	groups  []Group   // entries, counted
	wideOf  []covered // by the wide ranges of each group, with overlaps counted each time
	groupOf []uint16  // index into groups of each kind
	version uint64
	places  bool  // there may be decisions about countries or autonomous systems
	epoch   epoch // what entries count their times from
	tick    *tick // shared by all states with this epoch
}

// A record is one decision less its prefix.
type record struct {
	until int64  // end in nanoseconds since the epoch, or never
	since int64  // when it was first announced, in the same measure
	kind  uint32 // index into kinds
}

// A kind is what very many decisions have in common. Each is held once.
type kind struct {
	source, origin, reason string
	action                 Action
}

func emptyState() *state {
	return &state{
		seed: newSeed(), v4: emptyIndex[addr4](), v6: emptyIndex[addr6](),
		epoch: epoch(time.Now()), tick: newTick(),
	}
}

// key4 returns what an IPv4 prefix is filed under, which has no bits beyond its length.
func (s *state) key4(a uint32, length int) key[addr4] {
	return key[addr4]{number: s.seed.mix(a), length: uint8(length)}
}

// key6 returns what an IPv6 prefix is filed under.
func (s *state) key6(hi, lo uint64, length int) key[addr6] {
	return key[addr6]{addr: addr6{hi, lo}, number: s.seed.hash(hi, lo), length: uint8(length)}
}

func (s *state) keyOf4(p netip.Prefix) key[addr4] { return s.key4(number4(p.Addr()), p.Bits()) }

func (s *state) keyOf6(p netip.Prefix) key[addr6] {
	hi, lo := halves(p.Addr())
	return s.key6(hi, lo, p.Bits())
}

func (s *state) prefix4(f *fact) netip.Prefix {
	return netip.PrefixFrom(from4(s.seed.unmix(f.number)), int(f.length()))
}

func prefix6(e *entry[addr6]) netip.Prefix {
	return netip.PrefixFrom(from6(e.addr[0], e.addr[1]), int(e.length()))
}

// all yields every decision, the ones included that have ended.
func (s *state) all() iter.Seq2[netip.Prefix, record] {
	return func(yield func(netip.Prefix, record) bool) {
		_ = s.v4.each(func(e *entry[addr4]) bool { return yield(s.prefix4(&e.fact), e.record()) }) &&
			s.v6.each(func(e *entry[addr6]) bool { return yield(prefix6(e), e.record()) })
	}
}

// records yields what is said about p itself.
func (s *state) records(p netip.Prefix) iter.Seq[record] {
	return func(yield func(record) bool) {
		if p.Addr().Is4() {
			k := s.keyOf4(p)
			s.v4.records(&k, yield)
		} else {
			k := s.keyOf6(p)
			s.v6.records(&k, yield)
		}
	}
}

// covering calls f with each decision about a prefix longer than over that ip is in.
func (s *state) covering(ip netip.Addr, over int, f func(netip.Prefix, record)) {
	all := func(p netip.Prefix) {
		if p.Bits() <= over || isPlace(p) {
			return
		}
		for r := range s.records(p) {
			f(p, r)
		}
	}
	all(hostPrefix(ip))
	if ip.Is6() {
		all(netip.PrefixFrom(ip, networkBits6).Masked())
	}
	for p := range s.rangesWith(ip) {
		all(p)
	}
}

func (s *state) decision(p netip.Prefix, r record) (d Decision) {
	s.fill(&d, p, r)
	return d
}

// fill makes of d, which is empty, what r says about p.
func (s *state) fill(d *Decision, p netip.Prefix, r record) {
	k := &s.kinds[r.kind]
	d.Action, d.Source, d.Origin, d.Reason = k.action, k.source, k.origin, k.reason
	d.Since = s.epoch.time(r.since)
	if r.until != never {
		d.Until = s.epoch.time(r.until)
	}
	if p.Addr().Is4() || !isPlace(p) {
		d.Prefix = p
		return
	}
	d.Country, d.AS = place(p)
}

func hostPrefix(ip netip.Addr) netip.Prefix {
	return netip.PrefixFrom(ip, ip.BitLen())
}
