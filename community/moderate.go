package community

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A Membership is an account, for a moderator.
type Membership struct {
	Account  Account // without its secrets
	ID       string  // its keyed hash, in hexadecimal
	Standing Standing
}

// Members returns all accounts.
func (c *Centre) Members(ctx context.Context, actor string) (all []Membership, err error) {
	accounts, err := c.cfg.Accounts.All(ctx)
	if err != nil {
		return nil, doing("reading accounts", err)
	}
	err = c.update(ctx, "reading members", func(w *work) error {
		if all, err = w.memberships(accounts); err != nil {
			return err
		}
		return w.audit(actor, "members.read", "", "")
	})
	return all, err
}

func (w *work) memberships(accounts []Account) (all []Membership, err error) {
	volumes, err := w.Volumes(w.now.Add(-w.c.cfg.Retention.Reports), w.now.Add(time.Second), 0)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		a.Secret, a.Key = nil, nil
		id := w.c.memberID(a.Login)
		m := Membership{Account: a, ID: showID(id)}
		if s, known := w.standing.of[id]; known {
			m.Standing = Standing{
				State: s.State, Established: w.c.established(s), Trust: s.Trust,
				Reports: volumes[id].Reports, Confirmed: volumes[id].Corroborated,
			}
			if s.State == consensus.Quarantined {
				why, err := w.c.diagnose(w.Tx, id, w.now)
				if err != nil {
					return nil, err
				}
				m.Standing.Why = []string{why}
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// Suspend suspends an account, or ends the suspension.
func (c *Centre) Suspend(ctx context.Context, actor, login string, on bool, reason string) error {
	action := "member.restore"
	if on {
		action = "member.suspend"
	}
	return c.changeMember(ctx, actor, action, login, reason, func(a *Account) error {
		a.Suspended = on
		return nil
	})
}

// Vouch sets whether the operator of the centre vouches for a member. Nobody can vouch for a
// suspended one: it would stay suspended, and nobody would notice.
func (c *Centre) Vouch(ctx context.Context, actor, login string, on bool, reason string) error {
	action := "member.unvouch"
	if on {
		action = "member.vouch"
	}
	return c.changeMember(ctx, actor, action, login, reason, func(a *Account) error {
		if on && a.Suspended {
			return invalid("%s is suspended: end that first, as with tocsin community member %[1]s active", login)
		}
		a.Vouched = on
		return nil
	})
}

// changeMember changes an account. Its standing changes at once.
func (c *Centre) changeMember(ctx context.Context, actor, action, login, reason string, change func(*Account) error) error {
	err := c.cfg.Accounts.Change(ctx, login, change)
	if err != nil {
		return doing("changing an account", err)
	}
	err = c.update(ctx, "changing a member", func(w *work) error {
		return w.audit(actor, action, showID(c.memberID(login)), cut(reason, maxText))
	})
	if err != nil {
		return err
	}
	return c.renewStandings(ctx)
}

// NewKey gives an account a new API key. Its old key and its password become invalid.
func (c *Centre) NewKey(ctx context.Context, actor, login string) (key string, err error) {
	if _, err := c.account(ctx, login); err != nil {
		return "", doing("reading an account", err)
	}
	return c.renewKey(ctx, actor, login)
}

// Void voids all reports of a member, with a scenario's hash, or with both, and judges their
// units again. It returns the number of units.
func (c *Centre) Void(ctx context.Context, actor, login, hash, reason string) (n int, err error) {
	var id consensus.MemberID
	if login != "" {
		a, err := c.account(ctx, login)
		if err != nil {
			return 0, doing("reading an account", err)
		}
		id = c.memberID(a.Login)
	}
	if id == 0 && hash == "" {
		return 0, invalid("neither a member nor the hash of a scenario: name one")
	}
	if hash != "" && !isHash(hash) {
		return 0, invalid("hash of a scenario: want a SHA-256 in lower-case hexadecimal")
	}
	var units []consensus.Unit
	err = c.update(ctx, "taking reports back", func(w *work) (err error) {
		if units, err = w.Tx.Void(id, hash); err != nil {
			return err
		}
		who := ""
		if id != 0 {
			who = showID(id)
		}
		return w.audit(actor, "reports.void", who, fmt.Sprintf("scenario %q, %d units: %s", hash, len(units), cut(reason, maxText)))
	})
	if err != nil {
		return 0, err
	}
	return len(units), c.judgeAll(ctx, units)
}

// A Freezing says since when and why the list gets no additions.
type Freezing struct {
	On     bool      `json:"on"`
	By     string    `json:"by"` // "centre": its own brake
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Frozen returns whether additions wait, and why.
func (c *Centre) Frozen() Freezing { return *c.state.freezing.Load() }

// Freeze stops or allows additions to the list. Deletions continue. When additions are allowed
// again, waiting units enter the list if they are still in a listed tier.
func (c *Centre) Freeze(ctx context.Context, actor string, on bool, reason string) error {
	err := c.update(ctx, "stopping or allowing additions", func(w *work) error {
		if !on {
			// A moderator who allows additions has checked those of this hour.
			if err := w.countAnew(); err != nil {
				return err
			}
		}
		return w.freeze(actor, on, cut(reason, maxText))
	})
	if err != nil || on {
		return err
	}
	return c.addHeld(ctx)
}

// addHeld adds the units that had to wait.
func (c *Centre) addHeld(ctx context.Context) error {
	var held []consensus.Unit
	now := c.now()
	err := c.view(ctx, "reading what had to wait", func(tx ReadTx) error {
		held = nil
		for r, err := range tx.Records() {
			if err != nil {
				return err
			}
			if r.Verdict.Remediation > r.Listed.Action && r.Verdict.Expires.After(now) {
				held = append(held, r.Unit)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.judgeAll(ctx, held)
}

// Rollback freezes the list and removes all units added since a time. It returns their number.
// Units that were removed since then stay removed.
func (c *Centre) Rollback(ctx context.Context, actor string, to time.Time, reason string) (n int, err error) {
	if reason = cut(reason, maxText); reason == "" {
		return 0, invalid("a rollback without a reason: say why")
	}
	var units []consensus.Unit
	err = c.update(ctx, "rolling the list back", func(w *work) (err error) {
		if units, err = w.addedSince(to); err != nil {
			return err
		}
		if err := w.freeze(actor, true, reason); err != nil {
			return err
		}
		for _, unit := range units {
			if err := w.hold(unit); err != nil {
				return err
			}
		}
		return w.audit(actor, "list.rollback", "", fmt.Sprintf("to %s, %d units: %s", to.UTC().Format(time.RFC3339), len(units), reason))
	})
	return len(units), err
}

// addedSince returns the units that are on the list now, but were not at a time.
func (w *work) addedSince(to time.Time) (units []consensus.Unit, err error) {
	for _, e := range w.c.board.snapshot().byUnit {
		r, err := w.Record(e.Unit)
		if err != nil {
			return nil, err
		}
		if r.Verdict.Next.Since.After(to) {
			units = append(units, e.Unit)
		}
	}
	return units, nil
}

// hold removes a unit from the list until additions are allowed again.
func (w *work) hold(unit consensus.Unit) error {
	r, err := w.Record(unit)
	if err != nil || r.Listed.Action == consensus.Allow {
		return err
	}
	was := r.Listed.Action
	r.Listed = Listing{Unit: unit}
	seq, err := w.AppendChange(Change{At: w.now, Listing: r.Listed, Was: was})
	if err != nil {
		return err
	}
	w.seq = max(w.seq, seq)
	w.replace(unit, r.Reporters)
	w.records = append(w.records, &r)
	return w.PutRecord(r)
}

// Delist removes a unit from the list, as an appeal does.
func (c *Centre) Delist(ctx context.Context, actor string, unit consensus.Unit, reason string) error {
	unit, err := unitOf(unit)
	if err != nil {
		return invalid("%w", err)
	}
	return c.update(ctx, "taking a unit off the list", func(w *work) error {
		was, err := w.suspendListing(unit)
		if err != nil {
			return err
		}
		if !was {
			return ErrNotFound
		}
		return w.audit(actor, "unit.delist", consensus.UnitText(unit), cut(reason, maxText))
	})
}

// DelistOf removes all units from the list that a member or its cluster reports.
func (c *Centre) DelistOf(ctx context.Context, actor, login, reason string) (n int, err error) {
	if _, err := c.account(ctx, login); err != nil {
		return 0, doing("reading an account", err)
	}
	id := c.memberID(login)
	err = c.update(ctx, "taking units of a member off the list", func(w *work) error {
		n = 0
		cluster := w.standing.of[id].Cluster
		var units []consensus.Unit
		for unit := range c.state.listedBy[cluster] {
			units = append(units, unit)
		}
		slices.SortFunc(units, compareUnits)
		for _, unit := range units {
			was, err := w.suspendListing(unit)
			if err != nil {
				return err
			}
			if was {
				n++
			}
		}
		return w.audit(actor, "member.delist", showID(id), fmt.Sprintf("%d units: %s", n, cut(reason, maxText)))
	})
	return n, err
}
