package member

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// apply puts an answer into the table.
func (f *follower) apply(a *answer) error {
	f.complain(&a.faults)
	f.learn(a.Name, a.Explain)
	if a.Full && !f.full { // the centre gives the whole list instead of changes
		for _, c := range a.changes {
			if c.Action != lookup.None {
				a.batch.Add(c.Decision)
			}
		}
	}
	if a.Full {
		return f.applyWhole(a)
	}
	f.applyChanges(a)
	f.synced(a.Seq)
	return nil
}

// applyWhole replaces the decisions of the community. If the guard rejects the list, it only
// adds decisions.
func (f *follower) applyWhole(a *answer) error {
	if err := f.guard.check(f, a); err != nil {
		f.full = true
		a.batch.Update()
		f.counts.held.Add(1)
		return err
	}
	change := a.batch.Replace()
	f.full = false
	f.nextFull = time.Now().Add(f.cfg.Resync - rand.N(f.cfg.Resync/10)) //nolint:gosec // predicting it is useless
	level := zap.DebugLevel
	if f.Status().Synced.IsZero() {
		level = zap.InfoLevel
	}
	f.counts.wholes.Add(1)
	f.synced(a.Seq)
	f.log.Log(level, "in sync with the community", zap.String("community", f.cfg.Name), zap.Int("decisions", f.table.Count(f.cfg.Name)),
		zap.Int("added", change.Added), zap.Int("removed", change.Removed))
	return nil
}

// applyChanges applies the changes of the list.
func (f *follower) applyChanges(a *answer) {
	room := f.checker.size - f.table.Count(f.cfg.Name)
	for unit, c := range a.changes {
		for _, action := range []lookup.Action{lookup.Ban, lookup.Captcha} {
			if action != c.Action { // removing a decision with the same action would restart it, and passes would end
				a.batch.Remove(lookup.Decision{Prefix: unit, Action: action})
			}
		}
		switch {
		case c.Action == lookup.None:
		case a.batch.Added() < room || f.holds(unit):
			a.batch.Add(c.Decision)
		default:
			f.counts.faults[leftOut].Add(1)
		}
	}
	if change := a.batch.Update(); change != (lookup.Change{}) {
		f.log.Debug("decisions of the community changed", zap.Int("added", change.Added), zap.Int("removed", change.Removed))
	}
}

// complain counts the faults of an answer, and logs them if the last answer had none.
func (f *follower) complain(faults *faults) {
	for kind, n := range faults.number {
		f.counts.faults[kind].Add(n)
	}
	if faults.sum() > 0 && !f.faulty {
		f.log.Warn("the list of the community has entries that it must not have: they are not enforced",
			append(faults.fields(), zap.String("community", f.cfg.Name))...)
	}
	f.faulty = faults.sum() > 0
}

// holds reports whether a decision of the community about a unit is in force.
func (f *follower) holds(unit netip.Prefix) bool {
	return slices.ContainsFunc(f.table.Covering(unit.Addr()), func(d lookup.Decision) bool {
		return d.Source == f.cfg.Name && d.Prefix == unit
	})
}
