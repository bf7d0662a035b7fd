package lookup

import (
	"net/netip"
	"slices"
)

// Who may ask at once, as parts of all questions: a client that uses up its share
// waits while others are asked about.
const (
	subnetPart  = 16 // of a /64 of IPv6, which is one client
	networkPart = 4  // of a /24 of IPv4 or a /48 of IPv6, which one customer can have
	waitersEach = 16 // that can wait for each question that may be under way
	waitersPart = 2  // of them that one network can have
)

// turns says which lookups may ask now, and which wait for their turn. Its methods
// are for one goroutine at a time.
type turns struct {
	questions int // that may be under way
	asking    int // that are
	shares    map[netip.Prefix]*share
	waiting   []*waiter // in the order in which they came
}

// A share is what one network has of the questions. It is kept while it has any.
type share struct {
	network netip.Prefix
	limit   int // of asking
	asking  int
	waiting int
}

// A waiter is a lookup that waits for its turn to ask, or has it.
type waiter struct {
	ip     netip.Addr
	shares [2]*share     // of the network of who asks, and of its /64 if it has one
	ready  chan struct{} // closed when it waits no longer
	known  *answer       // nil: it is its turn to ask
}

func newTurns(questions int) turns {
	return turns{questions: questions, shares: map[netip.Prefix]*share{}}
}

// join returns a waiter for r. It is ready at once if it may ask now. An error says
// that there is no room to wait.
func (t *turns) join(r request) (w *waiter, err error) {
	w = &waiter{ip: r.ip, ready: make(chan struct{})}
	if asker := r.asker; asker.Is4() {
		w.shares[0] = t.share(asker, 24, networkPart)
	} else {
		w.shares[0] = t.share(asker, 48, networkPart)
		w.shares[1] = t.share(asker, 64, subnetPart)
	}
	if t.free(w) {
		t.take(w)
		close(w.ready)
		return w, nil
	}
	switch room := t.questions * waitersEach; {
	case w.shares[0].waiting >= room/waitersPart:
		err = ErrCrowded
	case len(t.waiting) >= room:
		err = ErrBusy
	default:
		t.waiting = append(t.waiting, w)
		w.each(func(s *share) { s.waiting++ })
		return w, nil
	}
	t.drop(w)
	return nil, err
}

// share returns the share of the network of ip that has so many bits.
func (t *turns) share(ip netip.Addr, bits, part int) *share {
	p := netip.PrefixFrom(ip, bits).Masked()
	s := t.shares[p]
	if s == nil {
		s = &share{network: p, limit: max(1, t.questions/part)}
		t.shares[p] = s
	}
	return s
}

func (w *waiter) each(f func(*share)) {
	for _, s := range w.shares {
		if s != nil {
			f(s)
		}
	}
}

// crowded reports whether the network of w has as many questions under way as it may.
func (w *waiter) crowded() bool {
	full := false
	w.each(func(s *share) { full = full || s.asking >= s.limit })
	return full
}

func (t *turns) free(w *waiter) bool { return t.asking < t.questions && !w.crowded() }

func (t *turns) take(w *waiter) {
	t.asking++
	w.each(func(s *share) { s.asking++ })
}

// done says that w has asked, and gives its turn to the one that waits longest of
// those that may have it.
func (t *turns) done(w *waiter) {
	t.asking--
	w.each(func(s *share) { s.asking-- })
	t.drop(w)
	if i := slices.IndexFunc(t.waiting, t.free); i >= 0 {
		next := t.waiting[i]
		t.take(next)
		t.leave(next)
		close(next.ready)
	}
}

// leave takes w out of those that wait.
func (t *turns) leave(w *waiter) {
	i := slices.Index(t.waiting, w)
	t.waiting = slices.Delete(t.waiting, i, i+1)
	w.each(func(s *share) { s.waiting-- })
}

// drop forgets the shares of w that are not in use.
func (t *turns) drop(w *waiter) {
	w.each(func(s *share) {
		if s.asking+s.waiting == 0 {
			delete(t.shares, s.network)
		}
	})
}

// giveUp ends the wait of w, whose time is up, and says why it had no turn; nil if
// it has come meanwhile.
func (t *turns) giveUp(w *waiter) error {
	select {
	case <-w.ready:
		return nil
	default:
	}
	err := ErrBusy
	if w.crowded() {
		err = ErrCrowded
	}
	t.leave(w)
	t.drop(w)
	return err
}

// tell answers those that wait and whose addresses are in p: nobody need ask.
func (t *turns) tell(p netip.Prefix, known *answer) {
	for _, w := range slices.Clone(t.waiting) {
		if p.Contains(w.ip) {
			w.known = known
			t.leave(w)
			t.drop(w)
			close(w.ready)
		}
	}
}
