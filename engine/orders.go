package engine

import (
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// An order is a change of the table. Its done is closed afterwards, and the place of its
// network in the queue is free again.
type order struct {
	add, remove []lookup.Decision
	client      netip.Addr // whose network has a place for it
	done        chan struct{}
}

// enforce puts d into the table and waits for a short time. It reports whether d is or
// will be there: not if too many orders wait, or too many of one network.
func (l *locals) enforce(d lookup.Decision) bool {
	// Removed first, it gets a new beginning: a new offence voids earlier passes.
	o := order{
		add: []lookup.Decision{d}, remove: []lookup.Decision{d},
		client: d.Prefix.Addr(), done: make(chan struct{}),
	}
	l.mu.Lock()
	o.remove, l.displaced = append(o.remove, l.displaced...), nil
	l.mu.Unlock()
	timer := time.NewTimer(tableWait)
	defer timer.Stop()
	if !l.place(o, timer.C) {
		l.forget(o)
		return false
	}
	select {
	case <-o.done:
	case <-timer.C:
	case <-l.ended:
	}
	return true
}

// place puts o into the queue, and reports whether it had room before late. A queue with
// room is used even if late has come already, as it may on a busy machine: a select between
// the two would choose by chance, and lose the decision.
func (l *locals) place(o order, late <-chan time.Time) bool {
	if l.hasEnded() || !l.shares.take(o.client) {
		return false
	}
	select {
	case l.orders <- o:
		return true
	default:
	}
	select {
	case l.orders <- o:
		return true
	case <-late:
	case <-l.ended:
	}
	l.shares.give(o.client)
	return false
}

// hasEnded reports whether nobody carries out orders any more.
func (l *locals) hasEnded() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// forget removes the local decision of o, if no newer one has replaced it, and leaves
// the other changes of o to the next order.
func (l *locals) forget(o order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.displaced = append(l.displaced, o.remove[len(o.add):]...) // the first ones only give the added decisions a new beginning
	for _, d := range o.add {
		if at := (holding{d.Prefix, d.Action}); l.isHeldLocked(at, &d) {
			l.held.remove(at)
		}
	}
}

// carryOut applies o and all waiting orders to the table.
func (l *locals) carryOut(o order) {
	all := []order{o}
	for range len(l.orders) {
		all = append(all, <-l.orders)
	}
	var sum order
	for _, o := range all {
		sum.add, sum.remove = append(sum.add, o.add...), append(sum.remove, o.remove...)
	}
	l.mu.Lock()
	sum.add, sum.remove = l.netLocked(sum.add, sum.remove)
	l.mu.Unlock()
	if len(sum.add)+len(sum.remove) > 0 {
		l.table.Update(LocalSource, sum.add, sum.remove)
	}
	l.mu.Lock()
	for _, d := range sum.add {
		if one := l.held.get(holding{d.Prefix, d.Action}); one != nil {
			one.inForce = true
		}
	}
	l.mu.Unlock()
	for _, o := range all {
		if o.done != nil {
			l.shares.give(o.client)
			close(o.done)
		}
	}
}
