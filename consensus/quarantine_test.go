package consensus_test

import (
	"fmt"
	"slices"
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
	services := func(n int) []consensus.Fault {
		all := hits(slices.Repeat([]time.Duration{h}, n)...)
		for i := range all {
			all[i].Service = true
			all[i].Unit = unitOf(fmt.Sprintf("198.51.%d.1", i))
		}
		return all
	}
	near := services(40)
	for i := range near {
		near[i].Unit = unitOf(fmt.Sprintf("198.51.100.%d", i))
	}
	credit := func(ago time.Duration) []consensus.Credit {
		return []consensus.Credit{{Member: 1, Unit: numbered(99), At: start.Add(-ago)}}
	}
	for _, test := range []struct {
		name    string
		member  consensus.Member
		faults  []consensus.Fault
		want    bool
		credits []consensus.Credit
	}{
		{"nothing", consensus.Member{}, nil, false, nil},
		{"two hits", consensus.Member{}, hits(2*h, h), false, nil},
		{"three hits", consensus.Member{}, hits(3*h, 2*h, h), true, nil},
		{"three hits of one address", consensus.Member{}, repeated, false, nil},
		{"three appeals", consensus.Member{}, appeals, false, nil},
		{"three hits in three days", consensus.Member{}, hits(49*h, 25*h, h), false, nil},
		{"three hits, the last of 23 hours ago", consensus.Member{}, hits(25*h, 24*h, 23*h), true, nil},
		{"three hits, and clean for a day", consensus.Member{}, hits(26*h, 25*h, 24*h), false, nil},
		{"three hits, and another one before a day was over", consensus.Member{}, hits(42*h, 41*h, 40*h, 20*h), true, nil},
		{"three hits, and one after a clean day", consensus.Member{}, hits(72*h, 71*h, 70*h, h), false, nil},
		{"a flood that nobody confirms", consensus.Member{Reports: 201, Corroborated: 10}, nil, true, nil},
		{"a flood that others confirm", consensus.Member{Reports: 201, Corroborated: 11}, nil, false, nil},
		{"a flood of yesterday", consensus.Member{Reports: 20, ReportsBefore: 1000}, nil, true, nil},
		{"ten times the usual", consensus.Member{Reports: 200}, nil, false, nil},
		{"half of what it reports is services", consensus.Member{Reports: 20}, services(10), true, nil},
		{"less than half", consensus.Member{Reports: 21}, services(10), false, nil},
		{"less than half, and three hits of what nobody attacks from", consensus.Member{Reports: 200}, hits(3*h, 2*h, h), true, nil},
		{"two services, and nothing else", consensus.Member{Reports: 2}, services(2), false, nil},
		{"half, and others confirmed one today", consensus.Member{Reports: 20}, services(10), false, credit(23 * h)},
		{"nothing else on a quiet day, and others confirmed one last week", consensus.Member{Reports: 3}, services(3), false, credit(13 * 24 * h)},
		{"half, and others confirmed one long ago", consensus.Member{Reports: 20}, services(10), true, credit(14 * 24 * h)},
		{"many services of one network", consensus.Member{Reports: 33}, near, false, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.member.ID = 1
			h := consensus.History{Members: []consensus.Member{test.member}, Faults: test.faults, Credits: test.credits}
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
