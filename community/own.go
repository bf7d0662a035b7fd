package community

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// An owned has the owner of an address, and the start of its membership.
type owned struct {
	member consensus.MemberID
	joined time.Time
}

// owns are the addresses of members: see [Account.Own].
type owns struct {
	mu  sync.RWMutex
	all map[consensus.Unit]owned
}

func (o *owns) add(unit consensus.Unit, joined time.Time, member consensus.MemberID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[consensus.Unit]owned{}
	}
	note(o.all, unit, owned{member, joined})
}

// note notes an owner. Of members behind one address, the one that joined first owns it: a new
// one must not take the time of its membership away.
func note(all map[consensus.Unit]owned, unit consensus.Unit, own owned) {
	if known, found := all[unit]; !found || own.joined.Before(known.joined) {
		all[unit] = own
	}
}

// remove removes an address of a member. Those of others stay.
func (o *owns) remove(unit consensus.Unit, member consensus.MemberID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all[unit].member == member {
		delete(o.all, unit)
	}
}

func (o *owns) replace(all map[consensus.Unit]owned) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = all
}

func (o *owns) get(unit consensus.Unit) (owned, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	own, found := o.all[unit]
	return own, found
}

// isOwn reports whether a unit is the address of a member that joined some days ago.
func (c *Centre) isOwn(unit consensus.Unit, now time.Time) bool {
	own, found := c.own.get(unit)
	return found && now.Sub(own.joined) >= ownAfter
}

// attackers returns the own addresses of a member that others report.
func (c *Centre) attackers(by Caller) (units []consensus.Unit) {
	for _, unit := range by.Own {
		if !c.watch.has(unit) {
			if _, listed := c.board.get(unit); !listed {
				continue
			}
		}
		units = append(units, unit)
	}
	return units
}

// notice returns a message for a member: that its own addresses attack others, or that the
// terms have changed.
func (w *work) notice(by Caller) string {
	var all []string
	for _, unit := range w.c.attackers(by) {
		all = append(all, fmt.Sprintf("Others report your own address %s: it attacks them.", consensus.UnitText(unit)))
	}
	if by.Terms != w.c.cfg.Terms {
		all = append(all, fmt.Sprintf("The terms have changed: read and accept version %s.", w.c.cfg.Terms))
	}
	if s, known := w.standing.of[by.ID]; known && s.State == consensus.Quarantined {
		all = append(all, "Your reports are set aside: see your standing for the reason.")
	}
	return strings.Join(all, " ")
}

// readOwn reads the own addresses of all members.
func (c *Centre) readOwn(ctx context.Context) error {
	accounts, err := c.cfg.Accounts.All(ctx)
	if err != nil {
		return doing("reading accounts", err)
	}
	all := map[consensus.Unit]owned{}
	for _, a := range accounts {
		if a.Role != Reporter || !a.Left.IsZero() {
			continue
		}
		for _, unit := range a.Own {
			note(all, unit, owned{c.memberID(a.Login), a.Joined})
		}
	}
	c.own.replace(all)
	return nil
}
