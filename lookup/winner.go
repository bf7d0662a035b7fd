package lookup

import "net/netip"

// excludes reports whether there is certainly no decision about ip, which is so for most
// addresses. It does not know local translators.
func (s *state) excludes(ip netip.Addr) bool {
	if ip.Is4() {
		return !s.v4.any.has(number4(ip))
	}
	hi, lo := halves(ip)
	return s.v6.any.pair(s.seed.network(hi)) == 0 && (s.v6.ranges == 0 || !s.v6.wide.has(s.seed.network(hi>>32))) && isPlain(hi, lo)
}

// A winner is the strongest of the decisions considered so far.
type winner struct {
	late   int64 // decisions that end after this time are in force
	now    int64 // 0 until the clock is read
	found  bool
	action Action
	record record
	ip     netip.Addr // the decision is about this address, or its network
	length uint8
}

// cover considers the decisions of s about ip, and about the ranges longer than over that
// contain it. A longer range does not win: a ban on a range also holds for an address in it
// that has its own captcha decision.
func (w *winner) cover(s *state, ip netip.Addr, over int) {
	switch {
	case ip.Is4():
		w.cover4(s, ip, over)
	case ip.Is6():
		w.cover6(s, ip, over)
	}
}

func (w *winner) cover4(s *state, ip netip.Addr, over int) {
	if s.v4.any.has(number4(ip)) {
		w.listed4(s, ip, over)
	}
}

// listed4 is cover for an address that may be in the table, by the filter.
func (w *winner) listed4(s *state, ip netip.Addr, over int) {
	a := number4(ip)
	k := s.key4(a, hostBits4)
	consider(w, s, &s.v4, &k, ip)
	if s.v4.wide.has(a) {
		w.walk(s, ip, over)
	}
}

func (w *winner) cover6(s *state, ip netip.Addr, over int) {
	hi, lo := halves(ip)
	pair := s.v6.any.pair(s.seed.network(hi))
	if pair&pairHosts != 0 && (hi>>48 != placeFirst || !isPlace(hostPrefix(ip))) {
		k := s.key6(hi, lo, hostBits6)
		consider(w, s, &s.v6, &k, ip)
	}
	if pair&pairNetwork != 0 && over < networkBits6 {
		k := s.key6(hi, 0, networkBits6)
		consider(w, s, &s.v6, &k, from6(hi, 0))
	}
	if s.v6.ranges > 0 && s.v6.wide.has(s.seed.network(hi>>32)) {
		w.walk(s, ip, over)
	}
}

// walk considers the ranges that contain ip.
func (w *winner) walk(s *state, ip netip.Addr, over int) {
	if !s.ranges.Contains(ip) {
		return // this check takes half the time of a walk
	}
	for p := range s.ranges.Supernets(hostPrefix(ip)) {
		if p.Bits() > over {
			w.find(s, p)
		}
	}
}

// find considers the decisions of s about p itself.
func (w *winner) find(s *state, p netip.Prefix) {
	if p.Addr().Is4() {
		k := s.keyOf4(p)
		consider(w, s, &s.v4, &k, p.Addr())
		return
	}
	k := s.keyOf6(p)
	consider(w, s, &s.v6, &k, p.Addr())
}

// consider considers the decisions of x about k, whose address is ip.
func consider[A address](w *winner, s *state, x *index[A], k *key[A], ip netip.Addr) {
	all, i := x.find(k)
	for ; i < len(all) && all[i].is(k); i++ {
		e := &all[i]
		if e.until <= w.late && e.until <= w.clock(s) {
			continue
		}
		a := s.kinds[e.kind()].action
		switch {
		case !w.found || a > w.action:
			w.found, w.action, w.record, w.ip, w.length = true, a, e.record(), ip, k.length
		case a == w.action:
			since := max(e.since, w.record.since) // the latest since of the decisions with this action
			if e.until > w.record.until {
				w.record, w.ip, w.length = e.record(), ip, k.length
			}
			w.record.since = since
		}
	}
}

// clock returns the time. It reads the clock only when first needed.
func (w *winner) clock(s *state) int64 {
	if w.now == 0 {
		w.now = s.epoch.now()
	}
	return w.now
}

// decision returns the winner, and whether there is one.
func (w *winner) decision(s *state) (d Decision, found bool) {
	if w.found {
		s.fill(&d, netip.PrefixFrom(w.ip, int(w.length)), w.record)
	}
	return d, w.found
}
