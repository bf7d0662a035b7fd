package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

const (
	page     = 5000
	maxDelta = 50_000 // changes; a reader that missed more gets the whole list
	// A reader that missed more than this takes a turn: unlike the whole list, its answer is
	// made for it alone.
	maxShort = page
)

// A move is the change of a unit since a reader's last poll. The reader may have to remove or
// replace the unit.
type move struct {
	community.Listing
	was consensus.Remediation
}

// A delta has the changes for a reader.
type delta struct {
	seq   uint64
	moves []move // in the order in which units moved first
	whole bool   // too many changes, or unknown ones: the reader needs the whole list
}

// missed returns the changes since a reader's last request. A new reader gets the whole list.
func (h *Handler) missed(ctx context.Context, reader string, t *turn) (delta, error) {
	after, ok, err := h.centre.CursorOf(ctx, reader)
	if err != nil || !ok {
		return delta{whole: true}, err
	}
	return h.since(ctx, after, t)
}

// noteRead notes that a reader has the changes up to a number. If that fails, the reader gets
// them again.
func (h *Handler) noteRead(r *http.Request, reader string, upto uint64) {
	if err := h.centre.Read(r.Context(), reader, upto); err != nil && r.Context().Err() == nil {
		h.cfg.Log.Warn("noting what a reader has got", zap.Error(err))
	}
}

// since returns the changes after a number.
func (h *Handler) since(ctx context.Context, after uint64, t *turn) (delta, error) {
	if last := seqOf(h.centre.List()); after < last && last-after > maxShort {
		if err := t.take(); err != nil {
			return delta{}, err
		}
	}
	d := delta{seq: after}
	at := make(map[consensus.Unit]int)
	for read := 0; ; {
		changes, err := h.centre.Changes(ctx, d.seq, page)
		if errors.Is(err, community.ErrNotFound) {
			return delta{whole: true}, nil
		}
		if err != nil {
			return delta{}, err
		}
		for i := range changes {
			c := &changes[i]
			if n, ok := at[c.Unit]; ok {
				d.moves[n].Listing = c.Listing
			} else {
				at[c.Unit] = len(d.moves)
				d.moves = append(d.moves, move{c.Listing, c.Was})
			}
			d.seq = c.Seq
		}
		read += len(changes)
		switch {
		case len(changes) < page:
			return d, nil
		case read >= maxDelta:
			return delta{whole: true}, nil
		}
	}
}

// enforced returns the action of all members for a unit. Entries of optional lists apply only
// to members that ask for these lists.
func enforced(l *community.Listing, now time.Time) consensus.Remediation {
	if l.List != consensus.MainList || !l.Until.After(now) {
		return consensus.Allow
	}
	return l.Action
}
