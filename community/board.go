package community

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A List is an immutable snapshot of the list. nil is an empty list.
type List struct {
	Seq     uint64    // of the latest change in it
	At      time.Time // of that change
	Entries []Listing // the most certain first

	byUnit []Listing
}

// NewList returns a list of these entries, in any order.
func NewList(seq uint64, at time.Time, entries []Listing) *List {
	l := &List{Seq: seq, At: at, Entries: slices.Clone(entries), byUnit: slices.Clone(entries)}
	slices.SortFunc(l.Entries, bySurety)
	slices.SortFunc(l.byUnit, byUnit)
	return l
}

// Get returns the entry of a unit.
func (l *List) Get(unit consensus.Unit) (Listing, bool) {
	if l == nil {
		return Listing{}, false
	}
	i, found := slices.BinarySearchFunc(l.byUnit, unit, func(e Listing, u consensus.Unit) int { return compareUnits(e.Unit, u) })
	if !found {
		return Listing{}, false
	}
	return l.byUnit[i], true
}

func compareUnits(a, b consensus.Unit) int { return a.Compare(b) }

func byUnit(a, b Listing) int { return compareUnits(a.Unit, b.Unit) }

func bySurety(a, b Listing) int { return cmp.Or(cmp.Compare(b.Surety, a.Surety), byUnit(a, b)) }

// A board holds the list in memory, and makes a [List] of it on request.
type board struct {
	mu      sync.Mutex
	listed  map[consensus.Unit]Listing
	changed map[consensus.Unit]bool // since list was made
	list    *List
	seq     uint64
	at      time.Time
	more    chan struct{} // closed at the next change
}

func newBoard() *board {
	return &board{listed: map[consensus.Unit]Listing{}, changed: map[consensus.Unit]bool{}, list: &List{}, more: make(chan struct{})}
}

// put replaces entries, and sets the number of the latest change in the list.
func (b *board) put(entries []Listing, seq uint64, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		was, is := b.listed[e.Unit]
		switch {
		case e.Action == consensus.Allow && is:
			delete(b.listed, e.Unit)
		case e.Action != consensus.Allow && was != e:
			b.listed[e.Unit] = e
		default:
			continue
		}
		b.changed[e.Unit] = true
	}
	if seq > b.seq {
		b.seq, b.at = seq, at
		close(b.more)
		b.more = make(chan struct{})
	}
}

func (b *board) get(unit consensus.Unit) (Listing, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, found := b.listed[unit]
	return l, found
}

// snapshot returns the list as it is now.
func (b *board) snapshot() *List {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.changed) > 0 {
		var gone, fresh []Listing
		for unit := range b.changed {
			if e, found := b.list.Get(unit); found {
				gone = append(gone, e)
			}
			if e, found := b.listed[unit]; found {
				fresh = append(fresh, e)
			}
		}
		b.list = &List{Entries: splice(b.list.Entries, gone, fresh, bySurety), byUnit: splice(b.list.byUnit, gone, fresh, byUnit)}
		clear(b.changed)
	}
	if b.list.Seq != b.seq {
		b.list = &List{Seq: b.seq, At: b.at, Entries: b.list.Entries, byUnit: b.list.byUnit}
	}
	return b.list
}

// splice returns old, which is sorted, without the removed entries and with the fresh ones.
func splice(old, gone, fresh []Listing, compare func(a, b Listing) int) []Listing {
	slices.SortFunc(gone, compare)
	slices.SortFunc(fresh, compare)
	spliced := make([]Listing, 0, len(old)-len(gone)+len(fresh))
	for len(gone)+len(fresh) > 0 {
		takeOut := len(fresh) == 0 || len(gone) > 0 && compare(gone[0], fresh[0]) <= 0
		var next Listing
		if takeOut {
			next, gone = gone[0], gone[1:]
		} else {
			next, fresh = fresh[0], fresh[1:]
		}
		at, _ := slices.BinarySearchFunc(old, next, compare)
		spliced, old = append(spliced, old[:at]...), old[at:]
		if takeOut {
			old = old[1:]
		} else {
			spliced = append(spliced, next)
		}
	}
	return append(spliced, old...)
}

// List returns the list as it is now.
func (c *Centre) List() *List { return c.board.snapshot() }

// Changes returns at most limit changes with a number above after. ErrNotFound: the reader
// needs the whole list.
func (c *Centre) Changes(ctx context.Context, after uint64, limit int) (changes []Change, err error) {
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		changes, err = tx.Changes(after, limit)
		return err
	})
	return changes, doing("reading changes of the list", err)
}

// Wait returns when the list has a change with a number above after, or when ctx ends, with
// its error.
func (c *Centre) Wait(ctx context.Context, after uint64) error {
	for {
		c.board.mu.Lock()
		seq, more := c.board.seq, c.board.more
		c.board.mu.Unlock()
		if seq > after {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
