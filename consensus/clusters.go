package consensus

import (
	"cmp"
	"slices"
)

// handsOf returns, for each member, the smallest id of those that have ties in common with it.
func handsOf(members []Member) map[MemberID]MemberID {
	parent := make(map[MemberID]MemberID, len(members))
	first := map[string]MemberID{}
	for i := range members {
		parent[members[i].ID] = members[i].ID
	}
	for i := range members {
		for _, tie := range members[i].Ties {
			if other, known := first[tie]; known {
				unite(parent, members[i].ID, other)
			} else {
				first[tie] = members[i].ID
			}
		}
	}
	for id := range parent {
		parent[id] = rootOf(parent, id)
	}
	return parent
}

// A cluster has one vote.
type cluster struct {
	id  ClusterID
	net ASN
}

// clustersOf returns the cluster of each hand. Hands whose oldest members are near one another
// are in one, but each has its own trust: otherwise whoever rents a server beside an honest
// member would be trusted like it.
//
// A stranger can be near anybody, in as many places as he rents servers. So a hand is near
// others in one place only, and those that are not established are near one another only:
// nobody can make one vote of members that have nothing else in common. The place of a suspended
// member does not count, so that a moderator can part it from others.
func clustersOf(members []Member, hands map[MemberID]MemberID, established func(hand MemberID) bool) map[MemberID]cluster {
	type place struct {
		near        string
		established bool
	}
	places := map[place]cluster{}
	clusters := map[MemberID]cluster{}
	for _, m := range oldest(members, hands) {
		hand := hands[m.ID]
		c, at := cluster{ClusterID(hand), m.Net}, place{m.Near, established(hand)}
		if m.Near != "" && !m.Suspended {
			if known, found := places[at]; found {
				c = known
			}
			places[at] = c
		}
		clusters[hand] = c
	}
	return clusters
}

// oldest returns the oldest member of each hand that is not suspended, or else the oldest, in the
// order of their age.
func oldest(members []Member, hands map[MemberID]MemberID) []*Member {
	all := make([]*Member, 0, len(members))
	for i := range members {
		if !members[i].Left {
			all = append(all, &members[i])
		}
	}
	suspended := func(m *Member) int {
		if m.Suspended {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(suspended(a), suspended(b)), a.Joined.Compare(b.Joined), cmp.Compare(a.ID, b.ID))
	})
	seen := make(map[MemberID]bool, len(all))
	return slices.DeleteFunc(all, func(m *Member) bool {
		hand := hands[m.ID]
		defer func() { seen[hand] = true }()
		return seen[hand]
	})
}

// unite makes one hand of two, under the smaller id.
func unite(parent map[MemberID]MemberID, a, b MemberID) {
	a, b = rootOf(parent, a), rootOf(parent, b)
	parent[max(a, b)] = min(a, b)
}

func rootOf(parent map[MemberID]MemberID, m MemberID) MemberID {
	for parent[m] != m {
		parent[m] = parent[parent[m]] // shorter for the next one
		m = parent[m]
	}
	return m
}
