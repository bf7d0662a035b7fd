package consensus

import (
	"cmp"
	"slices"
)

// compare orders verdicts: the one that exceeds its threshold by more comes first.
func compare(a, b Verdict) int {
	// a.Net/a.Threshold against b.Net/b.Threshold, without fractions.
	return cmp.Or(cmp.Compare(b.Net*a.Threshold, a.Net*b.Threshold), compareUnits(a.Unit, b.Unit))
}

// Rank orders verdicts for consumers that cannot hold all of them: the surest first. The
// list is the same for everybody; only its order is not: see [RankFor].
func Rank(verdicts []Verdict) {
	slices.SortFunc(verdicts, compare)
}

// A Histogram counts a member's reports by what they are about: the group of protocols and
// the class of behaviour.
type Histogram [services * 8]int64

// Classes of behaviour in a [Histogram], of each group of protocols.
var histogramClasses = [8][]string{
	{"exploit", "rce", "post-exploitation"}, {"bruteforce"}, {"fraud"}, {"spam"}, {"dos"}, {"scan"}, {"crawl"}, {},
}

// Add counts a report.
func (h *Histogram) Add(b Behaviour) {
	class := b.class()
	for i, names := range histogramClasses {
		if len(names) == 0 || slices.Contains(names, class) {
			h[int(b.service())*len(histogramClasses)+i]++
			return
		}
	}
}

// Similarity returns the cosine of two histograms: 1 for members that see the same kinds
// of attacks, 0 for those that have none in common.
func (h *Histogram) Similarity(other *Histogram) Micro {
	var dot, a, b uint64
	for i := range h {
		x, y := uint64(min(h[i], 1<<24)), uint64(min(other[i], 1<<24))
		dot, a, b = dot+x*y, a+x*x, b+y*y
	}
	lengths := isqrt(a) * isqrt(b)
	if lengths == 0 {
		return 0
	}
	return min(One, Micro(dot*1000/lengths)*1000)
}

// RankFor orders verdicts for one member: what members like it report comes first.
func RankFor(me *Histogram, others map[ClusterID]*Histogram, verdicts []Verdict) {
	similar := make(map[ClusterID]Micro, len(others))
	for c, h := range others {
		similar[c] = me.Similarity(h)
	}
	weights := make(map[Unit]Micro, len(verdicts))
	for _, v := range verdicts {
		for _, c := range v.Contributions {
			weights[v.Unit] += similar[c.Cluster].mul(c.Counted)
		}
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(weights[b.Unit], weights[a.Unit]), compare(a, b))
	})
}

// Questions returns the units about which established members are asked whether they see
// ordinary use: those that are watched and that at least one established member reports,
// so that newcomers can neither fill the list nor ask who visits whom.
func Questions(rules *Rules, verdicts []Verdict) []Unit {
	open := slices.DeleteFunc(slices.Clone(verdicts), func(v Verdict) bool { return v.Tier != Watched || v.Established == 0 })
	slices.SortFunc(open, func(a, b Verdict) int { return cmp.Or(cmp.Compare(b.Net, a.Net), compareUnits(a.Unit, b.Unit)) })
	units := make([]Unit, 0, min(len(open), rules.cfg.Questions))
	for _, v := range open[:min(len(open), rules.cfg.Questions)] {
		units = append(units, v.Unit)
	}
	return units
}
