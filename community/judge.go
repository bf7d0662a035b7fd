package community

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A file has all stored data about a unit.
type file struct {
	unit     consensus.Unit
	class    Class
	record   Record
	reports  []Report // without void ones
	ordinary []Ordinary
	erased   time.Time // evidence up to then does not count
}

// open reads all stored data about a unit.
func (c *Centre) open(tx ReadTx, unit consensus.Unit) (f *file, err error) {
	f = &file{unit: unit, class: c.cfg.Classes.Class(unit)}
	if f.record, err = tx.Record(unit); errors.Is(err, ErrNotFound) {
		f.record, err = Record{Unit: unit}, nil
	}
	if err != nil {
		return nil, err
	}
	if f.reports, err = tx.Reports(unit); err != nil {
		return nil, err
	}
	f.reports = slices.DeleteFunc(f.reports, func(r Report) bool { return r.Void })
	if f.ordinary, err = tx.Ordinary(unit); err != nil {
		return nil, err
	}
	until, err := tx.Suppressed(c.unitHash(unit))
	if err == nil && !until.IsZero() {
		f.erased = until.Add(-suppression)
	}
	return f, err
}

// suppression is how long the centre remembers the erasure of a unit.
const suppression = 90 * day

// evidence returns the input of consensus for a unit.
func (c *Centre) evidence(f *file, s *standings, now time.Time) consensus.Evidence {
	e := consensus.Evidence{
		Unit: f.unit, Prev: f.record.Verdict.Next, Standings: s.of,
		Reports: make([]consensus.Report, 0, len(f.reports)), Benign: make([]consensus.Benign, 0, len(f.ordinary)),
	}
	if f.erased.After(e.Prev.Appealed) {
		e.Prev = e.Prev.Appeal(f.erased)
	}
	for i := range f.reports {
		e.Reports = append(e.Reports, f.reports[i].evidence())
	}
	for _, o := range f.ordinary {
		e.Benign = append(e.Benign, consensus.Benign{Member: o.Member, Last: o.Last})
	}
	e.Context = consensus.Context{
		Exclusion: f.class.Exclusion, Shared: f.class.Shared, Tor: f.class.Tor, Scanner: f.class.Scanner,
		Own: c.isOwn(f.unit, now), Noticed: f.record.Noticed, Established: s.established, Founded: *c.state.founded.Load(),
	}
	if f.class.Canary {
		e.Context.Exclusion = consensus.Allowlisted
	}
	return e
}

// evidence converts a report for consensus.
func (r *Report) evidence() consensus.Report {
	return consensus.Report{
		Member: r.Member, Seq: r.Seq, Behaviour: r.Behaviour, Confidence: r.Confidence, Spoofable: r.Spoofable,
		Provenance: r.Provenance, Last: r.Last, Arrived: r.Arrived,
		Reflected: r.Flags&Reflected != 0, EarlyData: r.Flags&EarlyData != 0,
	}
}

// judge judges a unit again.
func (w *work) judge(unit consensus.Unit) (*Record, error) {
	f, err := w.c.open(w.Tx, unit)
	if err != nil {
		return nil, err
	}
	return w.settle(f)
}

// maxReviews is the limit of units that a transaction judges again because their reporters
// report the same units. Further units wait for Run.
const maxReviews = 500

// settle judges a unit and writes the result. If this merges its reporters because they report
// the same units, settle also judges their other listings again.
func (w *work) settle(f *file) (*Record, error) {
	held := slices.Contains(f.record.Verdict.Reasons, consensus.ReasonCollusion)
	r, err := w.decide(f)
	if err != nil || held || !slices.Contains(r.Verdict.Reasons, consensus.ReasonCollusion) {
		return r, err
	}
	w.c.health.braked.Add(1)
	units := w.c.state.listedWith(r.Reporters.Clusters, r.Verdict.Needed)
	for i, unit := range units {
		if i == maxReviews {
			w.c.later.add(units[i:])
			break
		}
		if unit == f.unit {
			continue
		}
		other, err := w.c.open(w.Tx, unit)
		if err != nil {
			return nil, err
		}
		if _, err := w.decide(other); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// decide judges a unit, and writes its record and the change of the list.
func (w *work) decide(f *file) (*Record, error) {
	e := w.c.evidence(f, w.standing, w.now)
	e.Context.Overlaps = &w.c.state.overlaps
	reporters := consensus.Reporters(w.now, w.c.cfg.Rules, e)
	w.replace(f.unit, reporters)
	v := consensus.Evaluate(w.now, w.c.cfg.Rules, e)
	v.Contributions = nil
	w.forgetOld(&v.Next)
	r := &Record{
		Unit: f.unit, Verdict: v, Reporters: reporters, Behaviours: f.behaviours(&w.c.cfg), Seen: f.span(),
		Listed: f.record.Listed, At: w.now, Noticed: f.record.Noticed,
	}
	if e.Context.Own && v.Tier >= consensus.Watched && r.Noticed.IsZero() {
		r.Noticed = w.now
	}
	r.Next = w.next(f, r)
	if err := w.publish(r); err != nil {
		return nil, err
	}
	if f.isOver(r) {
		*r = Record{Unit: f.unit} // the next purge deletes it
	}
	f.record = *r
	w.records = append(w.records, r)
	return r, w.PutRecord(*r)
}

// memory is how long an episode and an appeal are remembered after their end.
func (w *work) memory() time.Duration { return w.c.cfg.Rules.Config().Durations.EpisodeMemory }

// forgetOld forgets times that no verdict depends on any more. Consensus forgets episodes itself.
func (w *work) forgetOld(p *consensus.Prev) {
	for _, t := range []*time.Time{&p.Appealed, &p.Ended} {
		if w.now.Sub(*t) >= w.memory() {
			*t = time.Time{}
		}
	}
}

// isOver reports whether nothing about a unit is left to remember.
func (f *file) isOver(r *Record) bool {
	next := r.Verdict.Next
	return len(f.reports) == 0 && len(f.ordinary) == 0 && r.Verdict.Tier == consensus.None && r.Listed.Action == consensus.Allow &&
		len(next.Episodes) == 0 && next.Appealed.IsZero() && next.Ended.IsZero()
}

// next returns when a unit must be judged again without a new report: when its tier ends, when
// one of its reporters no longer counts for the brake, or when an episode or an appeal is
// forgotten.
func (w *work) next(f *file, r *Record) (next time.Time) {
	if r.Verdict.Tier > consensus.None {
		next = r.Verdict.Expires
	}
	at := func(end time.Time) {
		if end.After(w.now) && (next.IsZero() || end.Before(next)) {
			next = end
		}
	}
	at(r.Verdict.Next.Appealed.Add(w.memory()))
	at(r.Verdict.Next.Ended.Add(w.memory()))
	for _, e := range r.Verdict.Next.Episodes {
		at(e.To.Add(w.memory()))
	}
	if len(r.Reporters.Clusters) < 2 {
		return next
	}
	window := w.c.cfg.Rules.Config().Window
	for i := range f.reports {
		at(f.reports[i].Last.Add(window))
	}
	if soon := w.now.Add(time.Hour); next.Before(soon) && r.Verdict.Tier < consensus.Suspect {
		next = soon // once for several reports
	}
	return next
}

// maxBehaviours is the limit of behaviours in a record.
const maxBehaviours = 4

// behaviours returns the known behaviours in the reports about a unit, the heaviest first.
func (f *file) behaviours(cfg *Config) []consensus.Behaviour {
	weights := map[consensus.Behaviour]int{}
	for i := range f.reports {
		r := &f.reports[i]
		if r.Behaviour != "" && r.counts() && cfg.Catalogue.knows(r.Behaviour) {
			weights[r.Behaviour] += 1 + int(r.Confidence)
		}
	}
	all := make([]consensus.Behaviour, 0, len(weights))
	for b := range weights {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b consensus.Behaviour) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a, b))
	})
	return all[:min(len(all), maxBehaviours)]
}

// counts reports whether a report can have a weight.
func (r *Report) counts() bool {
	return !r.Void && r.Flags&(Reflected|EarlyData) == 0 && r.Provenance != consensus.Tainted
}

// span returns when a unit was seen first and last.
func (f *file) span() (s Span) {
	for i := range f.reports {
		r := &f.reports[i]
		if !r.counts() {
			continue
		}
		if s.First.IsZero() || r.First.Before(s.First) {
			s.First = r.First
		}
		if r.Last.After(s.Last) {
			s.Last = r.Last
		}
	}
	return s
}
