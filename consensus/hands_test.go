package consensus_test

import (
	"testing"

	"github.com/tocsin-project/tocsin/consensus"
)

// Accounts of one hand share its trust, its credits and its faults.
func TestWhatAHandShares(t *testing.T) {
	ties := []string{"operator:1"}
	joined := start.Add(-20 * 365 * aDay)
	credits := func(member consensus.MemberID, n int) (all []consensus.Credit) {
		for i := range n {
			all = append(all, consensus.Credit{Member: member, Unit: numbered(i), At: start})
		}
		return all
	}
	fault := []consensus.Fault{{Member: 2, Unit: numbered(1), At: start}}
	for _, row := range []struct {
		name   string
		second consensus.Member // the first has no fault
		h      consensus.History
		want   float64
	}{
		{"the faults of another", consensus.Member{}, consensus.History{Credits: credits(1, 50), Faults: fault}, 0.64},
		{"the faults of one that left", consensus.Member{Left: true}, consensus.History{Credits: credits(1, 50), Faults: fault}, 0.64},
		{"the credits of another", consensus.Member{}, consensus.History{Credits: credits(2, 50)}, 0.85},
		{"but not of one that left", consensus.Member{Left: true}, consensus.History{Credits: credits(2, 50)}, 0.10},
		{"the word for another", consensus.Member{Vouched: true}, consensus.History{}, 0.85},
		{"but not for one that left", consensus.Member{Vouched: true, Left: true}, consensus.History{}, 0.10},
		{"nor for a suspended one", consensus.Member{Vouched: true, Suspended: true}, consensus.History{}, 0.10},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.second.ID, row.second.Ties, row.second.Joined = 2, ties, joined
			row.h.Members = []consensus.Member{{ID: 1, Ties: ties, Joined: joined}, row.second}
			rules := newRules(t, func(c *consensus.Config) { c.Trust.CreditsADay = 1000 })
			got := consensus.Standings(start, rules, row.h)
			near(t, "trust", got[1].Trust, row.want)
			if _, there := got[2]; there == row.second.Left {
				t.Errorf("whether the second has a standing: %v", there)
			}
		})
	}
}
