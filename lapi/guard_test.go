package lapi

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// crowd adds n decisions of two days, beginning with 192.0.2.0.
func (s *scene) crowd(n int) {
	for i := range n {
		s.Add(lapitest.Decision{Value: fmt.Sprintf("192.0.2.%d", i), Duration: 48 * time.Hour})
	}
}

// untilResync lets time pass until the next full answer.
func (s *scene) untilResync() {
	n := s.fullPulls()
	for range 400 {
		s.poll()
		if s.fullPulls() > n {
			return
		}
	}
	s.Fatal("no resync")
}

func (s *scene) fullPulls() (n int) {
	for _, p := range s.Pulls() {
		if p.Startup() {
			n++
		}
	}
	return n
}

func TestAnAnswerCutShortRemovesNothing(t *testing.T) {
	for _, left := range []int{0, 5} {
		t.Run(fmt.Sprint(left, " of 100 left"), func(t *testing.T) {
			play(t, func(s *scene) {
				s.crowd(100)
				s.run()
				s.after(time.Second)
				s.InjectWhen(lapitest.Startup, 1, lapitest.Short(left))
				s.untilResync()
				if n := s.table.Count("lapi"); n != 100 {
					t.Errorf("%d decisions left", n)
				}
				st, stats := s.client.Status(), s.client.Stats()
				if st.Err == nil || !strings.Contains(st.Err.Error(), "100 are in force") || stats.Held != 1 {
					t.Errorf("%+v %+v", st, stats)
				}
				if len(s.errors()) != 1 {
					t.Errorf("%v", s.errors())
				}
				full := s.fullPulls()
				s.poll() // the next one is full again, and complete
				if st, stats := s.client.Status(), s.client.Stats(); st.Err != nil || stats.Held != 0 || s.fullPulls() != full+1 {
					t.Errorf("%+v %+v", st, stats)
				}
				s.poll()
				if s.fullPulls() != full+1 {
					t.Error("still asking for everything")
				}
			})
		})
	}
}

func TestAnAnswerHeldBackAddsWhatItHas(t *testing.T) {
	play(t, func(s *scene) {
		s.crowd(100)
		s.run()
		s.InjectWhen(lapitest.Startup, 1, lapitest.Raw(`{"new":[{"duration":"4h","type":"ban","value":"198.51.100.1"}]}`))
		s.untilResync()
		s.want("198.51.100.1", lookup.Ban)
		s.want("192.0.2.99", lookup.Ban)
	})
}

func TestAnAnswerHeldBackDeletesNothingEither(t *testing.T) {
	play(t, func(s *scene) {
		s.crowd(100)
		s.run()
		s.InjectWhen(lapitest.Startup, 1, lapitest.Raw(`{"new":[],"deleted":[{"duration":"-1s","type":"ban","value":"192.0.2.50"}]}`))
		s.untilResync()
		s.want("192.0.2.50", lookup.Ban)
		if err := s.client.Status().Err; err == nil || !strings.Contains(err.Error(), "it lists only 1 of them as deleted") {
			t.Error(err)
		}
	})
}

func TestTheThirdAnswerThatAgreesIsBelieved(t *testing.T) {
	play(t, func(s *scene) {
		s.crowd(100)
		s.run()
		for i := range 97 {
			s.HardDelete(fmt.Sprintf("192.0.2.%d", i), "") // like a flush
		}
		s.untilResync()
		for _, want := range []int{100, 100, 3} {
			if n := s.table.Count("lapi"); n != want {
				t.Errorf("%d decisions, want %d", n, want)
			}
			s.poll()
		}
		if st := s.client.Status(); st.Err != nil {
			t.Error(st.Err)
		}
	})
}

func TestAnswersThatDisagreeAreNotBelieved(t *testing.T) {
	play(t, func(s *scene) {
		s.crowd(100)
		s.run()
		for _, n := range []int{3, 30, 3, 30, 3, 30} {
			s.InjectWhen(lapitest.Startup, 1, lapitest.Short(n))
		}
		s.untilResync()
		for range 5 {
			if n := s.table.Count("lapi"); n != 100 {
				t.Fatalf("%d decisions left", n)
			}
			s.poll()
		}
	})
}

func TestDeletionsExplainAShrunkAnswer(t *testing.T) {
	play(t, func(s *scene) {
		s.crowd(100)
		s.run()
		s.after(time.Second)
		for i := range 97 {
			s.Delete(fmt.Sprintf("192.0.2.%d", i), "")
		}
		s.InjectWhen(lapitest.Path("/v1/decisions/stream"), 1, lapitest.Status(500, nil, ""))
		s.poll() // so the next one is full
		s.after(2 * time.Second)
		if n := s.table.Count("lapi"); n != 3 {
			t.Errorf("%d decisions left", n)
		}
	})
}

func TestEndedDecisionsAreNoLoss(t *testing.T) {
	play(t, func(s *scene) {
		until := time.Now().Add(time.Minute)
		for i := range 100 {
			s.table.Update("lapi", []lookup.Decision{on(fmt.Sprintf("198.51.100.%d", i), until)}, nil)
		}
		s.after(2 * time.Minute)
		s.crowd(3)
		s.run()
		if st := s.client.Status(); st.Err != nil || s.table.Count("lapi") != 3 {
			t.Errorf("%v, %d decisions", st.Err, s.table.Count("lapi"))
		}
	})
}

func TestAHandfulMayGo(t *testing.T) {
	play(t, func(s *scene) {
		s.crowd(10)
		s.run()
		for i := range 10 {
			s.HardDelete(fmt.Sprintf("192.0.2.%d", i), "")
		}
		s.untilResync()
		if n := s.table.Count("lapi"); n != 0 {
			t.Errorf("%d decisions left", n)
		}
	})
}

// Ranges that cover too much are not enforced, and the rest of the answer is.
func TestWhatCoversTooMuchIsHeldBack(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "0.0.0.0/0"}, lapitest.Decision{Value: "192.0.2.1"}, lapitest.Decision{Value: "203.0.113.0/24"})
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.want("203.0.113.9", lookup.Ban)
		s.want("198.51.100.1", lookup.None)
		s.after(time.Second)
		s.Add(lapitest.Decision{Value: "::/1"}, lapitest.Decision{Value: "2001:db8::1"})
		s.poll()
		s.want("2001:db8::1", lookup.Ban)
		s.want("2001:db8::2", lookup.None)
		if n := s.client.Status().Held; n != 1 {
			t.Errorf("%d are held back", n)
		}
		if n := s.logs.FilterMessageSnippet("option coverage").Len(); n != 1 {
			t.Errorf("said %d times", n)
		}
	})
	playWith(t, lapitest.Config{}, Config{Coverage: 1}, func(s *scene) {
		s.Add(lapitest.Decision{Value: "0.0.0.0/0"})
		s.run()
		s.want("198.51.100.1", lookup.Ban)
	})
}
