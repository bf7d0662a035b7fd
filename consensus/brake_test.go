package consensus_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// members returns n established members, each a cluster in a network of its own.
func members(n int) map[consensus.MemberID]consensus.Standing {
	all := map[consensus.MemberID]consensus.Standing{}
	for id := range n {
		all[consensus.MemberID(id)] = consensus.Standing{
			Cluster: consensus.ClusterID(id), Net: consensus.ASN(id), Trust: 850_000, Age: 100 * aDay, Dilution: 1_000_000,
		}
	}
	return all
}

func exploit(id int, at time.Time) consensus.Report {
	return consensus.Report{Member: consensus.MemberID(id), Behaviour: "http:exploit", Confidence: 3, Last: at}
}

// frame lets gangs report victims that nobody else has seen, and returns how many were
// ever listed, and how many are in the end.
func frame(c *centre, victims int, gang func(victim int) []int) (ever, left int) {
	now := start
	for v := range victims {
		now = now.Add(10 * time.Minute)
		for _, id := range gang(v) {
			c.report(now, numbered(v), exploit(id, now))
		}
	}
	for v := range victims {
		f := c.file(numbered(v))
		if !f.everFrom.IsZero() {
			ever++
		}
		if f.isListed(now) {
			left++
		}
	}
	return ever, left
}

// B3: who reports nothing else can list five victims in a window, however many he is, and
// with the sixth he loses them all.
func TestAGangListsFive(t *testing.T) {
	for _, m := range []int{3, 4, 6, 10, 16, 17, 20, 40, 80} {
		c := newCentre(newRules(t), members(100))
		ever, left := frame(c, 60, func(int) []int { return upTo(0, m) })
		if ever != 5 || left != 0 {
			t.Errorf("a gang of %d: %d victims, %d of them in the end; want 5 and 0", m, ever, left)
		}
	}
}

func TestASmallGroupHasMorePatience(t *testing.T) {
	c := newCentre(newRules(t), members(30))
	if ever, _ := frame(c, 60, func(int) []int { return []int{0, 1, 2} }); ever != 15 {
		t.Errorf("%d victims, want 15", ever)
	}
}

// nine are three times as many as it takes; each pair of them meets in one of these.
var nine = [][]int{
	{0, 1, 2},
	{3, 4, 5},
	{6, 7, 8},
	{0, 3, 6},
	{1, 4, 7},
	{2, 5, 8},
	{0, 4, 8},
	{1, 5, 6},
	{2, 3, 7},
	{0, 5, 7},
	{1, 3, 8},
	{2, 4, 6},
}

// The brake is about pairs, and a gang whose threes take turns has many: what it lists is
// bounded by what others report that few see, and not at all where that is little. The
// documentation says so.
func TestAGangThatTakesTurnsListsMore(t *testing.T) {
	for truths, want := range map[int][2]int{2000: {60, 200}, 100: {600, 600}} {
		c := newCentre(newRules(t), members(100))
		tellTheTruth(c, rand.New(rand.NewPCG(7, 7)), truths, 2)
		ever, _ := frame(c, 600, func(v int) []int { return nine[v%12] })
		if ever < want[0] || ever > want[1] {
			t.Errorf("%d victims beside %d that two or three others report, want %d to %d", ever, truths, want[0], want[1])
		}
	}
}

// P11: of random campaigns of insiders who also report what others see, three list no more
// victims than κ + 2e + 2√e of each pair of them. So a gang lists no more than its best three.
func TestInsidersAreBounded(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 11))
		c := newCentre(newRules(t), members(100))
		gang := 3 + r.IntN(5)
		truth := tellTheTruth(c, r, 300, 11)
		frame(c, 100, func(int) []int { return upTo(0, gang) })
		listed, bound := 0.0, 0.0
		for v := range 100 {
			if !c.file(numbered(v)).everFrom.IsZero() {
				listed++
			}
		}
		for i := range gang {
			for j := range i {
				for k := range j {
					bound = max(bound, min(chance(truth, i, j), chance(truth, i, k), chance(truth, j, k)))
				}
			}
		}
		if listed > bound {
			t.Errorf("seed %d, gang of %d: it lists %v, want at most %.1f", seed, gang, listed, bound)
		}
	}
}

// tellTheTruth lets a hundred members report units, each of which two or a few more of
// them have seen.
func tellTheTruth(c *centre, r *rand.Rand, units, more int) map[int][]int {
	truth := map[int][]int{}
	for u := range units {
		truth[u] = r.Perm(100)[:2+r.IntN(more)]
		for _, id := range truth[u] {
			c.report(start, numbered(10_000+u), exploit(id, start))
		}
	}
	return truth
}

// chance returns κ + 2e + 2√e for two members, by what is true, in floats: the victims
// only make e smaller.
func chance(truth map[int][]int, i, j int) float64 {
	var e float64
	for bin := range 4 {
		var a, b, both, all float64
		for _, seen := range truth {
			if !inBin(len(seen), bin) {
				continue
			}
			all++
			x, y := slices.Contains(seen, i), slices.Contains(seen, j)
			if x {
				a++
			}
			if y {
				b++
			}
			if x && y {
				both++
			}
		}
		e += (a - both) * (b - both) / max(1, all-a-b+both)
	}
	return 5 + 2*e + 2*sqrt(e)
}

func inBin(n, bin int) bool {
	bounds := [...][2]int{{2, 3}, {4, 6}, {7, 11}, {12, 16}}[bin]
	return bounds[0] <= n && n <= bounds[1]
}

func sqrt(x float64) float64 {
	root := x + 1
	for range 60 {
		root = (root + x/root) / 2
	}
	return root
}

// Members who are independent must not be merged because much is seen by many.
func TestIndependentMembersAreNotMerged(t *testing.T) {
	for _, reach := range []int{3, 10, 30, 90} {
		r := rand.New(rand.NewPCG(uint64(reach), 1))
		var seen []consensus.CoReport
		for u := range 2000 {
			for _, id := range r.Perm(200)[:2+r.IntN(reach)] {
				seen = append(seen, consensus.CoReport{Cluster: consensus.ClusterID(id), Unit: numbered(u), Last: start})
			}
		}
		if got := consensus.Components(start, newRules(t), 200, 5, seen); len(got) > 2 { // of 19,900 pairs, one may be by chance
			t.Errorf("2 to %d reporters: %d clusters are merged", reach+1, len(got))
		}
	}
}

func TestComponents(t *testing.T) {
	var seen []consensus.CoReport
	add := func(units, from int, clusters ...int) {
		for u := range units {
			for _, c := range clusters {
				seen = append(seen, consensus.CoReport{Cluster: consensus.ClusterID(c), Unit: numbered(from + u), Last: start})
			}
		}
	}
	add(6, 0, 1, 2)     // six are too many
	add(6, 100, 2, 3)   // a chain
	add(5, 200, 7, 8)   // five are not
	add(30, 300, 9)     // nobody else
	add(6, 400, 20, 21) // but of long ago
	for i := range seen {
		if seen[i].Cluster >= 20 {
			seen[i].Last = start.Add(-14 * aDay)
		}
	}
	rand.New(rand.NewPCG(3, 3)).Shuffle(len(seen), func(i, j int) { seen[i], seen[j] = seen[j], seen[i] })
	got := consensus.Components(start, newRules(t), 100, 1, seen)
	want := map[consensus.ClusterID]consensus.ClusterID{1: 1, 2: 1, 3: 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What is counted as it comes is what is counted at once; what is taken back leaves nothing.
func TestOverlapsAreThoseOfTheWindow(t *testing.T) {
	rules := newRules(t)
	r := rand.New(rand.NewPCG(4, 4))
	online := &consensus.Overlaps{Key: 7}
	var rows []consensus.CoReport
	var all []consensus.Reporting
	for u := range 300 {
		var unit consensus.Reporting
		behaviour := []consensus.Behaviour{"http:scan", "ssh:bruteforce", "smtp:spam", "x:dos"}[u%4]
		for _, id := range r.Perm(40)[:r.IntN(30)] {
			after := consensus.Reporting{Clusters: append(slices.Clone(unit.Clusters), consensus.ClusterID(id)), Service: uint8(u % 4)}
			online.Replace(unit, after)
			unit = after
			rows = append(rows, consensus.CoReport{Cluster: consensus.ClusterID(id), Unit: numbered(u), Behaviour: behaviour, Seq: uint64(len(rows)), Last: start})
		}
		all = append(all, unit)
	}
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if !online.Equal(consensus.Count(start, rules, 7, rows)) {
		t.Error("counted as they came, they differ from those counted at once")
	}
	for _, unit := range all {
		online.Replace(unit, consensus.Reporting{})
	}
	if !online.Equal(&consensus.Overlaps{Key: 7}) {
		t.Error("something is left")
	}
}

// B1, P5: newcomers alone, however many, are watched at most, and so they are with one
// established member.
func TestNewcomersListNobody(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{1, 3, 50, r.IntN(1000), r.IntN(10_000), 10_000} {
		s := newScene(t)
		s.newcomers(n)
		s.report(upTo(1000, n)...)
		if v := s.judge(); v.Tier > consensus.Watched || v.Score > 487_500 {
			t.Errorf("%d newcomers: %v, score %v", n, v.Tier, v.Score)
		}
		s.report(1)
		if v := s.judge(); v.Tier > consensus.Watched {
			t.Errorf("%d newcomers and one established member: %v", n, v.Tier)
		}
	}
}

// B2: what is listed has enough established members in two networks, and three quarters
// of the weight from them.
func TestNewcomersDoNotReplaceWeight(t *testing.T) {
	s := newScene(t)
	s.newcomers(10_000)
	s.kind("http:exploit", 3, upTo(1000, 10_000)...)
	s.kind("http:scan", 2, 1, 2, 3) // 0.34 each
	v := s.wantTier(t, consensus.Suspect)
	near(t, "score", v.Score, 1.02+0.4875)
	s.kind("http:bruteforce", 2, 4, 5)
	s.wantTier(t, consensus.Listed)
}

// B6: who claims ordinary use shields hardly anybody.
func TestShields(t *testing.T) {
	s := newScene(t)
	s.newcomers(1000)
	s.report(1, 2, 3)
	before := s.judge().Net
	s.use(upTo(1000, 1000)...)
	if v := s.judge(); v.Net != before {
		t.Errorf("a thousand newcomers take %v to %v", before, v.Net)
	}
	s.use(4)
	near(t, "one established member takes", before-s.judge().Net, 0.13)
}
