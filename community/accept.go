package community

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// Accepted is the result of accepting signals.
type Accepted struct {
	Accepted int // signals that were stored or already known
	Known    int // of these: signals that were already known
	Refused  []Refusal
	Notice   string // for the operator of the member
}

// A Refusal says why the centre refuses a signal. The member must not send it again.
type Refusal struct {
	Index  int
	Reason string
}

// Accept stores the signals of a member and judges their units, in one transaction, which it may
// share with other callers. When it returns, all of it is on disk.
func (c *Centre) Accept(ctx context.Context, by Caller, signals []Signal) (Accepted, error) {
	if by.Role != Reporter {
		return Accepted{}, ErrDenied
	}
	if len(signals) == 0 {
		return Accepted{}, nil
	}
	if n := len(signals); n > c.cfg.Rates.Batch {
		return Accepted{}, invalid("%d signals at once: want %d at most", n, c.cfg.Rates.Batch)
	}
	if retry, ok := c.doors.signals.Take(by.Login, len(signals)); !ok {
		return Accepted{}, TooManyError{retry}
	}
	if err := c.ensureMember(ctx, by); err != nil {
		return Accepted{}, err
	}
	reports, refused, old := c.checkAll(by, signals)
	b := &batch{by: by, reports: reports}
	if err := c.commit(ctx, b); err != nil {
		return Accepted{}, err
	}
	notice := b.notice
	c.health.accepted.Add(uint64(len(reports)))
	c.health.refused.Add(uint64(len(refused)))
	if old {
		notice = strings.TrimSpace(notice + " Some of your reports are more than a day old: check the clock of this server.")
	}
	return Accepted{Accepted: len(reports), Known: b.known, Refused: refused, Notice: notice}, nil
}

// checkAll converts signals to reports. old: some signals are too old.
func (c *Centre) checkAll(by Caller, signals []Signal) (reports []Report, refused []Refusal, old bool) {
	now := c.now()
	for i, s := range signals {
		r, err := c.check(by, s, now)
		if err != nil {
			refused = append(refused, Refusal{i, err.Error()})
			old = old || errors.Is(err, errOld)
			continue
		}
		reports = append(reports, r)
	}
	return reports, refused, old
}

// accept adds a report and judges its unit. It returns false if the report says nothing new.
func (w *work) accept(r Report) (fresh bool, err error) {
	f, err := w.c.open(w.Tx, r.Unit)
	if err != nil {
		return false, err
	}
	if !r.Last.After(f.erased) || f.repeats(&r, w.now) {
		return false, nil
	}
	r.Arrived = w.now
	if r.Provenance, err = w.provenance(&r); err != nil {
		return false, err
	}
	r.Novel = consensus.Novel(w.now, w.c.cfg.Rules, f.record.Verdict.Next, w.c.cfg.Imported(r.Unit.Addr()))
	r.Seq, fresh, err = w.Append(r)
	if err != nil || !fresh {
		return false, err
	}
	before := w.confirmed(f)
	first := f.firstToday(&r)
	f.reports = append(f.reports, r)
	if err := w.credit(f, before); err != nil {
		return false, err
	}
	if first && r.counts() && f.class.isProofOfFalsehood() {
		if err := w.AddFault(consensus.Fault{Member: r.Member, Unit: r.Unit, At: w.now, Hit: true}); err != nil {
			return false, err
		}
	}
	_, err = w.settle(f)
	return true, err
}

// maxReports is the limit of reports of one member about one unit in a day.
const maxReports = 24

// repeats reports whether a report repeats a report of its member about the unit of the last
// hour, made after the unit's last listing ended, or exceeds maxReports.
func (f *file) repeats(r *Report, now time.Time) bool {
	prev := f.record.Verdict.Next
	since := f.erased
	for _, end := range []time.Time{prev.Appealed, prev.Ended, prev.Expires} {
		if end.After(since) && !end.After(now) {
			since = end
		}
	}
	day24 := 0
	for i := range f.reports {
		o := &f.reports[i]
		if o.Member != r.Member {
			continue
		}
		if o.Last.Sub(r.Last).Abs() < day {
			day24++
		}
		same := o.Behaviour == r.Behaviour && o.Confidence == r.Confidence && o.Spoofable == r.Spoofable &&
			o.Flags == r.Flags && o.Hash == r.Hash && o.Scenario == r.Scenario
		if same && o.Last.After(since) && o.Last.Sub(r.Last).Abs() < time.Hour {
			return true
		}
	}
	return day24 >= maxReports
}

// firstToday reports whether a report is its member's first about a unit on this day that counts. If it had
// to be the first within 24 hours, a member that reports a unit each hour would have one ever.
func (f *file) firstToday(r *Report) bool {
	today := r.Arrived.Truncate(day)
	return !slices.ContainsFunc(f.reports, func(o Report) bool {
		return o.Member == r.Member && o.counts() && !o.Arrived.Before(today)
	})
}

// isProofOfFalsehood reports whether an attack from such an address is impossible.
func (c Class) isProofOfFalsehood() bool {
	return c.Canary || c.Exclusion > consensus.Bogon && c.Exclusion < consensus.Allowlisted
}

// widespread is the number of operators from which on a scenario does not count as the
// member's own.
const widespread = 10

// provenance returns the origin of a report's scenario. A scenario of many operators weighs
// more than a member's own.
func (w *work) provenance(r *Report) (consensus.Provenance, error) {
	if _, quarantined := (*w.c.state.hashes.Load())[r.Hash]; quarantined {
		return consensus.Tainted, nil
	}
	if r.Provenance != consensus.Custom || r.Hash == "" {
		return r.Provenance, nil
	}
	members, err := w.Spread(r.Hash, 10*widespread)
	if err != nil {
		return 0, err
	}
	clusters := map[consensus.ClusterID]bool{}
	for _, m := range append(members, r.Member) {
		if s, known := w.standing.of[m]; known && s.State <= consensus.Vouched {
			clusters[s.Cluster] = true
		}
	}
	if len(clusters) >= widespread {
		return consensus.Widespread, nil
	}
	return consensus.Custom, nil
}

// confirmed returns the members whose reports about a unit others confirmed.
func (w *work) confirmed(f *file) []consensus.MemberID {
	var reporters, novel []consensus.MemberID
	for i := range f.reports {
		r := &f.reports[i]
		if !r.counts() {
			continue
		}
		reporters = append(reporters, r.Member)
		if r.Novel {
			novel = append(novel, r.Member)
		}
	}
	return consensus.Confirmed(w.c.cfg.Rules, reporters, novel, w.standing.of)
}

// credit credits members whose reports the latest one confirms.
func (w *work) credit(f *file, before []consensus.MemberID) error {
	if f.class.Exclusion != consensus.NotExcluded || f.class.Canary {
		return nil
	}
	for _, m := range w.confirmed(f) {
		if slices.Contains(before, m) {
			continue
		}
		if err := w.AddCredit(consensus.Credit{Member: m, Unit: f.unit, At: w.now}); err != nil {
			return err
		}
	}
	return nil
}
