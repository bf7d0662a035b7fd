package consensus_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

func TestHowManyMustAgree(t *testing.T) {
	rules := newRules(t)
	cfg := rules.Config()
	for n, want := range map[int]int{
		3: 2, 7: 2, 8: 3, 100: 3, 1000: 3, 1001: 4, 10_000: 4, 10_001: 5, 100_000: 5, 100_001: 6, 200_000: 6,
	} {
		if got := cfg.Needed(n); got != want {
			t.Errorf("of %d: %d, want %d", n, got, want)
		}
	}
	cfg.TrustedGroup = true
	for n, want := range map[int]int{30: 2, 49: 2, 50: 3} {
		if got := cfg.Needed(n); got != want {
			t.Errorf("of %d who know one another: %d, want %d", n, got, want)
		}
	}
}

func TestEvidenceFades(t *testing.T) {
	cfg := newRules(t).Config()
	for days, want := range map[float64]float64{0: 1.00, 1: 0.79, 2: 0.61, 3: 0.48, 7: 0.17, 14: 0, 30: 0} {
		near(t, "decay", cfg.Decay(time.Duration(days*float64(aDay))), want)
	}
	if got := cfg.Decay(14*aDay - time.Second); got > 1 {
		t.Errorf("%d millionths in the last second: there must be no step", got)
	}
}

func TestWhatListsAnAddress(t *testing.T) {
	for _, test := range []struct {
		name string
		tell func(s *scene)
		want consensus.Tier
	}{
		{"one established member", func(s *scene) { s.report(1) }, consensus.Watched},
		{"two", func(s *scene) { s.report(1, 2) }, consensus.Suspect},
		{"three", func(s *scene) { s.report(1, 2, 3) }, consensus.Listed},
		{"one many times", func(s *scene) { s.report(slices.Repeat([]int{1}, 100)...) }, consensus.Watched},
		{"a hundred newcomers", func(s *scene) { s.newcomers(100); s.report(upTo(1000, 100)...) }, consensus.Watched},
		{"one established member and a hundred newcomers", func(s *scene) {
			s.newcomers(100)
			s.report(upTo(1000, 100)...)
			s.report(1)
		}, consensus.Watched},
		{"three in one network", func(s *scene) {
			for id := range 3 {
				s.member(id+1, 64500, 850_000)
			}
			s.report(1, 2, 3)
		}, consensus.Watched},
		{"three of whom two are in one network", func(s *scene) {
			s.member(2, 1, 850_000)
			s.report(1, 2, 3)
		}, consensus.Suspect}, // 0.98 of the two and 0.85 of the third are less than 1.95
		{"three accounts of one hand", func(s *scene) {
			for id := range 3 {
				standing := s.Standings[consensus.MemberID(id+1)]
				standing.Cluster = 1
				s.Standings[consensus.MemberID(id+1)] = standing
			}
			s.report(1, 2, 3)
		}, consensus.Watched},
		{"three that saw a scan only", func(s *scene) { s.kind("http:scan", 3, 1, 2, 3) }, consensus.Suspect},
		{"three that saw guessing of passwords", func(s *scene) { s.kind("ssh:bruteforce", 3, 1, 2, 3) }, consensus.Listed},
		{"three whose scenarios err at times", func(s *scene) { s.kind("http:exploit", 1, 1, 2, 3) }, consensus.Suspect},
		{"three that say what nobody knows", func(s *scene) { s.kind("http:rudeness", 3, 1, 2, 3) }, consensus.None},
		{"three whose requests another page sent", func(s *scene) {
			s.each(func(r *consensus.Report) { r.Reflected = true }, 1, 2, 3)
		}, consensus.None},
		{"three whose requests came before the handshake", func(s *scene) {
			s.each(func(r *consensus.Report) { r.EarlyData = true }, 1, 2, 3)
		}, consensus.None},
		{"three with scenarios that are changed", func(s *scene) {
			s.each(func(r *consensus.Report) { r.Provenance = consensus.Tainted }, 1, 2, 3)
		}, consensus.None},
		{"three that typed a ban", func(s *scene) {
			s.each(func(r *consensus.Report) { r.Provenance = consensus.Manual }, 1, 2, 3)
		}, consensus.Watched},
		{"three that can be deceived about the address", func(s *scene) {
			s.each(func(r *consensus.Report) { r.Spoofable = 3 }, 1, 2, 3)
		}, consensus.None},
		{"three that tell of the day before yesterday", func(s *scene) {
			s.each(func(r *consensus.Report) { r.Last = s.now.Add(-25 * time.Hour) }, 1, 2, 3)
		}, consensus.None},
		{"three that tell of tomorrow", func(s *scene) {
			s.each(func(r *consensus.Report) { r.Last = s.now.Add(aDay) }, 1, 2, 3)
		}, consensus.Listed},
		{"three, and one sees ordinary use", func(s *scene) { s.report(1, 2, 3); s.use(4) }, consensus.Listed},
		{"three, and four see ordinary use", func(s *scene) { s.report(1, 2, 3); s.use(4, 5, 6, 7) }, consensus.Listed},
		{"three, and five see ordinary use", func(s *scene) { s.report(1, 2, 3); s.use(4, 5, 6, 7, 8) }, consensus.Suspect},
		{"three, and six see ordinary use: many people share it", func(s *scene) { s.report(1, 2, 3); s.use(4, 5, 6, 7, 8, 9) }, consensus.Watched},
		{"two, and five see ordinary use: many people share it", func(s *scene) { s.report(1, 2); s.use(4, 5, 6, 7, 8) }, consensus.Watched},
		{"eight, and ten protect it", func(s *scene) { s.report(upTo(1, 8)...); s.use(upTo(9, 10)...) }, consensus.Listed},
		{"three that see ordinary use as well", func(s *scene) { s.report(1, 2, 3); s.use(1, 2, 3) }, consensus.Listed},
		{"three, of an address that many people share", func(s *scene) { s.Context.Shared = true; s.report(1, 2, 3) }, consensus.Suspect},
		{"five, of such an address", func(s *scene) { s.Context.Shared = true; s.report(1, 2, 3, 4, 5) }, consensus.Suspect},
		{"five, of an exit of Tor", func(s *scene) { s.Context.Tor = true; s.report(1, 2, 3, 4, 5) }, consensus.Suspect},
		{"five, of a search engine", func(s *scene) { s.Context.Exclusion = consensus.Crawler; s.report(1, 2, 3, 4, 5) }, consensus.None},
		{"five, of a private address", func(s *scene) { s.Unit = unitOf("10.0.0.1"); s.report(1, 2, 3, 4, 5) }, consensus.None},
		{"three, of a member's own address", func(s *scene) { s.Context.Own = true; s.report(1, 2, 3) }, consensus.Suspect},
		{"three, of one who was told two days ago", func(s *scene) {
			s.Context.Own, s.Context.Noticed = true, s.now.Add(-2*aDay)
			s.report(1, 2, 3)
		}, consensus.Suspect},
		{"five, of one who was told two days ago", func(s *scene) {
			s.Context.Own, s.Context.Noticed = true, s.now.Add(-2*aDay)
			s.report(1, 2, 3, 4, 5)
		}, consensus.Listed},
		{"five, of one who was told an hour ago", func(s *scene) {
			s.Context.Own, s.Context.Noticed = true, s.now.Add(-time.Hour)
			s.report(1, 2, 3, 4, 5)
		}, consensus.Suspect},
		{"three, in a community of ten thousand", func(s *scene) { s.Context.Established = 10_000; s.report(1, 2, 3) }, consensus.Suspect},
		{"four, in a community of ten thousand", func(s *scene) { s.Context.Established = 10_000; s.report(1, 2, 3, 4) }, consensus.Listed},
		{"two, in a community of three", func(s *scene) { s.Context.Established = 3; s.report(1, 2) }, consensus.Listed},
		{"nobody whom the community knows", func(s *scene) { s.report(5000, 5001, 5002) }, consensus.None},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			test.tell(s)
			s.wantTier(t, test.want)
		})
	}
}

// upTo returns n numbers from first on.
func upTo(first, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = first + i
	}
	return all
}

// kind lets members report a behaviour.
func (s *scene) kind(b consensus.Behaviour, confidence uint8, ids ...int) {
	s.each(func(r *consensus.Report) { r.Behaviour, r.Confidence = b, confidence }, ids...)
}

// each lets members report an exploit, with a change.
func (s *scene) each(change func(*consensus.Report), ids ...int) {
	for _, id := range ids {
		r := consensus.Report{Member: consensus.MemberID(id), Behaviour: "http:exploit", Confidence: 3}
		change(&r)
		s.add(r)
	}
}

// Members choose what they send, and a store may hand out anything.
func TestValuesThatMakeNoSenseWeighNothingMore(t *testing.T) {
	heavy := consensus.Standing{Cluster: 1, Trust: 900_000_000, Age: 100 * aDay, Dilution: 900_000_000}
	for _, test := range []struct {
		name   string
		change func(*consensus.Report, *consensus.Standing)
		most   consensus.Micro
	}{
		{"as it should be", func(*consensus.Report, *consensus.Standing) {}, 850_000},
		{"more than sure", func(r *consensus.Report, _ *consensus.Standing) { r.Confidence = 255 }, 850_000},
		{"more than spoofable", func(r *consensus.Report, _ *consensus.Standing) { r.Spoofable = 255 }, 0},
		{"of unknown origin", func(r *consensus.Report, _ *consensus.Standing) { r.Provenance = 255 }, 0},
		{"without times", func(r *consensus.Report, _ *consensus.Standing) { r.Last, r.Arrived = time.Time{}, time.Time{} }, 0},
		{"of the distant future", func(r *consensus.Report, _ *consensus.Standing) { r.Last = time.Unix(1<<60, 0) }, 850_000},
		{"of the distant past", func(r *consensus.Report, _ *consensus.Standing) { r.Last = time.Unix(-1<<60, 0) }, 0},
		{"by a member of too much trust", func(_ *consensus.Report, s *consensus.Standing) { *s = heavy }, 975_000}, // what one network adds
		{"by one of less than none", func(_ *consensus.Report, s *consensus.Standing) { s.Trust = -900_000 }, 0},
		{"by one that is less than diluted", func(_ *consensus.Report, s *consensus.Standing) { s.Dilution = -900_000 }, 0},
		{"by one in an unknown state", func(_ *consensus.Report, s *consensus.Standing) { s.State = 200 }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			standing := s.Standings[1]
			r := consensus.Report{Member: 1, Seq: 1, Behaviour: "http:exploit", Confidence: 3, Last: s.now, Arrived: s.now}
			test.change(&r, &standing)
			s.Standings[1] = standing
			s.Reports = []consensus.Report{r}
			if v := s.judge(); v.Score != test.most {
				t.Errorf("score %v, want %v", v.Score, test.most)
			}
		})
	}
}
