package community

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/consensus"
)

// renewStandings computes the standings of all members from their accounts and reports. It
// judges again the units reported by members whose weight fell.
func (c *Centre) renewStandings(ctx context.Context) error {
	accounts, err := c.cfg.Accounts.All(ctx)
	if err != nil {
		return doing("reading accounts", err)
	}
	var lower []fallen
	err = c.update(ctx, "renewing standings", func(w *work) (err error) {
		lower, err = w.renewStandings(accounts)
		return err
	})
	if err != nil {
		return err
	}
	return c.rejudge(ctx, lower)
}

// A fallen is a member whose weight fell, or whose vote is now another.
type fallen struct {
	id    consensus.MemberID
	moved bool // into another cluster: the brake has to count its reports again
}

// renewStandings returns the members whose weight fell.
func (w *work) renewStandings(accounts []Account) (lower []fallen, err error) {
	if err := w.syncMembers(accounts); err != nil {
		return nil, err
	}
	history, err := w.history()
	if err != nil {
		return nil, err
	}
	old := w.standing.of
	fresh := consensus.Standings(w.now, w.c.cfg.Rules, history)
	var changed []Member
	for _, h := range history.Members {
		if h.Left {
			continue
		}
		m, s := w.standing.members[h.ID], fresh[h.ID]
		if w.c.fell(old[h.ID], s) {
			counted := w.c.established(old[h.ID]) || w.c.established(s) // only then the brake counts it
			lower = append(lower, fallen{h.ID, counted && w.c.moved(old[h.ID], s)})
		}
		if err := w.noteQuarantine(old[h.ID], s, h); err != nil {
			return nil, err
		}
		if m.Standing != s {
			m.Standing = s
			changed = append(changed, m)
		}
	}
	if len(changed) == 0 {
		return lower, nil
	}
	return lower, w.putMembers(changed...)
}

// syncMembers updates the members in the store from the accounts.
func (w *work) syncMembers(accounts []Account) error {
	var changed []Member
	there := map[consensus.MemberID]bool{}
	for i := range accounts {
		a := &accounts[i]
		if a.Role != Reporter {
			continue
		}
		id := w.c.memberID(a.Login)
		there[id] = true
		known := w.standing.members[id]
		if m := w.c.member(a, known); !sameMember(m, known) {
			changed = append(changed, m)
		}
	}
	gone := false
	for id := range w.standing.members {
		if !there[id] {
			gone = true
			if err := w.DeleteMember(id); err != nil {
				return err
			}
		}
	}
	if len(changed) == 0 && !gone {
		return nil
	}
	return w.putMembers(changed...)
}

// history returns the data by which members are judged.
func (w *work) history() (h consensus.History, err error) {
	today, err := w.Volumes(w.now.Add(-day), w.now.Add(time.Second), 0)
	if err != nil {
		return h, err
	}
	before, err := w.Volumes(w.now.Add(-2*day), w.now.Add(-day), 0)
	if err != nil {
		return h, err
	}
	for _, m := range w.standing.members {
		h.Members = append(h.Members, m.history(today[m.ID], before[m.ID]))
	}
	slices.SortFunc(h.Members, func(a, b consensus.Member) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	if h.Credits, err = w.Credits(); err != nil {
		return h, err
	}
	if h.Faults, err = w.Faults(); err != nil {
		return h, err
	}
	for i := range h.Faults {
		f := &h.Faults[i]
		// Only people at a service can have the address erased: nobody is at a canary.
		f.Service = f.Hit && (!f.Unit.IsValid() || !w.c.cfg.Classes.Class(f.Unit).Canary)
	}
	return h, nil
}

// noticeable is the loss of trust from which on listings are judged again at once. Smaller
// losses count at the next report.
const noticeable consensus.Micro = 50_000

// fell reports whether a member's weight fell, or now counts together with others.
func (c *Centre) fell(was, is consensus.Standing) bool {
	return c.established(was) && !c.established(is) || was.State <= consensus.Vouched && is.State > consensus.Vouched ||
		was.Trust-is.Trust >= noticeable || c.moved(was, is)
}

// moved reports whether a member is in another cluster than before.
func (c *Centre) moved(was, is consensus.Standing) bool {
	return was.Cluster != is.Cluster && was.Cluster != 0
}

// maxRejudge is the limit of a member's units that are judged again, and judgedAtOnce the
// limit for one transaction.
const (
	maxRejudge   = 20_000
	judgedAtOnce = 200
)

// rejudge judges units again that are in a tier and that these members report. Of members in
// another cluster it judges all, because the brake counts by cluster: liars could otherwise move
// their servers, and it would forget what they reported together.
func (c *Centre) rejudge(ctx context.Context, members []fallen) error {
	for _, m := range members {
		var units []consensus.Unit
		err := c.view(ctx, "reading what a member reports", func(tx ReadTx) error {
			reports, err := tx.ReportsOf(m.id, maxRejudge)
			if err != nil {
				return err
			}
			units = units[:0]
			for i := range reports {
				unit := reports[i].Unit
				if _, listed := c.board.get(unit); listed || m.moved || c.watch.has(unit) {
					units = append(units, unit)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(units, compareUnits)
		if err := c.judgeAll(ctx, slices.Compact(units)); err != nil {
			return err
		}
	}
	return nil
}

// judgeAll judges units, some in each transaction, so that other writers get their turn. It
// leaves those that it cannot judge to Run.
func (c *Centre) judgeAll(ctx context.Context, units []consensus.Unit) error {
	for i := 0; i < len(units); i += judgedAtOnce {
		some := units[i:min(i+judgedAtOnce, len(units))]
		err := c.update(ctx, "judging units again", func(w *work) error {
			for _, unit := range some {
				if _, err := w.judge(unit); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			c.later.add(units[i:])
			return err
		}
	}
	return nil
}

// noteQuarantine writes to the audit log that a quarantine begins or ends.
func (w *work) noteQuarantine(was, is consensus.Standing, m consensus.Member) error {
	if (was.State == consensus.Quarantined) == (is.State == consensus.Quarantined) {
		return nil
	}
	action := "member.quarantine"
	if is.State != consensus.Quarantined {
		action = "member.clear"
	}
	why, err := w.c.diagnose(w.Tx, m.ID, w.now)
	if err != nil {
		return err
	}
	w.c.cfg.Log.Warn("the reports of a member are set aside, or count again", zap.String("action", action), zap.String("member", showID(m.ID)), zap.String("why", why))
	return w.audit("centre", action, showID(m.ID), why)
}
