package consensus_test

import (
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

func TestQuarantine(t *testing.T) {
	rules := newRules(t)
	hits := func(ago ...time.Duration) (all []consensus.Fault) {
		for i, a := range ago {
			all = append(all, consensus.Fault{Member: 1, Unit: numbered(i), At: start.Add(-a), Hit: true})
		}
		return all
	}
	const h = time.Hour
	repeated := hits(3*h, 2*h, h)
	for i := range repeated {
		repeated[i].Unit = unit
	}
	appeals := hits(3*h, 2*h, h)
	for i := range appeals {
		appeals[i].Hit = false
	}
	for _, test := range []struct {
		name   string
		member consensus.Member
		faults []consensus.Fault
		want   bool
	}{
		{"nothing", consensus.Member{}, nil, false},
		{"two hits", consensus.Member{}, hits(2*h, h), false},
		{"three hits", consensus.Member{}, hits(3*h, 2*h, h), true},
		{"three hits of one address", consensus.Member{}, repeated, false},
		{"three appeals", consensus.Member{}, appeals, false},
		{"three hits in three days", consensus.Member{}, hits(49*h, 25*h, h), false},
		{"three hits, the last of 23 hours ago", consensus.Member{}, hits(25*h, 24*h, 23*h), true},
		{"three hits, and clean for a day", consensus.Member{}, hits(26*h, 25*h, 24*h), false},
		{"three hits, and another one before a day was over", consensus.Member{}, hits(42*h, 41*h, 40*h, 20*h), true},
		{"three hits, and one after a clean day", consensus.Member{}, hits(72*h, 71*h, 70*h, h), false},
		{"a flood that nobody confirms", consensus.Member{Reports: 201, Corroborated: 10}, nil, true},
		{"a flood that others confirm", consensus.Member{Reports: 201, Corroborated: 11}, nil, false},
		{"a flood of yesterday", consensus.Member{Reports: 20, ReportsBefore: 1000}, nil, true},
		{"ten times the usual", consensus.Member{Reports: 200}, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.member.ID = 1
			h := consensus.History{Members: []consensus.Member{test.member}, Faults: test.faults}
			for id := range consensus.MemberID(10) {
				h.Members = append(h.Members, consensus.Member{ID: 10 + id, Reports: 20})
			}
			standings := consensus.Standings(start, rules, h)
			if got := standings[1].State == consensus.Quarantined; got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
			if standings[10].State != consensus.Active {
				t.Error("another member is in quarantine")
			}
		})
	}
}
