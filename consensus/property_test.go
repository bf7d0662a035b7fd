package consensus_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A property holds at each step of each life: before is the life when the step was taken
// and nothing decided yet.
type property struct {
	name string
	hold func(before *life, what act, v consensus.Verdict, r *rand.Rand) error
}

var properties = []property{
	{"P1 order and duplicates change nothing", orderIsNothing},
	{"P2 more evidence of attacks never lowers the score, more of use never raises the net", moreIsMore},
	{"P3 without a new report nothing rises", nothingRises},
	{"P4 a second account in a cluster changes nothing", splittingIsNothing},
	{"P6 one network never lists", oneNetworkListsNobody},
	{"P7 an excluded address is never listed, a shared one never banned", classesHold},
	{"P8 a quarantined member is absent", quarantinedIsAbsent},
	{"P10 fewer established members than needed never list", fewListNobody},
	{"P13 an end is in the future, and within 168 hours", endsAreNear},
	{"P14 after an appeal, only what came later lists", appealsHold},
	{"P15 contributions sum to the score, and reasons imply the tier", isExplained},
	{"P16 reports older than the window can be deleted", oldIsNothing},
	{"P18 who reported cannot be told from the explanation", namesAreNothing},
	{"P19 stricter constants never add a listing", stricterListsLess},
}

func TestProperties(t *testing.T) {
	rules := newRules(t)
	tiers := map[consensus.Tier]int{}
	for seed := range uint64(60) {
		live(t, rules, randomTape(seed, 700), properties, func(v consensus.Verdict) { tiers[v.Tier]++ })
	}
	for tier := consensus.None; tier <= consensus.Listed; tier++ {
		if tiers[tier] < 100 {
			t.Errorf("%d verdicts are %v: the lives show too little", tiers[tier], tier)
		}
	}
}

func FuzzProperties(f *testing.F) {
	rules := newRules(f)
	for i := range properties {
		f.Add(uint8(i), randomTape(uint64(i), 250).bytes)
	}
	f.Fuzz(func(t *testing.T, which uint8, bytes []byte) {
		one := int(which) % len(properties)
		live(t, rules, &tape{bytes[:min(len(bytes), 300)]}, properties[one:one+1], func(consensus.Verdict) {})
	})
}

// live lives a life, and checks properties at each step.
func live(t *testing.T, rules *consensus.Rules, tape *tape, properties []property, see func(consensus.Verdict)) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	l := newLife(rules, tape)
	for step := 0; len(tape.bytes) > 0; step++ {
		what := l.step(tape)
		before := l.clone()
		v := l.judge()
		see(v)
		for _, p := range properties {
			if err := p.hold(before.clone(), what, v, r); err != nil {
				t.Fatalf("%s: step %d, %v: %v", p.name, step, what, err)
			}
		}
	}
	constant(t, l)
}

func orderIsNothing(l *life, _ act, v consensus.Verdict, r *rand.Rand) error {
	if n := len(l.Reports); n > 0 {
		l.Reports = append(l.Reports, l.Reports[r.IntN(n)], l.Reports[r.IntN(n)])
	}
	if n := len(l.Benign); n > 0 {
		l.Benign = append(l.Benign, l.Benign[r.IntN(n)])
	}
	r.Shuffle(len(l.Reports), func(i, j int) { l.Reports[i], l.Reports[j] = l.Reports[j], l.Reports[i] })
	r.Shuffle(len(l.Benign), func(i, j int) { l.Benign[i], l.Benign[j] = l.Benign[j], l.Benign[i] })
	return same(l.evaluate(), v)
}

func same(got, want consensus.Verdict) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%+v, want %+v", got, want)
	}
	return nil
}

func moreIsMore(l *life, _ act, _ consensus.Verdict, r *rand.Rand) error {
	l.Prev = consensus.Prev{Appealed: l.Prev.Appealed}
	before := l.evaluate()
	tape := randomTape(r.Uint64(), 8)
	l.report(consensus.MemberID(tape.below(24)), tape)
	attacked := l.evaluate()
	if attacked.Score < before.Score {
		return fmt.Errorf("another report: %v, before %v", attacked.Score, before.Score)
	}
	l.Benign = append(l.Benign, consensus.Benign{Member: consensus.MemberID(tape.below(24)), Last: l.now})
	if used := l.evaluate(); used.Net > attacked.Net || used.Tier > attacked.Tier {
		return fmt.Errorf("another use: %v %v, before %v %v", used.Tier, used.Net, attacked.Tier, attacked.Net)
	}
	return nil
}

func nothingRises(l *life, what act, v consensus.Verdict, _ *rand.Rand) error {
	if what == reports || !l.Prev.Judged {
		return nil
	}
	if v.Tier > l.Prev.Tier || v.Score > l.Prev.Score {
		return fmt.Errorf("%v %v, before %v %v", v.Tier, v.Score, l.Prev.Tier, l.Prev.Score)
	}
	if v.Tier >= consensus.Suspect && v.Expires.After(l.Prev.Expires) {
		return fmt.Errorf("ends %v, before %v", v.Expires, l.Prev.Expires)
	}
	return nil
}

func splittingIsNothing(l *life, _ act, v consensus.Verdict, r *rand.Rand) error {
	whole := consensus.MemberID(r.IntN(24))
	l.Standings[500] = l.Standings[whole]
	for i := range l.Reports {
		if l.Reports[i].Member == whole && r.IntN(2) == 0 {
			l.Reports[i].Member = 500
		}
	}
	for i := range l.Benign {
		if l.Benign[i].Member == whole && r.IntN(2) == 0 {
			l.Benign[i].Member = 500
		}
	}
	return same(l.evaluate(), v)
}

func oneNetworkListsNobody(l *life, _ act, _ consensus.Verdict, _ *rand.Rand) error {
	for id, s := range l.Standings {
		s.Net = 64500
		l.Standings[id] = s
	}
	if v := l.evaluate(); v.Tier >= consensus.Suspect {
		return fmt.Errorf("%v", v.Tier)
	}
	return nil
}

func classesHold(l *life, _ act, _ consensus.Verdict, _ *rand.Rand) error {
	l.Context.Shared = true
	if v := l.evaluate(); v.Tier == consensus.Listed || v.Remediation == consensus.Ban {
		return fmt.Errorf("shared: %v", v.Tier)
	}
	l.Context.Exclusion = consensus.Payment
	if v := l.evaluate(); v.Tier != consensus.None {
		return fmt.Errorf("excluded: %v", v.Tier)
	}
	return nil
}

func quarantinedIsAbsent(l *life, _ act, v consensus.Verdict, _ *rand.Rand) error {
	out := func(m consensus.MemberID) bool { return l.Standings[m].State >= consensus.Quarantined }
	l.Reports = slices.DeleteFunc(l.Reports, func(r consensus.Report) bool { return out(r.Member) })
	l.Benign = slices.DeleteFunc(l.Benign, func(b consensus.Benign) bool { return out(b.Member) })
	got := l.evaluate()
	got.Next.Seq = v.Next.Seq // which of them were there is remembered
	return same(got, v)
}

func fewListNobody(l *life, _ act, v consensus.Verdict, _ *rand.Rand) error {
	needed := map[int]int{7: 2, 30: 3, 100: 3, 1000: 3, 1001: 4, 20_000: 5}[l.Context.Established]
	if v.Needed != needed {
		return fmt.Errorf("%d needed, want %d", v.Needed, needed)
	}
	if v.Tier == consensus.Listed && l.Prev.Tier < consensus.Listed && v.Established < needed {
		return fmt.Errorf("listed by %d", v.Established)
	}
	if v.Tier >= consensus.Suspect && (v.Established < 2 || v.Networks < 2) {
		return fmt.Errorf("%v by %d in %d networks", v.Tier, v.Established, v.Networks)
	}
	return nil
}

func endsAreNear(l *life, _ act, v consensus.Verdict, _ *rand.Rand) error {
	if v.Tier == consensus.None {
		if !v.Expires.IsZero() {
			return fmt.Errorf("none ends %v", v.Expires)
		}
		return nil
	}
	if !v.Expires.After(l.now) || v.Expires.After(l.now.Add(168*time.Hour)) {
		return fmt.Errorf("at %v, ends %v", l.now, v.Expires)
	}
	return nil
}

func appealsHold(l *life, _ act, v consensus.Verdict, _ *rand.Rand) error {
	appealed := l.Prev.Appealed
	if v.Tier < consensus.Suspect || appealed.IsZero() {
		return nil
	}
	if l.now.Before(appealed.Add(24 * time.Hour)) {
		return fmt.Errorf("%v on the day of the appeal", v.Tier)
	}
	later := map[consensus.ClusterID]bool{}
	for _, r := range l.Reports {
		if s, known := l.Standings[r.Member]; known && s.Trust >= 500_000 && r.Last.After(appealed) && r.Arrived.After(appealed) {
			later[s.Cluster] = true
		}
	}
	if l.Prev.Tier < consensus.Suspect && len(l.Prev.Episodes) == 0 && (len(later) < v.Needed || v.Tier == consensus.Listed) {
		return fmt.Errorf("%v by %d of %d with later reports", v.Tier, len(later), v.Needed)
	}
	return nil
}

func isExplained(_ *life, _ act, v consensus.Verdict, _ *rand.Rand) error {
	var sum consensus.Micro
	for _, c := range v.Contributions {
		sum += c.Counted
		if c.Counted < 0 || c.Counted > c.Weight {
			return fmt.Errorf("%+v", c)
		}
	}
	if sum != v.Score {
		return fmt.Errorf("contributions are %v, the score %v", sum, v.Score)
	}
	if got := consensus.Implies(v.Reasons); got != v.Tier {
		return fmt.Errorf("%v imply %v, not %v", v.Reasons, got, v.Tier)
	}
	return nil
}

func oldIsNothing(l *life, _ act, v consensus.Verdict, _ *rand.Rand) error {
	limit := l.now.Add(-14 * 24 * time.Hour)
	l.Reports = slices.DeleteFunc(l.Reports, func(r consensus.Report) bool { return !r.Last.After(limit) || !r.Arrived.After(limit) })
	l.Benign = slices.DeleteFunc(l.Benign, func(b consensus.Benign) bool { return !b.Last.After(limit) })
	got := l.evaluate()
	got.Next.Seq = v.Next.Seq
	return same(got, v)
}

// namesAreNothing gives all members, and all clusters, other ids.
func namesAreNothing(l *life, _ act, v consensus.Verdict, r *rand.Rand) error {
	if v.Established > 16 {
		return nil // the sample is another one
	}
	ids := r.Perm(24)
	standings := map[consensus.MemberID]consensus.Standing{}
	for id, s := range l.Standings {
		s.Cluster = consensus.ClusterID(ids[s.Cluster])
		standings[consensus.MemberID(ids[id])] = s
	}
	l.Standings = standings
	rename := func(m consensus.MemberID) consensus.MemberID {
		if m < 24 {
			return consensus.MemberID(ids[m])
		}
		return m
	}
	for i := range l.Reports {
		l.Reports[i].Member = rename(l.Reports[i].Member)
	}
	for i := range l.Benign {
		l.Benign[i].Member = rename(l.Benign[i].Member)
	}
	l.others, l.overlaps = slices.Clone(l.others), nil
	for i := range l.others {
		l.others[i].Cluster = consensus.ClusterID(ids[l.others[i].Cluster])
	}
	if got, want := consensus.Explain(l.evaluate()), consensus.Explain(v); got != want {
		return fmt.Errorf("%s, want %s", got, want)
	}
	return nil
}

var stricter = []func(*consensus.Config){
	func(c *consensus.Config) { c.Threshold = 800_000 },
	func(c *consensus.Config) { c.Threshold = 3_000_000 },
	func(c *consensus.Config) { c.MinWitnesses = 5 },
	func(c *consensus.Config) { c.Benign = 250_000 },
	func(c *consensus.Config) { c.Benign = 1_000_000 },
}

var stricterRules = sync.OnceValue(func() (all []*consensus.Rules) {
	for _, change := range stricter {
		cfg := consensus.Defaults()
		change(&cfg)
		rules, err := consensus.New(cfg)
		if err != nil {
			panic(err)
		}
		all = append(all, rules)
	}
	return all
})

func stricterListsLess(l *life, _ act, _ consensus.Verdict, r *rand.Rand) error {
	l.Prev = consensus.Prev{Appealed: l.Prev.Appealed}
	before := l.evaluate()
	which := r.IntN(len(stricter))
	l.rules = stricterRules()[which]
	if v := l.evaluate(); v.Tier > before.Tier {
		return fmt.Errorf("change %d: %v, before %v", which, v.Tier, before.Tier)
	}
	return nil
}

// constant checks P12: when nothing happens any more, a unit leaves each tier once.
func constant(t *testing.T, l *life) {
	t.Helper()
	tier := l.Prev.Tier
	for range 60 {
		l.now = l.now.Add(7 * time.Hour)
		v := l.judge()
		if v.Tier > tier {
			t.Fatalf("P12: it goes from %v back to %v by itself", tier, v.Tier)
		}
		tier = v.Tier
	}
	if tier != consensus.None {
		t.Fatalf("P12: it is %v after 17 days of silence", tier)
	}
}

// P20: a replay of the log gives the live state, whenever it was looked at in between.
func TestReplayGivesTheLiveState(t *testing.T) {
	rules := newRules(t)
	for seed := range uint64(200) {
		var log []consensus.Verdict
		live := newLife(rules, randomTape(seed, 500))
		tape := randomTape(seed+1000, 400)
		for len(tape.bytes) > 0 {
			live.step(tape)
			log = append(log, live.judge())
		}
		replayed := newLife(rules, randomTape(seed, 500))
		tape = randomTape(seed+1000, 400)
		r := rand.New(rand.NewPCG(seed, 3))
		for i := range log {
			before := replayed.now
			replayed.step(tape)
			lookInBetween(replayed, before, r)
			if err := same(replayed.judge(), log[i]); err != nil {
				t.Fatalf("life %d, step %d: %v", seed, i, err)
			}
		}
	}
}

// lookInBetween evaluates at a moment before now, when only time has passed.
func lookInBetween(l *life, before time.Time, r *rand.Rand) {
	if now := l.now; now.After(before) {
		l.now = before.Add(time.Duration(r.Int64N(int64(now.Sub(before)))).Truncate(time.Second))
		l.judge()
		l.now = now
	}
}
