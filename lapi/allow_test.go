package lapi

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

func (s *scene) allow(prefix string)    { s.Allowlist(netip.MustParsePrefix(prefix)) }
func (s *scene) disallow(prefix string) { s.Disallow(netip.MustParsePrefix(prefix)) }

// playAllowed is playWith for the generation with allowlists.
func playAllowed(t *testing.T, f func(*scene)) {
	playWith(t, lapitest.Config{}, withMachine, f)
}

func TestNobodyOnAnAllowlistIsBanned(t *testing.T) {
	playAllowed(t, func(s *scene) {
		s.allow("192.0.2.1/32")
		s.allow("198.51.100.0/24")
		s.allow("2001:db8::/32")
		s.allow("203.0.113.0/32")
		s.Add(
			lapitest.Decision{Value: "203.0.113.0/24"},
			lapitest.Decision{Value: "192.0.2.1"}, lapitest.Decision{Value: "192.0.2.2"}, lapitest.Decision{Value: "192.0.2.0/24", Type: "captcha"},
			lapitest.Decision{Value: "198.51.100.0/25"}, lapitest.Decision{Value: "2001:db8::1"}, lapitest.Decision{Value: "2001:db9::1"},
		)
		s.run()
		s.want("192.0.2.1", lookup.Captcha) // a decision about a wider range is still in the table
		s.want("192.0.2.2", lookup.Ban)
		s.want("198.51.100.1", lookup.None)
		s.want("203.0.113.1", lookup.Ban)
		s.want("2001:db8::1", lookup.None)
		s.want("2001:db9::1", lookup.Ban)
		for ip, want := range map[string]bool{
			"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.2.2": false, "198.51.100.255": true, "2001:db8:1::": true, "2001:db9::1": false,
		} {
			if s.client.Allowlisted(addr(ip)) != want {
				t.Errorf("%s: allowlisted %v", ip, !want)
			}
		}
		if st := s.client.Stats(); st.Rows.Allowed != 3 || st.Allowlist.Entries != 4 || st.Allowlist.Err != nil {
			t.Errorf("%+v", st)
		}
	})
}

func TestAllowlistsAreFollowed(t *testing.T) {
	playAllowed(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 48 * time.Hour})
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.allow("192.0.2.0/24")
		s.after(10*time.Minute + interval)
		s.want("192.0.2.1", lookup.None)
		s.disallow("192.0.2.0/24")
		s.after(10*time.Minute + interval)
		s.want("192.0.2.1", lookup.Ban) // although no delta contains it again
		if n := s.logs.FilterMessageSnippet("the allowlists have changed").Len(); n != 2 {
			t.Errorf("said %d times", n)
		}
		if st := s.client.Stats(); st.Missed != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestADeltaHonoursAllowlists(t *testing.T) {
	playAllowed(t, func(s *scene) {
		s.allow("192.0.2.0/24")
		s.run()
		s.after(time.Second)
		s.Add(lapitest.Decision{Value: "192.0.2.1"}, lapitest.Decision{Value: "198.51.100.1"})
		s.poll()
		s.want("192.0.2.1", lookup.None)
		s.want("198.51.100.1", lookup.Ban)
	})
}

func TestAnAllowlistThatTakesAllIsNoShortAnswer(t *testing.T) {
	playAllowed(t, func(s *scene) {
		s.crowd(100)
		s.run()
		s.allow("192.0.2.0/24")
		s.after(10*time.Minute + interval)
		if n := s.table.Count("lapi"); n != 0 || s.client.Status().Err != nil {
			t.Errorf("%d decisions left: %v", n, s.client.Status().Err)
		}
	})
}

func TestEntriesOfAllowlistsEnd(t *testing.T) {
	playAllowed(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 48 * time.Hour}, lapitest.Decision{Value: "192.0.2.2", Duration: 48 * time.Hour})
		item := func(ip string, left time.Duration) string {
			return `{"value":"` + ip + `","expiration":"` + time.Now().Add(left).UTC().Format("2006-01-02T15:04:05.000Z") + `"}`
		}
		s.InjectWhen(lapitest.Path(allowlistsPath), -1, lapitest.Raw(
			`[{"name":"a","items":[`+item("192.0.2.1", time.Hour)+`,`+item("192.0.2.2", -time.Hour)+`]}]`))
		s.run()
		s.want("192.0.2.1", lookup.None)
		s.want("192.0.2.2", lookup.Ban)
		s.after(time.Hour)
		if s.client.Allowlisted(addr("192.0.2.1")) {
			t.Error("allowlisted for ever")
		}
		s.after(10*time.Minute + interval)
		s.want("192.0.2.1", lookup.Ban)
	})
}

func TestEntriesThatCannotBeReadAreNamedAndLeftOut(t *testing.T) {
	playAllowed(t, func(s *scene) {
		s.InjectWhen(lapitest.Path(allowlistsPath), -1, lapitest.Raw(`[
			{"name":"mine","items":[{"value":"user"},{"value":"192.0.2.1","expiration":"soon"},{"value":"192.0.2.2"}]},
			{"name":"empty","items":null}]`))
		s.run()
		if s.client.Allowlisted(addr("192.0.2.1")) || !s.client.Allowlisted(addr("192.0.2.2")) {
			t.Error("the wrong ones are allowed")
		}
		if n := s.logs.FilterMessageSnippet("an entry of an allowlist is left out").Len(); n != 2 {
			t.Errorf("%d named", n)
		}
	})
}

func TestServersWithoutAllowlistsAreLeftInPeace(t *testing.T) {
	playWith(t, lapitest.Config{Generation: lapitest.Old}, withMachine, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.after(2 * time.Hour)
		if len(s.errors()) > 0 || s.client.Stats().Allowlist.Err != nil {
			t.Errorf("%v", s.errors())
		}
		s.SetGeneration(lapitest.New) // an upgrade
		s.allow("192.0.2.0/24")
		s.after(10*time.Minute + interval)
		s.want("192.0.2.1", lookup.None)
	})
}

func TestAllowlistsSurviveFailures(t *testing.T) {
	var many strings.Builder
	for range 100_000 + 1 {
		many.WriteString(`,{"value":"192.0.2.1"}`)
	}
	faults := map[string]lapitest.Fault{
		"a server error":   lapitest.Status(500, nil, `{"message":"database is locked"}`),
		"no JSON":          lapitest.Raw("<html>"),
		"a hang":           lapitest.Hang(),
		"cut in the midst": lapitest.Cut(20),
		"an endless list":  lapitest.Raw(strings.Repeat(" ", 1<<25) + "[]"),
		"too many entries": lapitest.Raw(`[{"name":"a","items":[` + many.String()[1:] + `]}]`),
		"a refused login":  lapitest.Status(401, nil, ""),
		"an object":        lapitest.Raw(`{"message":"no"}`),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			playAllowed(t, func(s *scene) {
				s.allow("192.0.2.1/32")
				s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 48 * time.Hour})
				s.run()
				s.InjectWhen(func(r *http.Request) bool { return r.Method == http.MethodGet && r.URL.Path == allowlistsPath }, -1, fault)
				s.after(15 * time.Minute)
				s.want("192.0.2.1", lookup.None)
				if st := s.client.Stats(); st.Allowlist.Err == nil || st.Allowlist.Entries != 1 {
					t.Errorf("%+v", st.Allowlist)
				}
				if !s.client.Status().Ready(time.Now()) {
					t.Error("the stream suffers")
				}
				if n := len(s.errors()); n != 1 {
					t.Errorf("said %d times", n)
				}
				s.ClearFaults()
				s.after(time.Minute + interval)
				if st := s.client.Stats(); st.Allowlist.Err != nil {
					t.Errorf("%+v", st.Allowlist)
				}
			})
		})
	}
}

func TestSyncReadsTheAllowlists(t *testing.T) {
	playAllowed(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.run()
		s.allow("192.0.2.1/32")
		s.poll()
		s.want("192.0.2.1", lookup.Ban)
		s.client.Sync()
		synctest.Wait()
		s.want("192.0.2.1", lookup.None)
		if a := s.client.Stats().Allowlist; a.Entries != 1 || !a.Fetched.Equal(time.Now()) {
			t.Errorf("%+v", a)
		}
	})
}

func TestSyncOfALiveReadsTheAllowlistsAndAsksAgain(t *testing.T) {
	playLive(t, liveMachine, func(s *liveScene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"}, lapitest.Decision{Value: "192.0.2.2"})
		stop := s.run()
		defer stop()
		s.want("192.0.2.1", lookup.Ban)
		s.want("192.0.2.2", lookup.Ban)
		s.Delete("192.0.2.2", "")
		s.Allowlist(netip.MustParsePrefix("192.0.2.1/32"))
		s.live.Sync()
		synctest.Wait()
		s.want("192.0.2.2", lookup.None)
		listed := lookup.None
		if s.Generation() == lapitest.Old { // it has no allowlists
			listed = lookup.Ban
		}
		s.want("192.0.2.1", listed)
		if a := s.live.Stats().Allowlist; !a.Fetched.Equal(time.Now()) || a.Err != nil {
			t.Errorf("%+v", a)
		}
	})
}

// TestADecisionThatBypassesAllowlistsDoesNotBypassThemHere is about `cscli decisions
// add --bypass-allowlist`: the stream does not mark such decisions, so the allowlist,
// which may be newer, wins.
func TestADecisionThatBypassesAllowlistsDoesNotBypassThemHere(t *testing.T) {
	playWith(t, lapitest.Config{Generation: lapitest.Newest}, withMachine, func(s *scene) {
		s.allow("192.0.2.1/32")
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.run()
		s.want("192.0.2.1", lookup.None)
		if n := s.client.Stats().Rows.Allowed; n != 1 {
			t.Errorf("%d left out", n)
		}
	})
}

// TestWhatNobodyTellsOfIsFoundBySync is about `cscli alerts delete`: no stream contains
// the deletion of the alert's decisions.
func TestWhatNobodyTellsOfIsFoundBySync(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"}, lapitest.Decision{Value: "192.0.2.2"})
		s.run()
		s.HardDelete("192.0.2.1", "")
		s.poll()
		s.want("192.0.2.1", lookup.Ban) // no delta contains it
		s.client.Sync()
		synctest.Wait()
		s.want("192.0.2.1", lookup.None)
		s.want("192.0.2.2", lookup.Ban)
	})
}
