package community

import (
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// steady is by how much the end of an entry may differ from what readers know of it. Each
// change goes to all readers, so that a report a minute must not be one.
const steady = 15 * time.Minute

// publish sets what readers get of a unit, and adds the change to the list if there is one.
func (w *work) publish(r *Record) error {
	was := r.Listed
	is := Listing{Unit: r.Unit, Action: r.Verdict.Remediation, List: r.Verdict.List, Until: r.Verdict.Expires, Surety: surety(&r.Verdict)}
	if len(r.Behaviours) > 0 {
		is.Behaviour = r.Behaviours[0]
	}
	if is.Action > was.Action {
		if hold, err := w.holds(was.Action); err != nil {
			return err
		} else if hold {
			is.Action = was.Action
		}
	}
	if is.Action == consensus.Allow {
		is = Listing{Unit: r.Unit}
	}
	if is.sameAs(was) {
		if is.Action != consensus.Allow {
			r.Listed.Surety = is.Surety
		}
		return nil
	}
	r.Listed = is
	seq, err := w.AppendChange(Change{At: w.now, Listing: is, Was: was.Action})
	w.seq = max(w.seq, seq)
	return err
}

// sameAs reports whether readers need not hear of the difference.
func (l Listing) sameAs(was Listing) bool {
	if l.Action != was.Action {
		return false
	}
	return l.Action == consensus.Allow || l.List == was.List && l.Until.Sub(was.Until).Abs() < steady
}

// surety returns the net weight as a share of the threshold.
func surety(v *consensus.Verdict) consensus.Micro {
	if v.Threshold <= 0 {
		return 0
	}
	return max(0, v.Net) * consensus.One / v.Threshold
}

// hours is how many hours the brake of the centre looks back.
const hours = 7 * 24

// additions counts new entries of the list by hour.
type additions struct {
	Hour   int64      `json:"hour"` // since 1970, the last in Counts
	Counts [hours]int `json:"counts"`
	From   int64      `json:"from"` // the first hour ever
}

// turnTo makes hour the last one.
func (a *additions) turnTo(hour int64) {
	if a.From == 0 {
		a.From, a.Hour = hour, hour
	}
	for ; a.Hour < hour; a.Hour++ {
		if hour-a.Hour > hours {
			a.Hour, a.Counts = hour-1, [hours]int{}
		}
		copy(a.Counts[:], a.Counts[1:])
		a.Counts[hours-1] = 0
	}
}

// median returns how many there are in a usual hour, but the one under way.
func (a *additions) median() int {
	n := min(hours-1, int(a.Hour-a.From))
	if n < 24 {
		return 0 // nobody knows what is usual
	}
	usual := slices.Clone(a.Counts[hours-1-n : hours-1])
	slices.Sort(usual)
	return usual[n/2]
}

// holds reports whether an entry that has an action must not get a greater one now. It counts
// those that are new, and stops all if there are too many.
func (w *work) holds(was consensus.Remediation) (bool, error) {
	if w.freezing.On {
		return true, nil
	}
	if was != consensus.Allow {
		return false, nil
	}
	a, err := w.count()
	if err != nil {
		return false, err
	}
	most := max(w.c.cfg.Rates.Additions, 3*a.median())
	if a.Counts[hours-1] >= most {
		w.tripped = true
		return true, w.freeze("centre", true, fmt.Sprintf("%d new listings within an hour; usual are %d", a.Counts[hours-1], a.median()))
	}
	a.Counts[hours-1]++
	return false, nil
}

// count returns how many entries were added, as of this hour.
func (w *work) count() (*additions, error) {
	if w.additions == nil {
		a := new(additions)
		if err := getJSON(w.Tx, settingAdditions, a); err != nil {
			return nil, err
		}
		w.additions = a
	}
	w.additions.turnTo(w.now.Unix() / 3600)
	return w.additions, nil
}

// countAnew forgets what was added within the hour, but not what is usual.
func (w *work) countAnew() error {
	a, err := w.count()
	if err != nil {
		return err
	}
	a.Counts[hours-1] = 0
	return nil
}

// freeze stops or allows additions.
func (w *work) freeze(actor string, on bool, reason string) error {
	w.freezing = Freezing{On: on, By: actor, At: w.now, Reason: reason}
	action := "list.freeze"
	if !on {
		action = "list.thaw"
	}
	if err := putJSON(w.Tx, settingFreeze, w.freezing); err != nil {
		return err
	}
	return w.audit(actor, action, "", reason)
}
