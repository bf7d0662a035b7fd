package consensus

import (
	"cmp"
	"slices"
	"time"
)

// A CoReport says that an established cluster reported a unit.
type CoReport struct {
	Cluster   ClusterID
	Unit      Unit
	Behaviour Behaviour
	Seq       uint64 // of the report
	Last      time.Time
}

// Count returns the overlaps of the co-reports in the window, in any order.
func Count(now time.Time, rules *Rules, key uint64, reports []CoReport) *Overlaps {
	o := &Overlaps{Key: key}
	eachUnit(now, rules, reports, func(r Reporting) { o.Replace(Reporting{}, r) })
	return o
}

// eachUnit calls see with the reporters of each unit.
func eachUnit(now time.Time, rules *Rules, reports []CoReport, see func(Reporting)) {
	live := slices.Clone(reports)
	live = slices.DeleteFunc(live, func(r CoReport) bool { return now.Sub(r.Last) >= rules.cfg.Window })
	slices.SortFunc(live, func(a, b CoReport) int {
		return cmp.Or(compareUnits(a.Unit, b.Unit), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Cluster, b.Cluster))
	})
	var unit Reporting
	for i, r := range live {
		if len(unit.Clusters) == 0 {
			unit.Service = r.Behaviour.service()
		}
		if !slices.Contains(unit.Clusters, r.Cluster) {
			unit.Clusters = append(unit.Clusters, r.Cluster)
		}
		if i+1 == len(live) || live[i+1].Unit != r.Unit {
			see(unit)
			unit.Clusters = unit.Clusters[:0]
		}
	}
}

// Components returns, of a window's co-reports, the clusters that echo one another: each
// with the smallest id of its component. Clusters that echo nobody are not in it.
//
// It is what a moderator looks at. [Evaluate] asks only who echoes whom among the
// reporters of one unit, so that a chain of chances through the whole community does not
// make one vote of them.
func Components(now time.Time, rules *Rules, established int, key uint64, reports []CoReport) map[ClusterID]ClusterID {
	return Count(now, rules, key, reports).Components(rules, established)
}

// Components returns the clusters that echo one another: see [Components].
func (o *Overlaps) Components(rules *Rules, established int) map[ClusterID]ClusterID {
	slack := rules.cfg.slack(established)
	parent := map[ClusterID]ClusterID{}
	root := func(c ClusterID) ClusterID {
		for parent[c] != c {
			c = parent[c]
		}
		return c
	}
	for p := range o.pairs {
		if !o.echo(p.a, p.b, slack) {
			continue
		}
		for _, c := range []ClusterID{p.a, p.b} {
			if _, known := parent[c]; !known {
				parent[c] = c
			}
		}
		a, b := root(p.a), root(p.b)
		parent[max(a, b)] = min(a, b)
	}
	for c := range parent {
		parent[c] = root(c)
	}
	return parent
}
