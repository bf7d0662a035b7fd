package lookup

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// With ticks and without, and when they stop too early, a decision ends when it
// says it does.
func TestATickNeitherEndsNorProlongsADecision(t *testing.T) {
	for _, row := range []struct {
		name string
		tick func(t *Table, since time.Duration)
	}{
		{"no ticks", func(*Table, time.Duration) {}},
		{"a tick a second", func(t *Table, _ time.Duration) { t.Tick(time.Now()) }},
		{"ticks that come late", func(t *Table, since time.Duration) {
			if since%(30*time.Second) == 0 {
				t.Tick(time.Now())
			}
		}},
		{"ticks that are over", func(t *Table, since time.Duration) {
			if t.Tick(time.Now()); since >= time.Minute {
				t.Rest()
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ends := map[string]time.Duration{"192.0.2.1": time.Second, "192.0.2.2": 90 * time.Second, "192.0.2.3": 5 * time.Minute}
				var tab Table
				began := time.Now()
				var all []Decision
				for ip, d := range ends {
					all = append(all, Decision{Prefix: netip.MustParsePrefix(ip + "/32"), Action: Ban, Until: began.Add(d)})
				}
				all = append(all, Decision{Prefix: netip.MustParsePrefix("192.0.2.4/32"), Action: Ban})
				tab.Replace("lapi", all)
				for range 400 {
					since := time.Since(began)
					row.tick(&tab, since)
					for ip, d := range ends {
						if _, got := tab.Lookup(netip.MustParseAddr(ip)); got != (since < d) {
							t.Fatalf("%s, which ends after %v: found %v after %v", ip, d, got, since)
						}
					}
					if _, ok := tab.Lookup(netip.MustParseAddr("192.0.2.4")); !ok {
						t.Fatalf("one without an end is gone after %v", since)
					}
					<-time.After(time.Second)
				}
			})
		})
	}
}

func TestTicksOutlastARebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tab Table
		tab.Tick(time.Now()) // nothing to tell yet
		ip := netip.MustParseAddr("192.0.2.1")
		add := []Decision{{Prefix: netip.PrefixFrom(ip, 32), Action: Ban, Until: time.Now().Add(time.Hour)}}
		tab.Update("lapi", add, nil)
		tab.Tick(time.Now())
		before := tab.cur.Load().tick
		seed := tab.cur.Load().seed
		tab.refs = append(tab.refs, make([]int, 10_000)...) // as if very many kinds were gone
		tab.Forget(Decision{Prefix: netip.PrefixFrom(ip, 32)})
		if s := tab.cur.Load(); s.seed == seed {
			t.Error("the table was not rebuilt")
		} else if s.tick != before || s.tick.late.Load() == never {
			t.Error("the table has forgotten what time it is")
		}
	})
}
