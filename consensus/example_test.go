package consensus_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// Three members, whom the operator knows, report the same address.
func Example() {
	rules, err := consensus.New(consensus.Defaults())
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
	var h consensus.History
	for id := range consensus.MemberID(8) {
		h.Members = append(h.Members, consensus.Member{ID: id, Net: consensus.ASN(64500 + id), Joined: now, Vouched: true})
	}
	standings := consensus.Standings(now, rules, h)
	e := consensus.Evidence{
		Unit:      consensus.UnitOf(netip.MustParseAddr("2001:db8::7")),
		Standings: standings,
		Context:   consensus.Context{Established: consensus.CountEstablished(rules, standings)},
	}
	for n, id := range []consensus.MemberID{1, 2, 5} {
		at := now.Add(time.Duration(n) * time.Hour)
		e.Reports = append(e.Reports, consensus.Report{
			Member: id, Seq: uint64(n + 1), Behaviour: "http:bruteforce", Confidence: 3, Last: at, Arrived: at,
		})
		v := consensus.Evaluate(at, rules, e)
		fmt.Println(v.Unit, v.Tier, v.Remediation, v.Reasons)
		e.Prev = v.Next
	}
	// Output:
	// 2001:db8::/64 watch none [watched light few one_network]
	// 2001:db8::/64 suspect captcha [suspect light few]
	// 2001:db8::/64 listed ban [listed]
}
