package lookup

import (
	"iter"
	"net/netip"
	"time"

	"github.com/gaissmai/bart"
)

// A state is a table at one moment. Readers hold it without a lock, so nothing
// in it is ever written again; its successors share what they do not change.
//
// The trie knows only prefixes, and for each the slot of a record. Records are
// kept apart from it in small chunks: to end, extend or revive a decision
// copies a chunk of twelve kilobytes and leaves the trie alone. A slot belongs
// to its prefix for good; when too many are free the whole is built anew.
type state struct {
	tree    *bart.Table[uint32] // prefix → slot of the first record about it
	ranges  *bart.Lite          // the prefixes in tree that are no single address
	chunks  []*chunk            // the records, by slot
	slots   uint32              // slots in use, free ones included
	kinds   []kind              // what records refer to
	groups  []Group             // records that are not free, counted
	groupOf []uint16            // index into groups of each kind
	version uint64
	places  bool  // there may be decisions about countries or autonomous systems
	epoch   epoch // what records count their times from
	tick    *tick // shared by all states with this epoch
}

const chunkSize = 512

type chunk [chunkSize]record

// A record is one decision less its prefix, in 24 bytes.
type record struct {
	until int64  // end in nanoseconds since the epoch, or never, or free
	since int64  // when it was first announced, in the same measure
	kind  uint32 // index into kinds
	next  uint32 // 1 + slot of the next record about the same prefix; 0: none
}

// A kind is what very many decisions have in common. Each is held once.
type kind struct {
	source, origin, reason string
	action                 Action
}

func emptyState() *state {
	return &state{
		tree: new(bart.Table[uint32]), ranges: new(bart.Lite),
		epoch: epoch(time.Now()), tick: newTick(),
	}
}

func (s *state) at(slot uint32) *record {
	return &s.chunks[slot/chunkSize][slot%chunkSize]
}

// chain yields the records about one prefix, free ones included.
func (s *state) chain(slot uint32) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		for r := s.at(slot); yield(r) && r.next != 0; {
			r = s.at(r.next - 1)
		}
	}
}

// appendChain appends what is in force about one prefix.
func (s *state) appendChain(all []Decision, p netip.Prefix, slot uint32, now int64) []Decision {
	for r := range s.chain(slot) {
		if r.until > now {
			all = append(all, s.decision(p, r))
		}
	}
	return all
}

// strongest returns the decision that wins among all that cover ip. The
// longest prefix is no better than another: a ban on a range holds for an
// address in it that has a captcha of its own.
func (s *state) strongest(ip netip.Addr) (Decision, bool) {
	best := winner{late: s.tick.late.Load()}
	host := hostPrefix(ip)
	if !s.ranges.Contains(ip) {
		// Only the address itself can be listed, and then the longest prefix is
		// all there is. Lookup finds it in half the time that a walk takes.
		if slot, ok := s.tree.Lookup(ip); ok && !isPlace(host) {
			best.consider(s, host, slot)
		}
	} else {
		for p, slot := range s.tree.Supernets(host) {
			if !isPlace(p) {
				best.consider(s, p, slot)
			}
		}
	}
	return best.decision(s)
}

// A winner is the best decision of those considered.
type winner struct {
	late   int64 // what ends after this is in force
	now    int64 // 0: nobody had to look yet
	record *record
	action Action
	prefix netip.Prefix
	since  int64 // when the last of those with this action began
}

func (w *winner) consider(s *state, p netip.Prefix, slot uint32) {
	for {
		r := s.at(slot)
		if r.until > w.late || r.until > w.clock(s) {
			a := s.kinds[r.kind].action
			since := r.since
			if a == w.action {
				since = max(since, w.since)
			}
			if w.record == nil || a > w.action || a == w.action && r.until > w.record.until {
				w.record, w.action, w.prefix = r, a, p
			}
			if a == w.action {
				w.since = since
			}
		}
		if r.next == 0 {
			return
		}
		slot = r.next - 1
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
func (w *winner) decision(s *state) (Decision, bool) {
	if w.record == nil {
		return Decision{}, false
	}
	d := s.decision(w.prefix, w.record)
	d.Since = s.epoch.time(w.since)
	return d, true
}

func (s *state) decision(p netip.Prefix, r *record) Decision {
	k := &s.kinds[r.kind]
	d := Decision{
		Prefix: p, Action: k.action,
		Source: k.source, Origin: k.origin, Reason: k.reason,
		Since: s.epoch.time(r.since),
	}
	if r.until != never {
		d.Until = s.epoch.time(r.until)
	}
	if d.Country, d.AS = place(p); d.Country != "" || d.AS != 0 {
		d.Prefix = netip.Prefix{}
	}
	return d
}

func hostPrefix(ip netip.Addr) netip.Prefix {
	return netip.PrefixFrom(ip, ip.BitLen())
}
