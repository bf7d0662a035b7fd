package lapi

import (
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

func TestTheLastUsageIsReportedAtTheEnd(t *testing.T) {
	for _, row := range []struct {
		name    string
		counted uint64 // after the last scheduled report
		fault   lapitest.Fault
		reports int
		within  time.Duration
		err     bool
	}{
		{"something was counted", 5, nil, 2, 0, false},
		{"nothing was", 0, nil, 1, 0, false},
		{"the server does not want to know", 5, lapitest.Status(404, nil, ""), 2, 0, false},
		{"the server refuses it", 5, lapitest.Status(500, nil, ""), 2, 0, true},
		{"the server hangs", 5, lapitest.Hang(), 2, time.Second, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			items := processed(10)
			playWith(t, lapitest.Config{}, items.config(), func(s *scene) {
				s.run()
				s.until15m()
				items.set(func(n uint64) uint64 { return n + row.counted })
				if row.fault != nil {
					s.InjectWhen(lapitest.Path(usagePath), -1, row.fault)
				}
				s.after(time.Minute)
				start := time.Now()
				s.stop()
				if took := time.Since(start); took != row.within {
					t.Errorf("Run ends after %v, want %v", took, row.within)
				}
				all := s.pushes()
				if len(all) != row.reports {
					t.Fatalf("%d reports, want %d", len(all), row.reports)
				}
				if last := all[len(all)-1]; row.counted > 0 && (last.items() != "processed 5 request  ipv4 " || last.window() != time.Minute) {
					t.Errorf("%s in %v", last.items(), last.window())
				}
				if err := s.client.Stats().Usage.Err; (err != nil) != row.err {
					t.Error(err)
				}
			})
		})
	}
}

func TestAReportUnderWayAtTheEndIsMadeUpFor(t *testing.T) {
	items := processed(10)
	playWith(t, lapitest.Config{}, items.config(), func(s *scene) {
		s.InjectWhen(lapitest.Path(usagePath), 1, lapitest.Hang())
		s.run()
		s.until15m()
		s.stop()
		if all := s.pushes(); len(all) != 2 || all[1].items() != "processed 10 request  ipv4 " {
			t.Errorf("%+v", all)
		}
	})
}
