package consensus_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

func (s *scene) after(d time.Duration) *scene {
	s.now = s.now.Add(d)
	return s
}

// wantEnd checks when what was decided ends, seen from now.
func (s *scene) wantEnd(t *testing.T, v consensus.Verdict, want time.Duration) {
	t.Helper()
	if got := v.Expires.Sub(s.now); got != want {
		t.Errorf("%v ends in %v, want %v", v.Tier, got, want)
	}
}

func TestAListingLastsADayAndEachLaterOneTwiceAsLong(t *testing.T) {
	s := newScene(t)
	for i, want := range []time.Duration{24, 48, 96, 168, 168} {
		s.report(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14) // what keeps it is not the weight
		v := s.wantTier(t, consensus.Listed)
		s.wantEnd(t, v, want*time.Hour)
		if v.Earlier != i {
			t.Errorf("%d earlier episodes, want %d", v.Earlier, i)
		}
		s.after(want*time.Hour).wantTier(t, consensus.None)
		s.after(24 * time.Hour)
	}
	s.after(91*aDay).report(1, 2, 3)
	s.wantEnd(t, s.wantTier(t, consensus.Listed), 24*time.Hour)
}

func TestAListingThatBeginsSoonAfterAnotherGoesOnWithIt(t *testing.T) {
	s := newScene(t)
	s.report(1, 2, 3, 4)
	s.judge()
	s.after(30*time.Hour).report(1, 2, 3, 4)
	s.wantEnd(t, s.wantTier(t, consensus.Listed), 24*time.Hour)
}

func TestAListingEndsWithItsEvidence(t *testing.T) {
	for _, test := range []struct {
		name    string
		members []int
		days    float64
	}{
		{"a little more than enough", []int{1, 2, 3}, 3.9},       // 2.55 of 1.95
		{"twice as much", []int{1, 2, 3, 4, 5}, 5.8},             // 4.25
		{"much more", upTo(1, 20), 7},                            // 168 hours
		{"much more, and many people share it", upTo(1, 20), .5}, // 12 hours
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			for i := range 8 { // eight episodes of long ago
				from := s.now.Add(-time.Duration(60-3*i) * aDay)
				s.Prev.Episodes = append(s.Prev.Episodes, consensus.Episode{From: from, To: from.Add(aDay)})
			}
			s.Context.Shared = test.days < 1
			s.report(test.members...)
			v := s.judge()
			if got := v.Expires.Sub(s.now).Hours() / 24; got < test.days-0.1 || got > test.days+0.1 {
				t.Errorf("%v ends in %.2f days, want %.1f", v.Tier, got, test.days)
			}
		})
	}
}

func TestANewReportRenewsAListing(t *testing.T) {
	s := newScene(t)
	s.newcomers(1)
	s.report(1, 2, 3)
	s.judge()
	s.after(20 * time.Hour).report(4)
	s.wantEnd(t, s.wantTier(t, consensus.Listed), 24*time.Hour)
	s.after(20 * time.Hour).report(1000) // a newcomer does not
	s.wantEnd(t, s.wantTier(t, consensus.Listed), 4*time.Hour)
	s.after(4*time.Hour).wantTier(t, consensus.None)
	s.report(1000)
	s.wantTier(t, consensus.Watched)
	s.add(consensus.Report{Member: 5, Behaviour: "http:exploit", Confidence: 3, Last: s.now.Add(-time.Hour)}) // before the end
	s.wantTier(t, consensus.Watched)
	s.after(time.Minute).report(5)
	s.wantTier(t, consensus.Listed)
}

func TestOrdinaryUseEndsAListing(t *testing.T) {
	s := newScene(t)
	s.report(1, 2, 3)
	s.judge()
	s.use(4, 5, 6, 7)
	s.wantTier(t, consensus.Listed)
	s.after(time.Hour).use(4, 5, 6, 7)
	v := s.wantTier(t, consensus.Listed)
	if !slices.Contains(v.Reasons, consensus.ReasonHeld) {
		t.Errorf("%v", v.Reasons)
	}
	s.use(8, 9)
	s.wantTier(t, consensus.Suspect) // many people share it
}

func TestTrustThatGrowsListsNobody(t *testing.T) {
	s := newScene(t)
	for id := range 3 {
		s.member(id+1, consensus.ASN(id+1), 550_000)
	}
	s.report(1, 2, 3)
	before := s.wantTier(t, consensus.Suspect)
	for id := range 3 {
		s.member(id+1, consensus.ASN(id+1), 950_000)
	}
	if v := s.wantTier(t, consensus.Suspect); v.Score != before.Score {
		t.Errorf("score %v, before %v", v.Score, before.Score)
	}
	s.report(1)
	s.wantTier(t, consensus.Listed)
}

func TestASupporterThatFallsTakesItsListingsWithIt(t *testing.T) {
	s := newScene(t)
	s.report(1, 2, 3)
	s.wantTier(t, consensus.Listed)
	standing := s.Standings[3]
	standing.State = consensus.Quarantined
	s.Standings[3] = standing
	s.wantTier(t, consensus.Suspect)
	standing.State = consensus.Active
	s.Standings[3] = standing
	s.wantTier(t, consensus.Suspect)
}

func TestAGroupThatGrowsKeepsWhatFewerListed(t *testing.T) {
	s := newScene(t)
	s.Context.Established = 1000
	s.report(1, 2, 3)
	s.wantTier(t, consensus.Listed)
	s.Context.Established = 1001
	s.wantTier(t, consensus.Listed)
	s.after(25 * time.Hour).report(1)
	s.wantTier(t, consensus.Suspect) // three would be enough for 1,000
}

func TestAppeal(t *testing.T) {
	s := newScene(t)
	s.report(1, 2, 3, 4, 5)
	s.wantTier(t, consensus.Listed)
	s.after(time.Hour)
	s.Prev = s.Prev.Appeal(s.now)
	s.wantTier(t, consensus.None)
	s.after(time.Hour).report(1, 2, 3, 4, 5) // it goes on
	v := s.wantTier(t, consensus.None)
	if !slices.Contains(v.Reasons, consensus.ReasonSuppressed) {
		t.Errorf("%v", v.Reasons)
	}
	s.after(23*time.Hour).wantTier(t, consensus.None) // nothing new
	s.add(consensus.Report{Member: 6, Behaviour: "http:exploit", Confidence: 3})
	v = s.wantTier(t, consensus.Suspect) // the first time, a challenge
	if !slices.Contains(v.Reasons, consensus.ReasonAppealed) || v.Earlier != 0 {
		t.Errorf("%v, %d earlier", v.Reasons, v.Earlier)
	}
	s.after(25*time.Hour).report(1, 2, 3)
	s.wantTier(t, consensus.Listed)
}

func TestAChallengeAfterAnAppealBecomesABanIfTheAttacksGoOnForADay(t *testing.T) {
	s := newScene(t)
	s.report(1, 2, 3)
	s.judge()
	s.Prev = s.Prev.Appeal(s.now)
	s.after(25*time.Hour).report(1, 2, 3)
	s.wantTier(t, consensus.Suspect)
	s.after(23 * time.Hour).report(4) // renews the challenge
	s.wantTier(t, consensus.Suspect)
	s.after(2*time.Hour).wantTier(t, consensus.Suspect) // time alone raises nothing
	s.report(1)
	s.wantTier(t, consensus.Listed)
}

func TestAfterAnAppealEnoughMustAgreeAnew(t *testing.T) {
	s := newScene(t)
	s.report(1, 2, 3, 4, 5)
	s.judge()
	s.Prev = s.Prev.Appeal(s.now)
	s.after(25*time.Hour).report(1, 2)
	s.wantTier(t, consensus.Watched) // two would be enough for a challenge otherwise
	s.add(consensus.Report{Member: 3, Behaviour: "http:exploit", Confidence: 3, Last: start.Add(-time.Minute)})
	s.wantTier(t, consensus.Watched) // of before the appeal, and late
	s.report(3)
	s.wantTier(t, consensus.Suspect)
}

func TestAYoungSmallGroupChallenges(t *testing.T) {
	for _, test := range []struct {
		name       string
		age        time.Duration
		confidence []uint8
		want       consensus.Remediation
	}{
		{"both are sure", aDay, []uint8{3, 3}, consensus.Ban},
		{"one is sure", aDay, []uint8{3, 2}, consensus.Captcha},
		{"one is sure, after a month", 30 * aDay, []uint8{3, 2}, consensus.Ban},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			s.Context.Established, s.Context.Founded = 3, s.now.Add(-test.age)
			for i, confidence := range test.confidence {
				s.kind("http:exploit", confidence, i+1)
			}
			if v := s.wantTier(t, consensus.Listed); v.Remediation != test.want {
				t.Errorf("%v, want %v", v.Remediation, test.want)
			}
		})
	}
}

func TestListsOfTheirOwn(t *testing.T) {
	s := newScene(t)
	s.report(1, 2, 3, 4, 5)
	s.Context.Tor = true
	if v := s.judge(); v.List != consensus.TorList || v.Remediation != consensus.Captcha {
		t.Errorf("Tor: %v %v", v.List, v.Remediation)
	}
	s.Prev = consensus.Prev{}
	s.Context.Tor, s.Context.Scanner = false, true
	if v := s.judge(); v.List != consensus.ScannerList {
		t.Errorf("scanner: %v", v.List)
	}
}

func TestExplanations(t *testing.T) {
	for _, test := range []struct {
		name string
		tell func(*scene)
		want string
	}{
		{
			"listed", func(s *scene) {
				s.kind("http:bruteforce", 3, 1, 2)
				s.after(3*time.Hour).kind("http:exploit", 2, 3, 4)
				s.kind("http:bruteforce", 2, 5)
			},
			"Listed since Mon 1 Jun 13 h, ends Tue 2 Jun 13 h (UTC). 4–7 independent members in 4–7 networks saw http:bruteforce (confidence 3) between Mon 1 Jun 10 h and Mon 1 Jun 13 h. No group of established members saw ordinary use. Net weight 3.22; a listing takes 1.95. No earlier listing in 90 days.",
		},
		{
			"challenged for the second time", func(s *scene) {
				s.report(1, 2, 3)
				s.judge()
				s.after(72 * time.Hour)
				s.report(4, 5)
				s.use(6, 7, 8, 9)
				s.Context.Shared = true
				s.report(1, 2, 3)
			},
			"Challenged since Thu 4 Jun 10 h, ends Thu 4 Jun 14 h (UTC). 4–7 independent members in 4–7 networks saw http:exploit (confidence 3) between Thu 4 Jun 10 h and Thu 4 Jun 10 h. 4–7 established members saw ordinary use. Net weight 3.74; a listing takes 3.90. One earlier listing in 90 days.",
		},
		{
			"for different things", func(s *scene) { s.kind("http:scan", 3, 1); s.kind("a\n<b>:exploit", 3, 2); s.kind("x:spam", 3, 3) },
			"Challenged since Mon 1 Jun 10 h, ends Tue 2 Jun 10 h (UTC). 2–3 independent members in 2–3 networks saw abuse of different kinds between Mon 1 Jun 10 h and Mon 1 Jun 10 h. No group of established members saw ordinary use. Net weight 1.78; a listing takes 1.95. No earlier listing in 90 days.",
		},
		{"watched", func(s *scene) { s.report(1) }, "Not listed."},
		{"of a crawler", func(s *scene) { s.Context.Exclusion = consensus.Crawler; s.report(1, 2, 3) }, "Not listed. Addresses of this kind are never listed."},
		{
			"after an appeal", func(s *scene) { s.report(1, 2, 3); s.Prev = s.Prev.Appeal(s.now) },
			"Not listed. An appeal ended the listing.",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			test.tell(s)
			if got := consensus.Explain(s.judge()); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCodesOfReasonsAreStable(t *testing.T) {
	for code, want := range map[consensus.Reason]string{
		1: "harmless", 2: "watched", 3: "suspect", 4: "listed", 5: "excluded", 6: "suppressed",
		20: "light", 21: "few", 22: "one_network", 23: "collusion", 24: "expired", 25: "old", 26: "shared", 27: "own", 28: "appealed",
		40: "held", 41: "benign", 42: "newcomers", 43: "capped", 44: "cold_start", 45: "tor", 46: "scanner",
	} {
		if got := code.Code(); got != want {
			t.Errorf("%d: %q, want %q", uint8(code), got, want)
		}
	}
}

func TestRanking(t *testing.T) {
	verdict := func(ip string, net, threshold consensus.Micro, clusters ...consensus.ClusterID) consensus.Verdict {
		v := consensus.Verdict{Unit: consensus.UnitOf(netip.MustParseAddr(ip)), Tier: consensus.Watched, Net: net, Threshold: threshold, Established: len(clusters)}
		for _, c := range clusters {
			v.Contributions = append(v.Contributions, consensus.Contribution{Cluster: c, Counted: 850_000})
		}
		return v
	}
	all := []consensus.Verdict{
		verdict("192.0.2.1", 2_000_000, 1_950_000, 1, 2),
		verdict("192.0.2.2", 3_000_000, 3_900_000, 2),
		verdict("192.0.2.3", 5_000_000, 1_950_000, 3),
		verdict("192.0.2.4", 9_000_000, 1_950_000),
	}
	order := func() (ends []byte) {
		for _, v := range all {
			ends = append(ends, v.Unit.Addr().As4()[3])
		}
		return ends
	}
	consensus.Rank(all)
	if got := order(); !slices.Equal(got, []byte{4, 3, 1, 2}) {
		t.Errorf("by weight: %v", got)
	}
	if got := consensus.Questions(newRules(t), all); len(got) != 3 || got[0] != unitOf("192.0.2.3") {
		t.Errorf("questions: %v", got)
	}
	var me, ssh, web consensus.Histogram
	me.Add("ssh:bruteforce")
	for range 3 {
		ssh.Add("ssh:bruteforce")
		web.Add("http:exploit")
		web.Add("http:bruteforce") // of another group of protocols
	}
	near(t, "similarity", me.Similarity(&ssh), 1)
	near(t, "similarity", me.Similarity(&web), 0)
	web.Add("rdp:bruteforce")
	near(t, "similarity", me.Similarity(&web), 0.25) // 1 of √19, whose integer part is 4
	consensus.RankFor(&me, map[consensus.ClusterID]*consensus.Histogram{2: &ssh, 3: &web}, all)
	if got := order(); !slices.Equal(got, []byte{1, 2, 3, 4}) {
		t.Errorf("for a member that knows ssh: %v", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*consensus.Config){
		"checking the constants of the consensus: half_life is 0s: want 1h0m0s to 720h0m0s":         func(c *consensus.Config) { c.HalfLife = 0 },
		"checking the constants of the consensus: window is 360h0m0s: want 24h0m0s to 336h0m0s":     func(c *consensus.Config) { c.Window = 15 * aDay },
		"checking the constants of the consensus: severity.scan is 1.5: want 0 to 1":                func(c *consensus.Config) { c.Severity.Scan = 1_500_000 },
		"checking the constants of the consensus: confidence[2] is -0.1: want 0 to 1":               func(c *consensus.Config) { c.Confidence[2] = -100_000 },
		"checking the constants of the consensus: witnesses is 1: want 2 to 20":                     func(c *consensus.Config) { c.Witnesses = 1 },
		"checking the constants of the consensus: version is 2: want 1 to 1":                        func(c *consensus.Config) { c.Version = 2 },
		"checking the constants of the consensus: newcomer_cap is 0.2: want 0 to 0.1625":            func(c *consensus.Config) { c.NewcomerCap = 200_000 },
		"checking the constants of the consensus: durations.max is 192h0m0s: want 1m0s to 168h0m0s": func(c *consensus.Config) { c.Durations.Max = 8 * aDay },
	} {
		cfg := consensus.Defaults()
		change(&cfg)
		if _, err := consensus.New(cfg); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := consensus.New(consensus.Config{}); err == nil {
		t.Error("no constants are fine")
	}
}

func TestTheHashNamesTheConstants(t *testing.T) {
	cfg := consensus.Defaults()
	hash := cfg.Hash()
	s := newScene(t)
	if v := s.judge(); v.Config != hash || len(hash) != 16 {
		t.Errorf("%q, want %q", v.Config, hash)
	}
	cfg.Brake.Slack++
	if cfg.Hash() == hash {
		t.Error("another constant has the same hash")
	}
}
