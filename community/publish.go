package community

import (
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// steady is the difference in the end of an entry below which readers get no change. All
// readers get each change, so a report a minute must not cause one.
const steady = 15 * time.Minute

// publish sets the entry that readers get for a unit, and adds a change if it differs.
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

// sameAs reports whether the difference is too small for readers.
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

// hours is the number of hours that the centre's brake compares with.
const hours = 7 * 24

// additions counts new entries of the list by hour.
type additions struct {
	Hour   int64      `json:"hour"` // since 1970, the last in Counts
	Counts [hours]int `json:"counts"`
	From   int64      `json:"from"` // the first hour ever
}

// turnTo moves the window to hour.
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

// median returns the median of the complete hours.
func (a *additions) median() int {
	n := min(hours-1, int(a.Hour-a.From))
	if n < 24 {
		return 0 // too few hours to compare with
	}
	usual := slices.Clone(a.Counts[hours-1-n : hours-1])
	slices.Sort(usual)
	return usual[n/2]
}

// holds reports whether an entry may not get a stricter action now. It counts new entries, and
// freezes the list if there are too many.
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

// count returns the number of entries added in this hour.
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

// countAnew resets the count of this hour and keeps the others.
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
