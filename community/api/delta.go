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
)

// A move is what became of a unit while a reader was away. The reader may have had it, and has
// it no more or in another way.
type move struct {
	community.Listing
	was consensus.Remediation
}

// A delta is what changed for a reader.
type delta struct {
	seq   uint64
	moves []move // in the order in which units moved first
	whole bool   // too much has changed, or nobody knows what: the reader needs the whole list
}

// missed returns what changed since a reader asked the last time. Who never did gets the whole
// list.
func (h *Handler) missed(ctx context.Context, reader string) (delta, error) {
	after, ok, err := h.centre.CursorOf(ctx, reader)
	if err != nil || !ok {
		return delta{whole: true}, err
	}
	return h.since(ctx, after)
}

// noteRead notes that a reader has got what changed up to a number. If that fails, the reader
// gets it once more.
func (h *Handler) noteRead(r *http.Request, reader string, upto uint64) {
	if err := h.centre.Read(r.Context(), reader, upto); err != nil && r.Context().Err() == nil {
		h.cfg.Log.Warn("noting what a reader has got", zap.Error(err))
	}
}

// since returns what changed after a number.
func (h *Handler) since(ctx context.Context, after uint64) (delta, error) {
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

// enforced returns what all members do with a unit. Entries of other lists than the main one
// are for those that ask for them.
func enforced(l *community.Listing, now time.Time) consensus.Remediation {
	if l.List != consensus.MainList || !l.Until.After(now) {
		return consensus.Allow
	}
	return l.Action
}
