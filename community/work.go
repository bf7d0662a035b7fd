package community

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/consensus"
)

// A work is one transaction that judges units. It also changes the state in memory, and undoes
// that if it fails.
type work struct {
	Tx
	c   *Centre
	now time.Time

	standing   *standings
	freezing   Freezing
	newMembers bool
	undo       []replaced

	records   []*Record // written records
	seq       uint64    // of the latest change; 0: none
	additions *additions
	removals  []Removal // must survive the restore of a backup
	tripped   bool      // the centre's own brake
}

// A replaced is a change of the reporters of a unit.
type replaced struct {
	unit   consensus.Unit
	before consensus.Reporting
}

// update calls f in a transaction. One update runs at a time; a caller waits for its turn
// until ctx ends.
func (c *Centre) update(ctx context.Context, what string, f func(w *work) error) error {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%s: waiting for the turn: %w", what, ctx.Err())
	}
	return c.write(ctx, what, f)
}

// write calls f in a transaction. The caller has the turn.
func (c *Centre) write(ctx context.Context, what string, f func(w *work) error) error {
	var w *work
	kept := false
	defer func() {
		if w != nil && !kept {
			w.rollBack()
		}
	}()
	err := c.cfg.Store.Update(ctx, func(tx Tx) error {
		if w != nil {
			w.rollBack() // the store calls again
		}
		if err := c.follow(tx); err != nil {
			return err
		}
		w = &work{Tx: tx, c: c, now: c.now(), standing: c.state.standing.Load(), freezing: *c.state.freezing.Load()}
		if err := w.found(); err != nil {
			return err
		}
		if err := f(w); err != nil {
			return err
		}
		return w.finish()
	})
	if err != nil {
		return doing(what, err)
	}
	kept = true
	w.keep()
	c.noteRemovals(w.removals...)
	return nil
}

// view calls f with a consistent state of the store.
func (c *Centre) view(ctx context.Context, what string, f func(tx ReadTx) error) error {
	return doing(what, c.cfg.Store.View(ctx, f))
}

// doing adds to an error what the centre was doing.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// found notes the start of the community.
func (w *work) found() error {
	if !w.c.state.founded.Load().IsZero() {
		return nil
	}
	if err := putJSON(w.Tx, settingFounded, w.now); err != nil {
		return err
	}
	w.c.state.founded.Store(&w.now) // read again by the next follow
	return nil
}

// finish writes the collected changes of the transaction.
func (w *work) finish() error {
	if w.newMembers {
		if err := putJSON(w.Tx, settingMembers, w.standing.revision+1); err != nil {
			return err
		}
	}
	if w.additions != nil {
		return putJSON(w.Tx, settingAdditions, w.additions)
	}
	return nil
}

// rollBack restores the state in memory from before the transaction.
func (w *work) rollBack() {
	for _, u := range slices.Backward(w.undo) {
		w.c.state.replace(u.unit, u.before)
	}
	w.undo = nil
}

// keep applies what the transaction wrote.
func (w *work) keep() {
	// The transaction has already replaced reporters. Restore the previous ones first, so that
	// everything that depends on a record changes together.
	w.rollBack()
	listings := make([]Listing, 0, len(w.records))
	for _, r := range w.records {
		w.c.state.learn(r)
		w.c.watch.learn(r)
		listings = append(listings, listingOf(r))
	}
	if w.newMembers {
		s := *w.standing
		s.revision++
		w.c.state.standing.Store(&s)
	}
	w.c.state.freezing.Store(&w.freezing)
	w.c.board.put(listings, w.seq, w.now)
	if w.tripped {
		w.c.cfg.Log.Error("so many new listings in an hour that a moderator has to look: nothing is added until then", zap.String("reason", w.freezing.Reason))
	}
}

// replace sets the reporters of a unit, and remembers the previous ones for rollBack.
func (w *work) replace(unit consensus.Unit, after consensus.Reporting) {
	w.undo = append(w.undo, replaced{unit, w.c.state.replace(unit, after)})
}

// putMember replaces members. Their standings count from now on, also in this transaction.
func (w *work) putMembers(members ...Member) error {
	for _, m := range members {
		if err := w.PutMember(m); err != nil {
			return err
		}
	}
	return w.rereadMembers()
}

func (w *work) rereadMembers() error {
	s, err := w.c.readStandings(w.Tx, w.standing.revision)
	if err != nil {
		return err
	}
	w.standing, w.newMembers = s, true
	return nil
}

// audit writes a line of the audit log.
func (w *work) audit(actor, action, target, detail string) error {
	_, err := w.AppendAudit(Entry{At: w.now, Actor: actor, Action: action, Target: target, Detail: detail})
	return err
}
