package lapi

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// playFiltered is play with a filter.
func playFiltered(t *testing.T, cfg Config, f func(*scene)) {
	for name, gen := range map[string]lapitest.Generation{"1.4.6": lapitest.Old, "1.7.8": lapitest.New} {
		t.Run(name, func(t *testing.T) { playWith(t, lapitest.Config{Generation: gen}, cfg, f) })
	}
}

var onlyCrowdsec = Config{Origins: []string{"crowdsec"}}

func TestFilters(t *testing.T) {
	rows := []lapitest.Decision{
		{Value: "192.0.2.1", Origin: "crowdsec", Scenario: "crowdsecurity/ssh-bf"},
		{Value: "192.0.2.2", Origin: "crowdsec", Scenario: "crowdsecurity/HTTP-probing"},
		{Value: "192.0.2.3", Origin: "cscli", Scenario: "manual ban"},
		{Value: "192.0.2.4", Origin: "lists", Scenario: "firehol"},
		{Value: "192.0.2.5", Origin: "lists", Scenario: "tor"},
		{Value: "192.0.2.6", Origin: "Crowdsec", Scenario: "ssh-slow"},
	}
	tests := []struct {
		name string
		cfg  Config
		want string // last bytes of the addresses in force
	}{
		{"none", Config{}, "123456"},
		{"one origin, in its case", Config{Origins: []string{"crowdsec"}}, "12"},
		{"two origins", Config{Origins: []string{"crowdsec", "cscli"}}, "123"},
		{"all lists", Config{Origins: []string{"lists"}}, "45"},
		{"one list", Config{Origins: []string{"lists:tor"}}, "5"},
		{"scenarios with a word in any case", Config{ScenariosContaining: []string{"SSH"}}, "16"},
		{"scenarios with one of two words", Config{ScenariosContaining: []string{"ssh", "http"}}, "126"},
		{"scenarios without a word", Config{ScenariosNotContaining: []string{"bf", "Manual Ban"}}, "2456"},
		{"all of them", Config{Origins: []string{"crowdsec"}, ScenariosContaining: []string{"crowdsecurity/"}, ScenariosNotContaining: []string{"probing"}}, "1"},
		{"nothing is left", Config{Origins: []string{"nobody"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			playFiltered(t, tt.cfg, func(s *scene) {
				s.Add(rows...)
				s.run()
				got := ""
				for i := 1; i <= 6; i++ {
					if _, ok := s.table.Lookup(addr(fmt.Sprintf("192.0.2.%d", i))); ok {
						got += fmt.Sprint(i)
					}
				}
				if got != tt.want {
					t.Errorf("in force %s, want %s", got, tt.want)
				}
				if n := s.client.Stats().Rows.Filtered; n != uint64(6-len(tt.want)) {
					t.Errorf("%d filtered", n)
				}
				q := s.Pulls()[0].Query
				if q.Has("origins") || q.Has("scenarios_containing") || q.Has("dedup") != (tt.name != "none") {
					t.Errorf("asked for %v", q)
				}
			})
		})
	}
}

func TestALongerRowOfAnotherOriginHidesNoBan(t *testing.T) {
	playFiltered(t, onlyCrowdsec, func(s *scene) {
		s.Add(
			lapitest.Decision{Value: "192.0.2.1", Origin: "crowdsec", Duration: 4 * time.Hour},
			lapitest.Decision{Value: "192.0.2.1", Origin: "cscli", Duration: 24 * time.Hour},
		)
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.wantLeft("192.0.2.1", 4*time.Hour)
	})
}

// wantLeft checks how long the decision in force will last.
func (s *scene) wantLeft(ip string, want time.Duration) {
	s.Helper()
	d, _ := s.table.Lookup(addr(ip))
	if left := time.Until(d.Until); left < want-time.Minute || left > want+time.Second {
		s.Errorf("%s: %v left, want %v", ip, left, want)
	}
}

func TestADecisionLastsAsLongAsItsLongestRow(t *testing.T) {
	playFiltered(t, onlyCrowdsec, func(s *scene) {
		row := lapitest.Decision{Value: "192.0.2.1", Origin: "crowdsec", Scenario: "short", Duration: 2 * time.Hour}
		long := row
		long.Duration, long.Scenario = 8*time.Hour, "long"
		foreign := row
		foreign.Origin, foreign.Duration = "cscli", 48*time.Hour
		ids := s.Add(row, long, foreign)
		s.run()
		s.wantLeft("192.0.2.1", 8*time.Hour)
		s.after(time.Second)
		s.DeleteID(ids[2]) // not one that the filter selects
		s.poll()
		s.wantLeft("192.0.2.1", 8*time.Hour)
		s.DeleteID(ids[1])
		s.poll()
		s.wantLeft("192.0.2.1", 2*time.Hour)
		if d, _ := s.table.Lookup(addr("192.0.2.1")); d.Reason != "short" {
			t.Errorf("%+v", d)
		}
		more := s.Add(long)
		s.poll()
		s.wantLeft("192.0.2.1", 8*time.Hour)
		s.DeleteID(ids[0])
		s.poll()
		s.wantLeft("192.0.2.1", 8*time.Hour)
		s.DeleteID(more[0])
		s.poll()
		s.want("192.0.2.1", lookup.None)
	})
}

func TestADeletionOfAnUnknownRowLiftsNothing(t *testing.T) {
	playFiltered(t, onlyCrowdsec, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Origin: "crowdsec"})
		s.run()
		s.after(time.Second)
		s.DeleteID(s.Add(lapitest.Decision{Value: "192.0.2.1", Origin: "crowdsec"})[0]) // added and deleted between two polls
		s.poll()
		s.want("192.0.2.1", lookup.Ban)
	})
}

func TestSpellingsAreToldApartByTheirRows(t *testing.T) {
	playFiltered(t, onlyCrowdsec, func(s *scene) {
		ids := s.Add(
			lapitest.Decision{Value: "192.0.2.1", Origin: "crowdsec"},
			lapitest.Decision{Value: "192.0.2.1/32", Origin: "crowdsec"},
			lapitest.Decision{Value: "192.0.2.1", Origin: "crowdsec", Type: "tarpit"},
		)
		s.run()
		s.after(time.Second)
		for _, id := range ids {
			s.want("192.0.2.1", lookup.Ban)
			s.DeleteID(id)
			s.poll()
		}
		s.want("192.0.2.1", lookup.None)
		s.wantFull(true, false, false, false)
	})
}

func TestARowToldTwiceIsOne(t *testing.T) {
	playFiltered(t, onlyCrowdsec, func(s *scene) {
		row := func(left string) string {
			return `[{"id":7,"duration":"` + left + `","origin":"crowdsec","type":"ban","value":"192.0.2.1"}]`
		}
		s.run()
		for _, left := range []string{"4h", "3h"} {
			s.Inject(lapitest.Raw(`{"new":` + row(left) + `}`))
			s.poll()
		}
		s.wantLeft("192.0.2.1", 3*time.Hour)
		s.Inject(lapitest.Raw(`{"deleted":` + row("-1s") + `}`))
		s.poll()
		s.want("192.0.2.1", lookup.None)
	})
}

func TestKeptRowsAreBounded(t *testing.T) {
	c := newKeptRows()
	d := on("192.0.2.1", time.Now().Add(time.Hour))
	for id := range int64(2 * 256) {
		c.add(identityOf(&d), id+1, &d)
	}
	if c.n != 256 || !c.over {
		t.Errorf("%d rows behind one decision", c.n)
	}
	c = newKeptRows()
	c.n = 1 << 20
	if c.add(identityOf(&d), 1, &d) || len(c.rows) > 0 || !c.over {
		t.Error("one row more than may be")
	}
}

func TestRowsThatDoNotFitAreSettledByAFullAnswer(t *testing.T) {
	playFiltered(t, onlyCrowdsec, func(s *scene) {
		var rows []lapitest.Decision
		for i := range 256 + 1 { // the longest is added last and does not fit
			rows = append(rows, lapitest.Decision{Value: "192.0.2.1", Origin: "crowdsec", Duration: time.Duration(i+5) * time.Hour})
		}
		ids := s.Add(rows...)
		s.run()
		s.after(time.Second)
		for _, id := range ids[:256] {
			s.DeleteID(id)
		}
		s.poll()
		s.want("192.0.2.1", lookup.Ban)
		s.after(2 * time.Minute)
		s.want("192.0.2.1", lookup.Ban)
		s.DeleteID(ids[256])
		s.after(2 * time.Minute)
		s.want("192.0.2.1", lookup.None)
	})
}

func TestRowsWithoutAnIDAreSettledByAFullAnswer(t *testing.T) {
	playFiltered(t, onlyCrowdsec, func(s *scene) {
		s.Inject(lapitest.Raw(`{"new":[{"duration":"4h","origin":"crowdsec","type":"ban","value":"192.0.2.1"}]}`))
		s.run()
		s.Inject(lapitest.Raw(`{"deleted":[{"duration":"-1s","origin":"crowdsec","type":"ban","value":"192.0.2.1"}]}`))
		s.poll()
		s.want("192.0.2.1", lookup.Ban)
		s.after(time.Minute)
		s.want("192.0.2.1", lookup.None)
	})
}

func TestWhatANewFilterLeavesOutGoesAtOnce(t *testing.T) {
	playFiltered(t, onlyCrowdsec, func(s *scene) {
		for i := range 100 {
			ip := fmt.Sprintf("192.0.2.%d", i)
			s.table.Update("lapi", []lookup.Decision{on(ip, time.Now().Add(time.Hour))}, nil) // as from a snapshot
			s.Add(lapitest.Decision{Value: ip, Origin: []string{"CAPI", "crowdsec"}[i/98]})
		}
		s.run()
		if n := s.table.Count("lapi"); n != 2 || s.client.Status().Err != nil {
			t.Errorf("%d decisions left: %v", n, s.client.Status().Err)
		}
	})
}

func TestRowsThatExplainNoShortAnswer(t *testing.T) {
	row := func(id, i int, left string) string {
		return fmt.Sprintf(`,{"id":%d,"duration":"%s","origin":"crowdsec","type":"ban","value":"192.0.2.%d"}`, id, left, i)
	}
	tests := []struct {
		name  string
		added int
		ended func(i int) int // id of the ended row of 192.0.2.i; 0: none
		held  bool
	}{
		{"rows that were over long ago", 1, func(i int) int { return 5000 + i }, true},
		{"one row of decisions that have another", 40, func(i int) int { return (2*i + 1) * min(1, max(0, 40-i)) }, true},
		{"the rows of decisions that have ended", 1, func(i int) int { return 2*i + 1 }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			playFiltered(t, onlyCrowdsec, func(s *scene) {
				for i := range 100 { // with ids 2i+1 and 2i+2
					d := lapitest.Decision{Value: fmt.Sprintf("192.0.2.%d", i), Origin: "crowdsec", Duration: 48 * time.Hour}
					s.Add(d, d)
				}
				s.run()
				var added, ended strings.Builder
				for i := range 100 {
					if i < tt.added {
						added.WriteString(row(2*i+2, i, "40h"))
					}
					if id := tt.ended(i); id > 0 {
						ended.WriteString(row(id, i, "-1s"))
					}
				}
				s.InjectWhen(lapitest.Startup, 1, lapitest.Raw(`{"new":[`+added.String()[1:]+`],"deleted":[`+ended.String()[1:]+`]}`))
				s.untilResync()
				if held := s.table.Count("lapi") == 100; held != tt.held {
					t.Errorf("%d decisions left: %v", s.table.Count("lapi"), s.client.Status().Err)
				}
			})
		})
	}
}

// TestFilteredTruth applies random changes to rows, and compares the table with the
// rows after each poll.
func TestFilteredTruth(t *testing.T) {
	playFiltered(t, Config{Origins: []string{"crowdsec"}, ScenariosNotContaining: []string{"trial"}}, func(s *scene) {
		r := rand.New(rand.NewPCG(1, 2))
		ends := map[int64]lapitest.Decision{}
		until := map[int64]time.Time{}
		s.run()
		for round := range 300 {
			s.after(time.Second)
			for range r.IntN(4) {
				d := lapitest.Decision{
					Value:    fmt.Sprintf("192.0.2.%d", r.IntN(5)),
					Origin:   []string{"crowdsec", "cscli"}[r.IntN(2)],
					Scenario: []string{"a", "b", "a Trial"}[r.IntN(3)],
					Type:     []string{"ban", "captcha"}[r.IntN(2)],
					Duration: time.Duration(1+r.IntN(600)) * time.Second,
				}
				id := s.Add(d)[0]
				ends[id], until[id] = d, time.Now().Add(d.Duration)
			}
			for id := range ends {
				if r.IntN(40) == 0 {
					s.DeleteID(id)
					delete(ends, id)
				}
			}
			if r.IntN(10) == 0 {
				s.Inject(lapitest.Cut(r.IntN(200)))
			}
			s.after(2*interval + 5*time.Second) // enough time to recover from a failure
			for i := range 5 {
				ip := fmt.Sprintf("192.0.2.%d", i)
				want, left, rounded := longestRow(ip, ends, until)
				if rounded {
					continue
				}
				s.want(ip, want)
				d, _ := s.table.Lookup(addr(ip))
				if off := time.Until(d.Until) - left; want != lookup.None && off.Abs() > time.Second {
					s.Errorf("%s: off by %v", ip, off)
				}
			}
			if s.Failed() {
				s.Fatalf("in round %d", round)
			}
		}
	})
}

// longestRow returns the decision of the selected rows about ip, how long it lasts, and
// whether an end is so near that it depends on the server's rounding.
func longestRow(ip string, rows map[int64]lapitest.Decision, until map[int64]time.Time) (want lookup.Action, longest time.Duration, rounded bool) {
	for id, d := range rows {
		action, _ := lookup.ParseAction(d.Type)
		if d.Value != ip || d.Origin != "crowdsec" || strings.Contains(d.Scenario, "Trial") {
			continue
		}
		left := time.Until(until[id])
		rounded = rounded || left.Abs() <= time.Second
		if left > 0 && (action > want || action == want && left > longest) {
			want, longest = action, left
		}
	}
	return want, longest, rounded
}
