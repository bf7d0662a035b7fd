package lapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// wantGauges checks the gauges that cscli shows for this scene.
func (s *scene) wantGauges(want string) {
	s.Helper()
	got := map[string]float64{}
	for title, value := range s.Metrics(s.Key) {
		if strings.HasPrefix(title, activeName) || strings.Contains(title, "_gauge") {
			got[strings.TrimPrefix(title, activeName+" ip ")] = value
		}
	}
	if fmt.Sprint(got) != "map["+want+"]" {
		s.Errorf("%s: cscli shows %v, want %s", time.Now().Format(time.TimeOnly), got, want)
	}
}

func TestAGaugeThatFallsToZeroIsToldSo(t *testing.T) {
	items := &counts{items: []UsageItem{{Name: "of_mine_gauge", Value: 3}}}
	playWith(t, lapitest.Config{Generation: lapitest.Newest}, items.config(), func(s *scene) {
		s.Add(
			lapitest.Decision{Value: "192.0.2.1", Duration: 48 * time.Hour}, lapitest.Decision{Value: "2001:db8::1", Duration: 48 * time.Hour},
			lapitest.Decision{Value: "192.0.2.2", Origin: "CAPI", Duration: 48 * time.Hour}, lapitest.Decision{Value: "192.0.2.3", Origin: "CAPI", Duration: 48 * time.Hour},
		)
		s.run()
		s.until15m()
		s.wantGauges("CAPI ipv4:2 cscli ipv4:1 cscli ipv6:1 of_mine_gauge request:3")
		s.Delete("192.0.2.1", "")
		s.Delete("192.0.2.2", "")
		items.set(func(uint64) uint64 { return 0 })
		s.until15m()
		s.wantGauges("CAPI ipv4:1 cscli ipv4:0 cscli ipv6:1 of_mine_gauge request:0")
		s.until15m()
		all := s.pushes()
		if zeros := all[len(all)-1].items(); zeros != "" {
			t.Errorf("a zero is told again and again: %s", zeros)
		}
		items.set(func(uint64) uint64 { return 2 })
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 48 * time.Hour})
		s.until15m()
		s.wantGauges("CAPI ipv4:1 cscli ipv4:1 cscli ipv6:1 of_mine_gauge request:2")
	})
}

// TestAGaugeOfAReportWhoseAnswerIsLostFallsToZero is about a server that has accepted a
// report, and a client that does not know.
func TestAGaugeOfAReportWhoseAnswerIsLostFallsToZero(t *testing.T) {
	playWith(t, lapitest.Config{Generation: lapitest.Newest}, Config{}, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 48 * time.Hour})
		s.InjectWhen(lapitest.Path(usagePath), 1, func(_ http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
			answer(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		})
		s.run()
		s.until15m()
		s.wantGauges("cscli ipv4:1")
		s.Delete("192.0.2.1", "")
		s.until15m()
		s.wantGauges("cscli ipv4:0")
	})
}

func TestGaugesWhoseEndIsToldAreBounded(t *testing.T) {
	l := newUsageLedger(time.Now())
	for i := range 8 {
		items := make([]UsageItem, 1000)
		for j := range items {
			items[j] = UsageItem{Name: activeName, Origin: fmt.Sprint("made up ", i, " ", j), Value: 1}
		}
		l.gauges(items)
	}
	if len(l.shown) != 4000 {
		t.Errorf("%d gauges", len(l.shown))
	}
}

func TestBouncersAndMachinesTellTheirOperatingSystem(t *testing.T) {
	want := strings.Trim(thisSystem().Name+"/"+thisSystem().Version, "/")
	for name, gen := range map[string]lapitest.Generation{"1.4.6": lapitest.Old, "1.7.8": lapitest.New, "newest": lapitest.Newest} {
		t.Run(name, func(t *testing.T) {
			playWith(t, lapitest.Config{Generation: gen}, withMachine, func(s *scene) {
				s.run()
				s.until15m()
				if gen == lapitest.Old {
					if got := s.System(s.Key); got != "?" || s.logs.FilterMessageSnippet("usage").Len() > 0 {
						t.Errorf("%s; %v", got, s.logs.All())
					}
					return
				}
				if got := s.System(s.Key); got != want {
					t.Errorf("the bouncer runs on %s, want %s", got, want)
				}
				if got := s.System(lapitest.DefaultMachine); got != want {
					t.Errorf("the machine runs on %s, want %s", got, want)
				}
			})
		})
	}
}

func TestOperatingSystem(t *testing.T) {
	for name, row := range map[string]struct{ file, want string }{
		"Debian":                           {"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n", "debian 12"},
		"Alpine":                           {"ID=alpine\nVERSION_ID=3.22.1\n", "alpine 3.22.1"},
		"Arch, which rolls":                {"ID=arch\n", "arch "},
		"one that says nothing, and oddly": {"VERSION_ID\n=\nID=\n#ID=x\n", "other "},
		"one to break terminals":           {"ID=a\x1b[31mb\n", "a[31mb "},
	} {
		s := operatingSystem{Name: "other"}
		s.read(strings.NewReader(row.file))
		if got := s.Name + " " + s.Version; got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

func TestALiveReportsUsage(t *testing.T) {
	items := &counts{items: []UsageItem{{Name: "dropped", Origin: "cscli", IPType: "ipv4", Remediation: "ban", Value: 7}}}
	playLive(t, LiveConfig{Usage: items.config().Usage}, func(s *liveScene) {
		items.set(func(uint64) uint64 { return 7 })
		stop := s.run()
		<-time.After(15 * time.Minute)
		items.set(func(uint64) uint64 { return 10 })
		<-time.After(15 * time.Minute)
		synctest.Wait()
		counted, at := func() string { return fmt.Sprint(s.Metrics(s.Key)) }, time.Now()
		if s.Generation() == lapitest.Old {
			stop()
			if u := s.live.Stats().Usage; u != (Usage{}) || s.messages("usage") > 0 {
				t.Errorf("%+v", u)
			}
			return
		}
		if got := counted(); got != "map[dropped request cscli ipv4:10]" {
			t.Error(got)
		}
		if u := s.live.Stats().Usage; u.Err != nil || !u.Sent.Equal(at) || s.System(s.Key) == "?" {
			t.Errorf("%+v, %s", u, s.System(s.Key))
		}
		items.set(func(uint64) uint64 { return 12 })
		stop()
		if got := counted(); got != "map[dropped request cscli ipv4:12]" {
			t.Errorf("at the end %s", got)
		}
	})
}

func TestUsageOfALiveCanBeSwitchedOff(t *testing.T) {
	playLive(t, LiveConfig{Usage: processed(10).config().Usage, MetricsInterval: -1}, func(s *liveScene) {
		stop := s.run()
		<-time.After(3 * time.Hour)
		stop()
		s.wantAsked(0)
	})
	if _, err := NewLive(LiveConfig{URL: "http://127.0.0.1", Key: "k", MetricsInterval: time.Minute}); err == nil || !strings.Contains(err.Error(), "metrics interval 1m0s: want at least 10m0s") {
		t.Error(err)
	}
}
