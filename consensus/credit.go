package consensus

import (
	"cmp"
	"slices"
	"time"
)

// Novel reports whether a report that arrives now can earn its member trust: it says what
// the community does not know. prev is the state of the unit before it, and imported says
// that a public list has the unit.
func Novel(now time.Time, rules *Rules, prev Prev, imported bool) bool {
	if imported || prev.Tier >= Suspect {
		return false
	}
	for _, e := range prev.Episodes {
		if e.To.After(now.Add(-rules.cfg.Trust.Novelty)) {
			return false
		}
	}
	return true
}

// Confirmed returns the members, of those that reported a unit when that was new, whom
// enough established clusters of other networks confirm. A cluster never confirms itself.
func Confirmed(rules *Rules, reporters, novel []MemberID, standings map[MemberID]Standing) []MemberID {
	witnesses := establishedAmong(rules, reporters, standings)
	var confirmed []MemberID
	for _, m := range novel {
		own, known := standings[m]
		if !known || own.State >= Quarantined {
			continue
		}
		others := 0
		for _, w := range witnesses {
			if w.Cluster != own.Cluster && w.Net != own.Net {
				others++
			}
		}
		if others >= rules.cfg.Trust.Confirmations {
			confirmed = append(confirmed, m)
		}
	}
	slices.Sort(confirmed)
	return slices.Compact(confirmed)
}

// establishedAmong returns the established clusters among members.
func establishedAmong(rules *Rules, members []MemberID, standings map[MemberID]Standing) []Standing {
	all := make([]Standing, 0, len(members))
	for _, m := range members {
		if s := standings[m]; s.established(&rules.cfg.Trust) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Standing) int { return cmp.Compare(a.Cluster, b.Cluster) })
	return slices.CompactFunc(all, func(a, b Standing) bool { return a.Cluster == b.Cluster })
}

// Reporters returns who reports a unit with weight now: what [Overlaps.Replace] wants.
func Reporters(now time.Time, rules *Rules, e Evidence) (r Reporting) {
	votes := slices.DeleteFunc(rules.votes(now, &e), func(v vote) bool { return !v.established })
	slices.SortFunc(votes, func(a, b vote) int {
		return cmp.Or(cmp.Compare(a.report.Seq, b.report.Seq), cmp.Compare(a.cluster, b.cluster))
	})
	seen := make(map[ClusterID]bool, len(votes))
	for i, v := range votes {
		if i == 0 {
			r.Service = v.report.Behaviour.service()
		}
		if !seen[v.cluster] {
			seen[v.cluster] = true
			r.Clusters = append(r.Clusters, v.cluster)
		}
	}
	return r
}
