package consensus

import (
	"cmp"
	"slices"
	"time"
)

// A vote is a report that counts, with all of its weight but its age.
type vote struct {
	cluster     ClusterID
	net         ASN
	established bool
	weight      Micro
	at          int64 // seconds since 1970
	fresh       bool  // it was not there at the last verdict
	report      *Report
}

// established reports whether a member's word can carry a listing.
func (s Standing) established(t *Trust) bool {
	return s.counts() && s.Trust >= t.Established && (s.State == Vouched || s.Age >= t.EstablishedAge)
}

// counts reports whether a member is there at all.
func (s Standing) counts() bool { return s.State <= Vouched && s.Trust > 0 }

// votes returns the reports that count, by cluster.
func (r *Rules) votes(now time.Time, e *Evidence) []vote {
	all := make([]vote, 0, len(e.Reports))
	for i := range e.Reports {
		if v, ok := r.vote(now, e, &e.Reports[i]); ok {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b vote) int {
		return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.net, b.net), cmp.Compare(b.weight, a.weight),
			cmp.Compare(b.at, a.at), cmp.Compare(a.report.Behaviour, b.report.Behaviour), cmp.Compare(b.report.Confidence, a.report.Confidence))
	})
	return all
}

func (r *Rules) vote(now time.Time, e *Evidence, report *Report) (vote, bool) {
	standing, known := e.Standings[report.Member]
	at, inTime := r.cfg.seenAt(now, report)
	if !known || !standing.counts() || !inTime || !at.After(e.Prev.Appealed) {
		return vote{}, false
	}
	v := vote{
		cluster: standing.Cluster, net: standing.Net, established: standing.established(&r.cfg.Trust),
		weight: r.cfg.weight(report, standing), at: at.Unix(),
		fresh: !e.Prev.Judged || report.Seq > e.Prev.Seq, report: report,
	}
	return v, v.weight > 0 && r.fading.of(now.Unix()-v.at) > 0
}

// seenAt returns when a deed was seen, and whether it counts. Members' clocks are wrong,
// and some say so on purpose: a report cannot be from the future, and one that comes late
// is a replay.
func (c *Config) seenAt(now time.Time, r *Report) (time.Time, bool) {
	if r.Arrived.Sub(r.Last) > c.Replay {
		return time.Time{}, false
	}
	at := r.Last
	if at.After(r.Arrived) {
		at = r.Arrived
	}
	if at.After(now) {
		at = now
	}
	return at, true
}

// weight returns what a report weighs while it is new.
func (c *Config) weight(r *Report, s Standing) Micro {
	if r.Reflected || r.EarlyData || int(r.Provenance) >= len(c.Provenance) {
		return 0
	}
	w := min(s.Trust, One).mul(c.Severity.of(r.Behaviour))
	w = w.mul(c.Confidence[min(r.Confidence, 3)]).mul(c.Spoofable[min(r.Spoofable, 3)])
	return w.mul(c.Provenance[r.Provenance]).mul(max(0, min(s.Dilution, One)))
}

// A defence is what established members say of ordinary use.
type defence struct {
	weight    Micro // of those that report nothing
	clusters  int   // that they are
	witnesses int   // all that see ordinary use
	reporting []use // those of them that report it as well
}

// A use is ordinary use that a cluster sees.
type use struct {
	cluster ClusterID
	weight  Micro
}

// defence weighs ordinary use. A cluster that also reports the unit does not speak for it.
func (r *Rules) defence(now time.Time, e *Evidence, votes []vote) (d defence) {
	uses := r.uses(now, e)
	d.witnesses = len(uses)
	for _, u := range uses {
		if _, reports := slices.BinarySearchFunc(votes, u.cluster, func(v vote, c ClusterID) int { return cmp.Compare(v.cluster, c) }); reports {
			d.reporting = append(d.reporting, u)
		} else {
			d.weight += u.weight
			d.clusters++
		}
	}
	return d
}

// uses returns the ordinary use that each established cluster sees, by cluster.
func (r *Rules) uses(now time.Time, e *Evidence) []use {
	all := make([]use, 0, len(e.Benign))
	for _, b := range e.Benign {
		s, known := e.Standings[b.Member]
		if !known || !s.established(&r.cfg.Trust) {
			continue
		}
		if w := min(s.Trust, One).mul(r.fading.of(max(0, now.Unix()-b.Last.Unix()))); w > 0 {
			all = append(all, use{s.Cluster, w})
		}
	}
	slices.SortFunc(all, func(a, b use) int { return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(b.weight, a.weight)) })
	return slices.CompactFunc(all, func(a, b use) bool { return a.cluster == b.cluster })
}
