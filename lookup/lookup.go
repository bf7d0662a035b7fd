// Package lookup answers one question about an IP address: is there a
// decision against it?
//
// A [Table] holds decisions about addresses and ranges, from any number of
// sources. A lookup takes no lock and makes no garbage, so it can stand in
// front of every request. Changes come in batches, and a reader sees a batch
// whole or not at all.
//
// # Which decision wins
//
// Several decisions can hold for one address, such as a ban on its range and a
// captcha on the address itself. The stronger [Action] wins; between equals, the
// decision that ends last. A decision that has ended does not count, even if no
// source removed it.
//
// # Identity
//
// A decision is identified by its source, its subject (a prefix or a place) and its
// action. A repeated announcement moves its end and keeps its start. A deletion
// leaves the decisions of other sources and other actions in force.
//
// # Addresses
//
// An IPv4 address may arrive as IPv4, mapped into IPv6, or in the IPv6 form of a
// translator; all forms find the same decisions. Addresses of tunnels also find those
// of the IPv4 address inside: see [Table.Lookup]. Zones are ignored. The zero
// [netip.Addr] has no decisions.
package lookup

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// A Table holds decisions of any number of sources and finds them by address.
// The zero Table is empty and ready to use. It is safe for use by many
// goroutines and must not be copied.
//
// Readers work on an immutable state behind a pointer and never wait. Writers
// wait for one another; a change of n decisions takes microseconds for each,
// whatever the table's size, unless its batch goes [Batch.Gently] about it. A
// decision costs about 37 bytes. Its clock is the monotonic one: ends are kept whatever
// happens to the time of day.
type Table struct {
	_ noCopy

	cur   atomic.Pointer[state] // for readers; never changed once stored
	nat64 *NAT64

	mu    wlock           // one writer at a time
	index map[kind]uint32 // where a kind stands in the current state's kinds
	refs  []int           // how many records there are of each of them
}

// Lookup returns the decision in force for ip, and whether there is one. For an address
// of 6to4, Teredo or ISATAP, decisions about the IPv4 address inside count too. It does
// not allocate.
func (t *Table) Lookup(ip netip.Addr) (d Decision, found bool) {
	s := t.cur.Load()
	if s == nil {
		return d, false
	}
	var w winner
	if t.nat64 == nil && ip.Is4() {
		w.cover4(s, number4(ip)) // the usual case
	} else {
		t.strongest(s, ip, &w)
	}
	if !w.found() {
		return d, false
	}
	w.fill(s, &d)
	return d, true
}

// strongest considers all decisions about ip.
func (t *Table) strongest(s *state, ip netip.Addr, w *winner) {
	if t.nat64 == nil && ip.Is6() {
		if hi, lo := halves(ip); isPlain(hi, lo) {
			w.cover6(s, hi, lo, -1)
			return
		}
	}
	ip = t.nat64.Normalize(ip)
	w.cover(s, ip, -1)
	if w.action(s) != Ban && t.isElsewhere(ip) {
		w.elsewhere(t, s, ip)
	}
}

// Covering returns all decisions in force for ip. The winning one comes first.
func (t *Table) Covering(ip netip.Addr) []Decision {
	s, ip := t.cur.Load(), t.nat64.Normalize(ip)
	if s == nil || !ip.IsValid() {
		return nil
	}
	var all []Decision
	now := s.epoch.now()
	add := func(ip netip.Addr, over int) {
		s.covering(ip, over, func(p netip.Prefix, r record) {
			if r.until > now {
				all = append(all, s.decision(p, r))
			}
		})
	}
	add(ip, -1)
	t.elsewhere(ip, add)
	sortStrongest(all)
	return all
}

// All returns the decisions in force at the time of the call, in no fixed
// order. The table may change meanwhile.
func (t *Table) All() iter.Seq[Decision] {
	s := t.cur.Load()
	if s == nil {
		return func(func(Decision) bool) {}
	}
	now := s.epoch.now()
	return func(yield func(Decision) bool) {
		for p, r := range s.all() {
			if r.until > now && !yield(s.decision(p, r)) {
				return
			}
		}
	}
}

// Len returns the number of decisions, including expired ones that were not freed yet.
func (t *Table) Len() int {
	n := 0
	for _, g := range t.groups() {
		n += g.Decisions
	}
	return n
}

// Count returns how many of them are of source.
func (t *Table) Count(source string) int {
	n := 0
	for _, g := range t.groups() {
		if g.Source == source {
			n += g.Decisions
		}
	}
	return n
}

// Version returns a number that grows with every change of the table.
func (t *Table) Version() uint64 {
	if s := t.cur.Load(); s != nil {
		return s.version
	}
	return 0
}

// Replace replaces all decisions of source. It ignores Since and Source of the
// elements: see [Batch.Add].
func (t *Table) Replace(source string, all []Decision) Change {
	b := t.Batch(source)
	for i := range all {
		b.Add(all[i])
	}
	return b.Replace()
}

// Update removes the decisions in remove and then announces those in add, all of
// source. See [Batch.Add] and [Batch.Remove].
func (t *Table) Update(source string, add, remove []Decision) Change {
	b := t.Batch(source)
	for i := range remove {
		b.Remove(remove[i])
	}
	for i := range add {
		b.Add(add[i])
	}
	return b.Update()
}

// Expire frees the decisions that have ended by now and returns their number. It never
// changes the results of Lookup.
func (t *Table) Expire(now time.Time) int {
	return t.removeIf(func(s *state) func(record) bool {
		at := s.epoch.nanos(now)
		return func(r record) bool { return r.until <= at }
	})
}

// Forget removes the decisions of all sources with the target of d and any action, and
// returns their number. A source that still has one announces it again when it is next
// read in full.
func (t *Table) Forget(d Decision) int {
	p, ok := d.target()
	t.mu.Lock()
	defer t.mu.Unlock()
	draft := t.draftLocked()
	if ok {
		draft.removeAll(p)
	}
	draft.publish()
	return draft.change.Removed
}

// Keep removes the decisions of all other sources.
func (t *Table) Keep(sources ...string) {
	t.removeIf(func(s *state) func(record) bool {
		return func(r record) bool { return !slices.Contains(sources, s.kinds[r.kind].source) }
	})
}

// Clone returns an independent table with the same decisions. The two share memory
// until they change, so it costs almost nothing.
func (t *Table) Clone() *Table {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &Table{refs: slices.Clone(t.refs), index: maps.Clone(t.index), nat64: t.nat64}
	if s := t.cur.Load(); s != nil {
		own := *s
		// Both tables append kinds from now on: not into the same array.
		own.kinds, own.groupOf = slices.Clip(s.kinds), slices.Clip(s.groupOf)
		c.cur.Store(&own)
	}
	return c
}

// removeIf removes what gone picks of a state and returns the number of decisions.
func (t *Table) removeIf(gone func(*state) func(record) bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.draftLocked()
	pick := gone(&d.state)
	d.removeIf(func(r record, _ bool) bool { return pick(r) })
	d.publish()
	return d.change.Removed
}

// sortStrongest sorts decisions, the winning one first.
func sortStrongest(all []Decision) {
	slices.SortStableFunc(all, func(a, b Decision) int {
		switch {
		case a.Beats(&b):
			return -1
		case b.Beats(&a):
			return 1
		}
		return 0
	})
}

// compareEnds orders ends of decisions, of which the zero time is the latest.
func compareEnds(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
