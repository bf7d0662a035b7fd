package lookup

import "net/netip"

// A winner is the strongest of the decisions considered so far. It has no pointers, so that
// writing it needs no barrier of the garbage collector.
type winner struct {
	fact       // of the decision; until is 0 if there is none
	addr addr6 // of a decision about IPv6
	is4  bool
	now  int64 // 0 until the clock is read
}

// cover considers the decisions of s about ip, and about the ranges longer than over that
// contain it. A longer range does not win: a ban on a range also holds for an address in it
// that has its own captcha decision. For IPv4, over is -1.
func (w *winner) cover(s *state, ip netip.Addr, over int) {
	switch {
	case ip.Is4():
		w.cover4(s, number4(ip))
	case ip.Is6():
		hi, lo := halves(ip)
		w.cover6(s, hi, lo, over)
	}
}

func (w *winner) cover4(s *state, a uint32) {
	number := s.seed.mix(a)
	if s.v4.any.has(number) {
		consider(w, s, &s.v4, addr4{}, number, hostBits4)
	}
	if s.v4.wide.has(a) {
		w.within4(s, a)
	}
}

func (w *winner) cover6(s *state, hi, lo uint64, over int) {
	pair := s.v6.any.pair(s.seed.network(hi))
	if pair&pairHosts != 0 && (hi>>48 != placeFirst || !isPlace(hostPrefix(from6(hi, lo)))) {
		consider(w, s, &s.v6, addr6{hi, lo}, s.seed.hash(hi, lo), hostBits6)
	}
	if pair&pairNetwork != 0 && over < networkBits6 {
		consider(w, s, &s.v6, addr6{hi}, s.seed.hash(hi, 0), networkBits6)
	}
	if s.v6.ranges > 0 && s.v6.wide.has(s.seed.network(hi>>filedBits6)) {
		w.within6(s, hi, lo, over)
	}
}

// find considers the decisions of s about p itself.
func (w *winner) find(s *state, p netip.Prefix) {
	if p.Addr().Is4() {
		k := s.keyOf4(p)
		considerAll(w, s, &s.v4, &k)
		return
	}
	k := s.keyOf6(p)
	considerAll(w, s, &s.v6, &k)
}

// consider considers the decisions of x about the prefix with this key. Its parts are
// parameters, so that they stay in registers.
func consider[A address](w *winner, s *state, x *index[A], addr A, number uint32, length uint8) {
	e, sure := x.only(number)
	if !sure {
		considerAll(w, s, x, &key[A]{addr, number, length})
		return
	}
	if e != nil && e.length() == length && e.addr == addr && w.take(s, &e.fact) {
		setAddr(w, addr)
	}
}

// considerAll is consider for any number of decisions, wherever they are.
func considerAll[A address](w *winner, s *state, x *index[A], k *key[A]) {
	for all, i := x.find(k); i < len(all) && all[i].is(k); i++ {
		if w.take(s, &all[i].fact) {
			setAddr(w, k.addr)
		}
	}
}

func setAddr[A address](w *winner, addr A) {
	w.is4 = len(addr) == 0
	for i := range len(addr) {
		w.addr[i] = addr[i]
	}
}

// take makes f the winner, and returns true, unless it has ended or is weaker.
func (w *winner) take(s *state, f *fact) bool {
	if !w.found() && f.until > s.tick.late.Load() {
		w.fact = *f
		return true
	}
	if f.until <= s.tick.late.Load() && f.until <= w.clock(s) {
		return false
	}
	have, a, since := w.action(s), s.kinds[f.kind()].action, f.since
	if a == have {
		since = max(since, w.since) // the later start of two with the same action counts
		w.since = since
	}
	if a < have || a == have && f.until <= w.until {
		return false
	}
	w.fact, w.since = *f, since
	return true
}

func (w *winner) found() bool { return w.until != 0 }

// action returns the action of the winner, or None.
func (w *winner) action(s *state) Action {
	if !w.found() {
		return None
	}
	return s.kinds[w.kind()].action
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
	if w.found() {
		w.fill(s, &d)
	}
	return d, w.found()
}

// fill sets d, which is empty, to the winner.
func (w *winner) fill(s *state, d *Decision) {
	if w.is4 {
		s.fill(d, s.prefix4(&w.fact), w.record())
	} else {
		s.fill(d, prefix6(&entry[addr6]{w.addr, w.fact}), w.record())
	}
}
