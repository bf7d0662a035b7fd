package community

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/consensus"
)

// ErrOtherSecret says that a store belongs to a centre with another secret.
var ErrOtherSecret = errors.New("the database belongs to another secret: use the file with the secret of the other servers, or that of the backup; with a different one all members are strangers")

// Prepare makes the store fit to serve, which may be the restore of an older backup. It deletes
// what has become too old, if no server has done that for more than a day, and removes again
// what [Config.Removals] says. It can take long. Call it before [Centre.Run], and serve nothing
// before it returns.
func (c *Centre) Prepare(ctx context.Context) error {
	if err := c.checkSecret(ctx); err != nil {
		return doing("comparing the secret with the database", err)
	}
	last, err := c.lastPurge(ctx)
	if err != nil {
		return err
	}
	if !last.IsZero() && c.now().Sub(last) > lateRetention {
		if err := c.doJob(ctx, job{jobRetention, day, c.purge}); err != nil {
			return err
		}
	}
	return c.removeAgain(ctx)
}

// checkSecret compares the secret with that of the first server of the database.
func (c *Centre) checkSecret(ctx context.Context) error {
	mine := hex.EncodeToString(c.Derive("check")[:8])
	var first string
	err := c.view(ctx, "reading settings", func(tx ReadTx) error { return getJSON(tx, settingSecret, &first) })
	if err == nil && first == "" {
		err = c.update(ctx, "noting the secret", func(w *work) error {
			if err := getJSON(w.Tx, settingSecret, &first); err != nil || first != "" {
				return err // another server was faster
			}
			return putJSON(w.Tx, settingSecret, mine)
		})
	}
	if err == nil && first != "" && first != mine {
		err = ErrOtherSecret
	}
	return err
}

// lastPurge returns when old data was last deleted, or when the community began; zero: it has
// not begun.
func (c *Centre) lastPurge(ctx context.Context) (at time.Time, err error) {
	err = c.view(ctx, "reading when old data was deleted", func(tx ReadTx) error {
		var last claim
		if err := getJSON(tx, jobRetention, &last); err != nil {
			return err
		}
		if at = last.Done; !at.IsZero() {
			return nil
		}
		return getJSON(tx, settingFounded, &at)
	})
	return at, err
}

// removed returns when things were removed last, by their hashes.
func (c *Centre) removed() (all map[RemovalKind]map[string]time.Time, err error) {
	all = map[RemovalKind]map[string]time.Time{}
	if c.cfg.Removals == nil {
		return all, nil
	}
	removals, err := c.cfg.Removals.All()
	for _, r := range removals {
		if all[r.What] == nil {
			all[r.What] = map[string]time.Time{}
		}
		if at := all[r.What][string(r.Hash)]; r.At.After(at) {
			all[r.What][string(r.Hash)] = r.At
		}
	}
	return all, err
}

// removeAgain removes what a restored backup has brought back.
func (c *Centre) removeAgain(ctx context.Context) error {
	all, err := c.removed()
	if err != nil || len(all) == 0 {
		return err
	}
	units, err := c.removedUnits(ctx, all)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(units, dueAtOnce) {
		err := c.update(ctx, "removing again", func(w *work) error {
			for _, unit := range some {
				if err := w.removeAgain(unit, all); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return c.removeMembers(ctx, all[RemovedMember])
}

// removedUnits returns the units that the store has data about although they were removed, at
// some time.
func (c *Centre) removedUnits(ctx context.Context, all map[RemovalKind]map[string]time.Time) (units []consensus.Unit, err error) {
	note := func(unit consensus.Unit) {
		hash := c.unitHash(unit)
		if !all[RemovedListing][string(hash)].IsZero() || !all[RemovedData][string(hash)].IsZero() {
			units = append(units, unit)
		}
	}
	err = c.view(ctx, "looking for what was removed", func(tx ReadTx) error {
		units = nil
		for r, err := range tx.Records() {
			if err != nil {
				return err
			}
			note(r.Unit)
		}
		cases, err := tx.Cases(true, maxRemoved)
		for i := range cases {
			note(cases[i].Unit)
		}
		return err
	})
	slices.SortFunc(units, compareUnits)
	return slices.Compact(units), err
}

// maxRemoved is the limit of cases that are compared with removals.
const maxRemoved = 1_000_000

// removeAgain removes a unit again, unless the store knows of its removal.
func (w *work) removeAgain(unit consensus.Unit, all map[RemovalKind]map[string]time.Time) error {
	f, err := w.c.open(w.Tx, unit)
	if err != nil {
		return err
	}
	hash := w.c.unitHash(unit)
	data, listing := all[RemovedData][string(hash)], all[RemovedListing][string(hash)]
	if f.erased.Before(data) {
		return w.erase(unit, "centre")
	}
	if !f.record.Verdict.Next.Appealed.Before(listing) || !f.erased.Before(listing) {
		return nil
	}
	if err := w.endListing(f); err != nil {
		return err
	}
	return w.audit("centre", "listing.again", consensus.UnitText(unit), "it was removed after the backup that was restored")
}

// removeMembers removes members again that left.
func (c *Centre) removeMembers(ctx context.Context, left map[string]time.Time) error {
	if len(left) == 0 {
		return nil
	}
	accounts, err := c.cfg.Accounts.All(ctx)
	if err != nil {
		return doing("reading accounts", err)
	}
	for i := range accounts {
		a := &accounts[i]
		id := c.memberID(a.Login)
		at := left[string(memberHash(id))]
		if !a.Left.IsZero() || a.Joined.After(at) {
			continue
		}
		if err := c.Leave(ctx, Caller{Login: a.Login, Role: a.Role, ID: id, Own: a.Own}); err != nil {
			return err
		}
	}
	return nil
}

func memberHash(id consensus.MemberID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// noteRemovals notes removals outside of the databases. They are done already, so a failure is
// for the operator.
func (c *Centre) noteRemovals(removals ...Removal) {
	const what = "noting what was removed"
	if c.cfg.Removals == nil || len(removals) == 0 {
		return
	}
	if err := c.cfg.Removals.Add(removals...); err != nil {
		c.health.failed(what, c.now())
		c.cfg.Log.Error("a removal is not noted: the restore of an older backup would undo it", zap.Error(err))
		return
	}
	c.health.worked(what)
}

// forgetRemovals forgets removals once a day, when no data that they are about can be left.
func (c *Centre) forgetRemovals() error {
	now := c.now()
	if c.cfg.Removals == nil || now.Sub(c.forgot) < day {
		return nil
	}
	c.forgot = now
	return c.cfg.Removals.Forget(now.Add(-max(suppression, c.cfg.Retention.Episodes)))
}
