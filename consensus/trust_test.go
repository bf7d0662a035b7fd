package consensus_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// numbered returns the nth of many units.
func numbered(n int) consensus.Unit { return unitOf("2001:db8::/64"[:9] + hex(n) + "::1") }

func hex(n int) string {
	const digits = "0123456789abcdef"
	text := []byte{}
	for i := range 2 {
		text = append(text, digits[n>>(12-8*i)&15], digits[n>>(8-8*i)&15])
	}
	return string(text)
}

// standing returns the standing of one member of an age, with credits and faults of today.
func standing(t *testing.T, age time.Duration, credits, faults int, change ...func(*consensus.Member)) consensus.Standing {
	t.Helper()
	rules := newRules(t, func(c *consensus.Config) { c.Trust.CreditsADay, c.Trust.FaultsADay = 1000, 1000 })
	m := consensus.Member{ID: 1, Joined: start.Add(-age)}
	for _, c := range change {
		c(&m)
	}
	h := consensus.History{Members: []consensus.Member{m}}
	for i := range credits {
		h.Credits = append(h.Credits, consensus.Credit{Member: 1, Unit: numbered(i), At: start})
	}
	for i := range faults {
		h.Faults = append(h.Faults, consensus.Fault{Member: 1, Unit: numbered(i), At: start})
	}
	return consensus.Standings(start, rules, h)[1]
}

func TestTrust(t *testing.T) {
	const old = 20 * 365 * aDay
	for _, test := range []struct {
		name            string
		age             time.Duration
		credits, faults int
		want            float64
	}{
		{"who was never right", old, 0, 0, 0.10},
		{"nine confirmed", old, 9, 0, 0.53},
		{"fifty confirmed", old, 50, 0, 0.85},
		{"fifty and one contested", old, 50, 1, 0.64},
		{"fifty and two contested", old, 50, 2, 0.51},
		{"fifty and three contested", old, 50, 3, 0.43},
		{"six days old", 6 * aDay, 50, 0, 0},
		{"a week old", 7 * aDay, 50, 0, 0.18},
		{"thirty days old", 30 * aDay, 50, 0, 0.54},
		{"ninety days old", 90 * aDay, 50, 0, 0.81},
	} {
		near(t, test.name, standing(t, test.age, test.credits, test.faults).Trust, test.want)
	}
}

// What an account that can list costs: so many confirmed attackers that nobody knew.
func TestThePriceOfBeingEstablished(t *testing.T) {
	for age, credits := range map[time.Duration]int{30 * aDay: 34, 60 * aDay: 12, 90 * aDay: 9} {
		if got := standing(t, age, credits, 0).Trust; got < 500_000 {
			t.Errorf("%v, %d confirmed: %v", age, credits, got)
		}
		if got := standing(t, age, credits-1, 0).Trust; got >= 500_000 {
			t.Errorf("%v, %d confirmed: %v", age, credits-1, got)
		}
	}
}

func TestVouchedAndSuspended(t *testing.T) {
	s := standing(t, 0, 0, 0, func(m *consensus.Member) { m.Vouched = true })
	near(t, "vouched, just joined", s.Trust, 0.85)
	if s.State != consensus.Vouched {
		t.Errorf("state %v", s.State)
	}
	if s := standing(t, 0, 0, 0, func(m *consensus.Member) { m.Vouched, m.Suspended = true, true }); s.State != consensus.Suspended {
		t.Errorf("state %v", s.State)
	}
}

// P9: trust is between 0 and 1, falls with faults and rises with credits.
func TestTrustIsMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		age, credits, faults := time.Duration(r.IntN(400))*aDay, r.IntN(100), r.IntN(6)
		got := standing(t, age, credits, faults).Trust
		if got < 0 || got > 1_000_000 {
			t.Errorf("%v", got)
		}
		if more := standing(t, age, credits+1, faults).Trust; more < got {
			t.Errorf("%v, %d credits, %d faults: %v, with another credit %v", age, credits, faults, got, more)
		}
		if worse := standing(t, age, credits, faults+1).Trust; worse > got {
			t.Errorf("%v, %d credits, %d faults: %v, with another fault %v", age, credits, faults, got, worse)
		}
	}
}

func TestCreditsFadeAndAreRationed(t *testing.T) {
	rules := newRules(t)
	trust := func(credits ...consensus.Credit) consensus.Micro {
		h := consensus.History{Members: []consensus.Member{{ID: 1, Joined: start.Add(-20 * 365 * aDay)}}, Credits: credits}
		return consensus.Standings(start, rules, h)[1].Trust
	}
	var today, old, same []consensus.Credit
	for i := range 50 {
		today = append(today, consensus.Credit{Member: 1, Unit: numbered(i), At: start})
		old = append(old, consensus.Credit{Member: 1, Unit: numbered(i), At: start.Add(-90*aDay - time.Duration(i)*aDay/1000)})
		same = append(same, consensus.Credit{Member: 1, Unit: unit, At: start.Add(-time.Duration(i) * aDay)})
	}
	near(t, "fifty on one day count as five", trust(today...), 6.0/15)
	near(t, "five of ninety days ago count as two and a half", trust(old[:5]...), 3.5/12.5)
	near(t, "one unit fifty times, first of 49 days ago", trust(same...), 1.69/10.69)
	for i := range same {
		same[i].Unit = consensus.Unit{}
	}
	near(t, "fifty of units that were erased", trust(same...), 42.6/51.6)
	for i := range today {
		today[i].Unit = consensus.Unit{}
	}
	near(t, "three at once of units that were erased", trust(today[:3]...), 4.0/13)
	near(t, "one that is yet to come", trust(consensus.Credit{Member: 1, Unit: unit, At: start.Add(time.Hour)}), 1.0/10)
}

func TestMembersOfOneHandAreOneCluster(t *testing.T) {
	const place, other = "net:192.0.2.0/24", "net:198.51.100.0/24"
	ago := func(days time.Duration) time.Time { return start.Add(-days * aDay) }
	for _, test := range []struct {
		name    string
		members []consensus.Member
		want    map[consensus.MemberID]consensus.ClusterID
	}{
		{
			"ties",
			[]consensus.Member{
				{ID: 9, Ties: []string{"operator:1"}},
				{ID: 4, Ties: []string{"operator:2", "branch:5"}},
				{ID: 7, Ties: []string{"operator:1"}},
				{ID: 3, Ties: []string{"branch:5"}},
				{ID: 8},
				{ID: 1, Ties: []string{"operator:3"}, Suspended: true},
				{ID: 5, Ties: []string{"operator:3"}},
			},
			map[consensus.MemberID]consensus.ClusterID{9: 7, 7: 7, 4: 3, 3: 3, 8: 8, 1: 1, 5: 1},
		},
		{
			"established neighbours",
			[]consensus.Member{
				{ID: 1, Joined: ago(9), Vouched: true, Near: place},
				{ID: 2, Joined: ago(8), Vouched: true, Near: place},
				{ID: 3, Joined: ago(7), Vouched: true, Near: other},
				{ID: 4, Joined: ago(9), Vouched: true},
			},
			map[consensus.MemberID]consensus.ClusterID{1: 1, 2: 1, 3: 3, 4: 4},
		},
		{
			"newcomers beside established members",
			[]consensus.Member{
				{ID: 1, Joined: ago(1), Near: place}, {ID: 2, Joined: ago(2), Near: place}, {ID: 3, Joined: ago(3), Vouched: true, Near: place},
			},
			map[consensus.MemberID]consensus.ClusterID{1: 2, 2: 2, 3: 3},
		},
		{
			"a newcomer with a server beside each of two established members",
			[]consensus.Member{
				{ID: 1, Joined: ago(9), Vouched: true, Near: place},
				{ID: 2, Joined: ago(9), Vouched: true, Near: other},
				{ID: 3, Joined: ago(1), Ties: []string{"operator:3"}, Near: place},
				{ID: 4, Joined: ago(1), Ties: []string{"operator:3"}, Near: other},
			},
			map[consensus.MemberID]consensus.ClusterID{1: 1, 2: 2, 3: 3, 4: 3},
		},
		{
			"an older established member with a server beside each of two others",
			[]consensus.Member{
				{ID: 1, Joined: ago(5), Vouched: true, Near: place},
				{ID: 2, Joined: ago(5), Vouched: true, Near: other},
				{ID: 3, Joined: ago(9), Vouched: true, Ties: []string{"operator:3"}, Near: place},
				{ID: 4, Joined: ago(8), Ties: []string{"operator:3"}, Near: other},
			},
			map[consensus.MemberID]consensus.ClusterID{1: 3, 2: 2, 3: 3, 4: 3},
		},
		{
			"a suspended neighbour",
			[]consensus.Member{
				{ID: 1, Joined: ago(9), Vouched: true, Suspended: true, Near: place}, {ID: 2, Joined: ago(8), Vouched: true, Near: place},
			},
			map[consensus.MemberID]consensus.ClusterID{1: 1, 2: 2},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, 2))
			for range 10 {
				r.Shuffle(len(test.members), func(i, j int) { test.members[i], test.members[j] = test.members[j], test.members[i] })
				got := consensus.Standings(start, newRules(t), consensus.History{Members: test.members})
				for id, cluster := range test.want {
					if got[id].Cluster != cluster {
						t.Errorf("member %d is in cluster %d, want %d", id, got[id].Cluster, cluster)
					}
				}
			}
		})
	}
}

func TestAClusterSharesItsTrust(t *testing.T) {
	h := consensus.History{Members: []consensus.Member{
		{ID: 1, Net: 20, Joined: start.Add(-100 * aDay), Ties: []string{"operator:1"}, Reports: 200},
		{ID: 2, Net: 10, Joined: start, Ties: []string{"operator:1"}, Reports: 200},
		{ID: 3, Net: 30, Joined: start.Add(-100 * aDay)},
	}}
	standings := consensus.Standings(start, newRules(t), h)
	one, two := standings[1], standings[2]
	if one != two {
		t.Errorf("%+v and %+v", one, two)
	}
	if one.Net != 20 || one.Dilution != 500_000 || standings[3].Dilution != 1_000_000 {
		t.Errorf("%+v", one)
	}
}

func TestNeighboursShareAVoteButNoTrust(t *testing.T) {
	const place = "net:192.0.2.0/24"
	h := consensus.History{Members: []consensus.Member{
		{ID: 1, Net: 10, Joined: start.Add(-80 * aDay), Near: place, Reports: 4000},
		{ID: 2, Net: 20, Joined: start.Add(-100 * aDay), Vouched: true, Near: place, Reports: 100},
		{ID: 3, Net: 5, Joined: start.Add(-8 * aDay), Near: place},
	}}
	for i := range 20 {
		h.Credits = append(h.Credits, consensus.Credit{Member: 1, Unit: numbered(i), At: start.Add(-time.Duration(i) * aDay)})
	}
	standings := consensus.Standings(start, newRules(t), h)
	one, two, young := standings[1], standings[2], standings[3]
	if one.Cluster != 2 || two.Cluster != 2 || one.Net != 20 || two.Net != 20 {
		t.Errorf("one vote, in the network of the older one: %+v, %+v", one, two)
	}
	if two.State != consensus.Vouched || one.State != consensus.Active || one.Age != 80*aDay || one.Dilution == two.Dilution {
		t.Errorf("no trust: %+v, %+v", one, two)
	}
	near(t, "the vouched one", two.Trust, 0.85)
	near(t, "the younger one", one.Trust, 0.634)
	if young.Cluster != 3 || young.Net != 5 {
		t.Errorf("a newcomer: %+v", young)
	}
}

func TestWhoReportsManyWeighsLess(t *testing.T) {
	for reports, want := range map[int64]float64{0: 1, 200: 1, 400: 0.5, 2000: 0.1, 1_000_000: 0} {
		near(t, "nobody confirms", standing(t, 100*aDay, 0, 0, func(m *consensus.Member) { m.Reports = reports }).Dilution, want)
	}
	near(t, "fifty are confirmed", standing(t, 100*aDay, 50, 0, func(m *consensus.Member) { m.Reports = 2400 }).Dilution, 0.5)
}

func TestConfirmation(t *testing.T) {
	s := newScene(t)
	s.member(30, 1, 850_000)  // of the network of member 1
	s.member(31, 31, 400_000) // not established
	for _, test := range []struct {
		name      string
		reporters []consensus.MemberID
		novel     []consensus.MemberID
		want      []consensus.MemberID
	}{
		{"by two others", []consensus.MemberID{1, 2, 3}, []consensus.MemberID{1}, []consensus.MemberID{1}},
		{"by one other", []consensus.MemberID{1, 2}, []consensus.MemberID{1}, nil},
		{"by one, and by a neighbour in the network", []consensus.MemberID{1, 2, 30}, []consensus.MemberID{1}, nil},
		{"by one, and by a newcomer", []consensus.MemberID{1, 2, 31}, []consensus.MemberID{1}, nil},
		{"of a newcomer by two", []consensus.MemberID{31, 1, 2}, []consensus.MemberID{31}, []consensus.MemberID{31}},
		{"only of those to whom it was new", []consensus.MemberID{1, 2, 3, 4}, []consensus.MemberID{4, 2}, []consensus.MemberID{2, 4}},
		{"by itself many times", []consensus.MemberID{1, 1, 1, 2}, []consensus.MemberID{1}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := consensus.Confirmed(s.rules, test.reporters, test.novel, s.Standings); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestWhatIsKnownIsNotNovel(t *testing.T) {
	rules := newRules(t)
	ended := func(ago time.Duration) consensus.Prev {
		return consensus.Prev{Episodes: []consensus.Episode{{From: start.Add(-ago - aDay), To: start.Add(-ago)}}}
	}
	for _, test := range []struct {
		name     string
		prev     consensus.Prev
		imported bool
		want     bool
	}{
		{"what nobody knew", consensus.Prev{}, false, true},
		{"what is watched", consensus.Prev{Tier: consensus.Watched}, false, true},
		{"what members have to challenge", consensus.Prev{Tier: consensus.Suspect}, false, false},
		{"what a public list has", consensus.Prev{}, true, false},
		{"what was listed six days ago", ended(6 * aDay), false, false},
		{"what was listed eight days ago", ended(8 * aDay), false, true},
	} {
		if got := consensus.Novel(start, rules, test.prev, test.imported); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
