package engine

import (
	"net/netip"

	"github.com/tocsin-project/tocsin/event"
)

// A backlog holds a limited number of alerts that wait for a reporter, in their order.
// When it is full, it drops the oldest alert of the network with the most alerts, a /16
// or a /32 of IPv6. So a flood from one network drops no alerts about others.
type backlog struct {
	alerts *fairMap[uint64, waitingAlert] // by number
	order  []uint64                       // numbers; some of their alerts may be dropped
	last   uint64
}

// A waitingAlert is an alert and its number: a later alert has a greater one.
type waitingAlert struct {
	event.Alert
	number uint64
}

func newBacklog() backlog {
	older := func(a, b waitingAlert) bool { return a.number < b.number }
	return backlog{alerts: newFairMap[uint64](0, older)}
}

func (b *backlog) len() int { return b.alerts.len() }

// put adds a, and drops alerts until at most room alerts wait. It returns how many it
// dropped. Without any room it drops a.
func (b *backlog) put(a event.Alert, room int) (dropped int) {
	if room < 1 {
		return 1
	}
	b.last++
	b.alerts.room = room
	w := waitingAlert{Alert: a, number: b.last}
	dropped = len(b.alerts.put(w.number, w.network(), w))
	b.order = append(b.order, w.number)
	if len(b.order) > 2*room {
		b.compact()
	}
	return dropped
}

// take takes the oldest alerts, n at most.
func (b *backlog) take(n int) []waitingAlert {
	n = min(n, b.len())
	batch := make([]waitingAlert, 0, n)
	for len(batch) < n {
		number := b.order[0]
		b.order = b.order[1:]
		if w := b.alerts.get(number); w.number == number {
			b.alerts.remove(number)
			batch = append(batch, w)
		}
	}
	return batch
}

// putBack returns the last alerts of take to the front. There must be room for them.
func (b *backlog) putBack(batch []waitingAlert) {
	if len(batch) == 0 {
		return
	}
	b.alerts.room = b.len() + len(batch)
	order := make([]uint64, 0, len(batch)+len(b.order))
	for _, w := range batch {
		b.alerts.put(w.number, w.network(), w)
		order = append(order, w.number)
	}
	b.order = append(order, b.order...)
}

// compact removes the numbers of dropped alerts.
func (b *backlog) compact() {
	kept := make([]uint64, 0, b.len())
	for _, number := range b.order {
		if b.alerts.get(number).number == number {
			kept = append(kept, number)
		}
	}
	b.order = kept
}

// alertsOf returns the alerts of a batch.
func alertsOf(batch []waitingAlert) []event.Alert {
	alerts := make([]event.Alert, len(batch))
	for i := range batch {
		alerts[i] = batch[i].Alert
	}
	return alerts
}

// network returns the network that the alert counts for. Alerts without a client share
// one network.
func (w *waitingAlert) network() netip.Prefix {
	p, _ := meant(&w.Alert)
	return p
}
