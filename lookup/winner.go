package lookup

import "net/netip"

// excludes reports whether there is nothing about ip for certain, which is so for most
// addresses. It knows no local translators.
func (s *state) excludes(ip netip.Addr) bool {
	if ip.Is4() {
		return !s.v4.any.has(number4(ip))
	}
	hi, lo := halves(ip)
	return !s.v6.any.has(s.seed.network(hi)) && (s.v6.ranges == 0 || !s.v6.wide.has(s.seed.network(hi>>32))) && isPlain(hi, lo)
}

// A winner is the best decision of those considered.
type winner struct {
	late   int64 // what ends after this is in force
	now    int64 // 0: nobody had to look yet
	found  bool
	action Action
	record record
	ip     netip.Addr // it is about this one, or its network
	length uint8
}

// cover considers what s has about ip, and about the ranges longer than over that it is
// in. The longest is no better than another: a ban on a range holds for an address in it
// that has a captcha of its own.
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

// listed4 is cover for an address that the filter knows.
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
	if s.v6.any.has(s.seed.network(hi)) {
		if hi>>48 != placeFirst || !isPlace(hostPrefix(ip)) {
			k := s.key6(hi, lo, hostBits6)
			consider(w, s, &s.v6, &k, ip)
		}
		if over < networkBits6 {
			k := s.key6(hi, 0, networkBits6)
			consider(w, s, &s.v6, &k, from6(hi, 0))
		}
	}
	if s.v6.ranges > 0 && s.v6.wide.has(s.seed.network(hi>>32)) {
		w.walk(s, ip, over)
	}
}

// walk considers the ranges that ip is in.
func (w *winner) walk(s *state, ip netip.Addr, over int) {
	if !s.ranges.Contains(ip) {
		return // which is known in half the time that a walk takes
	}
	for p := range s.ranges.Supernets(hostPrefix(ip)) {
		if p.Bits() > over {
			w.find(s, p)
		}
	}
}

// find considers what s has about p itself.
func (w *winner) find(s *state, p netip.Prefix) {
	if p.Addr().Is4() {
		k := s.keyOf4(p)
		consider(w, s, &s.v4, &k, p.Addr())
		return
	}
	k := s.keyOf6(p)
	consider(w, s, &s.v6, &k, p.Addr())
}

// consider considers what x has about k, whose address is ip.
func consider[A address](w *winner, s *state, x *index[A], k *key[A], ip netip.Addr) {
	page, i := x.find(k)
	for ; i < len(page) && page[i].is(k); i++ {
		e := &page[i]
		if e.until <= w.late && e.until <= w.clock(s) {
			continue
		}
		a, since := s.kinds[e.kind()].action, e.since
		if w.found && a == w.action {
			since = max(since, w.record.since) // of those with this action, that of the last
		}
		if !w.found || a > w.action || a == w.action && e.until > w.record.until {
			w.found, w.action, w.record, w.ip, w.length = true, a, e.record(), ip, k.length
		}
		if a == w.action {
			w.record.since = since
		}
	}
}

// clock returns the time, which is read at the first need.
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
