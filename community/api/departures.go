package api

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// longest is the longest duration of an entry.
const longest = 168 * time.Hour

// departures has the units that left the list before the end that readers got. A reader that
// now asks for the whole list may still have them from before.
type departures struct {
	mu    sync.Mutex
	seq   uint64 // followed up to this change
	ready bool
	told  map[kept]time.Time // the end that readers got for it
}

// A kept entry is one that a reader may still have.
type kept struct {
	unit consensus.Unit
	as   consensus.Remediation
}

// departed returns the entries that readers may have but that are not in list.
func (h *Handler) departed(ctx context.Context, list *community.List, now time.Time) ([]kept, error) {
	d := &h.gone
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := h.followLocked(ctx, d, now); err != nil {
		return nil, err
	}
	maps.DeleteFunc(d.told, func(_ kept, until time.Time) bool { return !until.After(now) })
	var out []kept
	for k := range d.told {
		l, ok := list.Get(k.unit)
		if !ok || enforced(&l, now) != k.as {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b kept) int { return a.unit.Addr().Compare(b.unit.Addr()) })
	return out, nil
}

// followLocked reads the changes since its last call; the first call reads those of the longest
// duration of an entry.
func (h *Handler) followLocked(ctx context.Context, d *departures, now time.Time) error {
	if !d.ready {
		d.told = make(map[kept]time.Time)
		seq, err := h.changeBefore(ctx, now.Add(-longest))
		if err != nil {
			return err
		}
		d.seq, d.ready = seq, true
	}
	for {
		changes, err := h.centre.Changes(ctx, d.seq, page)
		if errors.Is(err, community.ErrNotFound) {
			d.ready = false // another database: start anew at the next call
			return nil
		}
		if err != nil {
			return err
		}
		for i := range changes {
			c := &changes[i]
			if as := enforced(&c.Listing, now); as != consensus.Allow {
				d.told[kept{c.Unit, as}] = c.Until
			}
			d.seq = c.Seq
		}
		if len(changes) < page {
			return nil
		}
	}
}

// changeBefore returns the number of the last change before a time, or of the last deleted
// change.
func (h *Handler) changeBefore(ctx context.Context, t time.Time) (uint64, error) {
	low, high := uint64(0), seqOf(h.centre.List())
	for low < high {
		middle := low + (high-low)/2
		changes, err := h.centre.Changes(ctx, middle, 1)
		switch {
		case errors.Is(err, community.ErrNotFound):
			low = middle + 1
		case err != nil:
			return 0, err
		case len(changes) > 0 && changes[0].At.Before(t):
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, nil
}
