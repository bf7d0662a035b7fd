package lapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// real follows a real CrowdSec.
type real struct {
	*testing.T
	*lapitest.RealServer

	client *Client
	table  *lookup.Table
}

func followReal(t *testing.T) *real { return followRealWith(t, Config{}) }

func followRealWith(t *testing.T, cfg Config) *real {
	if testing.Short() {
		t.Skip("the real server takes seconds")
	}
	t.Parallel()
	r := &real{T: t, RealServer: lapitest.Real(t), table: &lookup.Table{}}
	cfg.URL, cfg.Key, cfg.Interval = r.URL, r.Key, 100*time.Millisecond
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.client = c
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx, r.table) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// until waits for a state of the client or the table. Under load the server sometimes
// sets the time of a decision, is polled, and only then writes it, so that no delta
// contains it (one in some hundreds, at this pace). Full answers correct that, and a
// long wait brings one.
func (r *real) until(what string, ok func() bool) {
	r.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	again := time.NewTicker(4 * time.Second)
	defer again.Stop()
	for limit := time.After(30 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-again.C:
			r.client.Sync()
		case <-limit:
			r.Fatalf("waited in vain: %s; status %+v", what, r.client.Status())
		}
	}
}

func (r *real) untilAction(ip string, want lookup.Action) {
	r.Helper()
	r.until(ip+" "+want.String(), func() bool {
		d, _ := r.table.Lookup(addr(ip))
		return d.Action == want
	})
}

func TestRealDecisionsComeAndGo(t *testing.T) {
	r := followReal(t)
	r.Ban("192.0.2.1", "4h")
	r.untilAction("192.0.2.1", lookup.Ban)
	r.Ban("198.51.100.0/24", "4h")
	r.untilAction("198.51.100.200", lookup.Ban)
	r.Ban("2001:db8::/48", "4h")
	r.untilAction("2001:db8::1", lookup.Ban)
	r.Decide("192.0.2.1", "captcha", "1h")
	r.until("a captcha beside the ban", func() bool { return len(r.table.Covering(addr("192.0.2.1"))) == 2 })
	r.Cscli("decisions", "delete", "--ip", "192.0.2.1", "--type", "ban")
	r.untilAction("192.0.2.1", lookup.Captcha)
	r.Delete("192.0.2.1")
	r.untilAction("192.0.2.1", lookup.None)
	r.Ban("192.0.2.2", "2s")
	r.untilAction("192.0.2.2", lookup.Ban)
	r.untilAction("192.0.2.2", lookup.None)
}

// CrowdSec keeps a range of scope Ip, as lists have it, apart from the same of scope Range.
func TestRealRangeOfAList(t *testing.T) {
	r := followReal(t)
	const value = "198.51.100.0/24"
	id := map[string]int{} // of the last decision with a scope; a new database counts from 1
	n := 0
	decide := func(scope string) {
		r.Cscli("decisions", "add", "--scope", scope, "--value", value, "--duration", "4h")
		n++
		id[scope] = n
	}
	end := func(scope string) { r.Cscli("decisions", "delete", "--id", strconv.Itoa(id[scope])) }
	polls := func() {
		n := r.client.Stats().Pulls
		r.until("polls", func() bool { return r.client.Stats().Pulls > n+3 })
	}
	decide("Ip")
	r.untilAction("198.51.100.1", lookup.Ban)
	end("Ip")
	r.untilAction("198.51.100.1", lookup.None)
	for _, last := range []string{"Ip", "Range"} {
		first := map[string]string{"Ip": "Range", "Range": "Ip"}[last]
		decide(first)
		r.untilAction("198.51.100.1", lookup.Ban)
		decide(last)
		polls()
		end(first)
		polls()
		if _, ok := r.table.Lookup(addr("198.51.100.1")); !ok {
			t.Errorf("scope %s is in force, and the client is let in", last)
		}
		end(last)
		r.untilAction("198.51.100.1", lookup.None)
	}
}

func TestRealServerIsKilledAndComesBack(t *testing.T) {
	r := followReal(t)
	r.Ban("192.0.2.1", "4h")
	r.untilAction("192.0.2.1", lookup.Ban)
	r.Kill()
	r.until("failures", func() bool { return r.client.Status().Failures > 0 })
	r.untilAction("192.0.2.1", lookup.Ban)
	r.Restart()
	r.until("recovery", func() bool { return r.client.Status().Failures == 0 })
	r.Ban("192.0.2.2", "4h")
	r.untilAction("192.0.2.2", lookup.Ban)
}

func TestRealKeyIsTakenBackAndGivenAgain(t *testing.T) {
	r := followReal(t)
	r.Ban("192.0.2.1", "4h")
	r.untilAction("192.0.2.1", lookup.Ban)
	r.DeleteBouncer(lapitest.DefaultBouncer)
	r.until("a refused key", func() bool { return isForbidden(r.client.Status().Err) })
	r.untilAction("192.0.2.1", lookup.Ban)
	r.AddBouncer(lapitest.DefaultBouncer, r.Key)
	r.until("recovery", func() bool { return r.client.Status().Err == nil })
}

func TestRealDatabaseIsMadeAnew(t *testing.T) {
	r := followReal(t)
	r.Ban("192.0.2.1", "4h")
	r.untilAction("192.0.2.1", lookup.Ban)
	key := r.Key
	r.DropDatabase(key)
	// The old decisions do not exist any more. The table needs a full answer to know
	// that, which comes after the failures, or with the resync.
	r.Ban("192.0.2.2", "4h")
	r.untilAction("192.0.2.2", lookup.Ban)
}

func TestRealPlaces(t *testing.T) {
	r := followRealWith(t, Config{Scopes: []Scope{"ip", "range", "country", "as"}})
	r.Cscli("decisions", "add", "--scope", "country", "--value", "FR", "--duration", "4h")
	r.Cscli("decisions", "add", "--scope", "AS", "--value", "AS64496", "--duration", "4h", "--type", "captcha")
	r.until("a country and an autonomous system", func() bool {
		country, _ := r.table.LookupPlace("FR", 0)
		as, _ := r.table.LookupPlace("", 64496)
		return country.Action == lookup.Ban && as.Action == lookup.Captcha
	})
	r.Delete("FR")
	r.until("the end of the country", func() bool { _, ok := r.table.LookupPlace("FR", 0); return !ok })
}

func TestRealFilter(t *testing.T) {
	// cscli writes the reason into the scenario, so the filter can use it.
	r := followRealWith(t, Config{ScenariosContaining: []string{"wanted"}})
	r.Cscli("decisions", "add", "--ip", "192.0.2.1", "--duration", "24h", "--reason", "other")
	r.Cscli("decisions", "add", "--ip", "192.0.2.1", "--duration", "4h", "--reason", "Wanted")
	r.Cscli("decisions", "add", "--ip", "192.0.2.1", "--duration", "8h", "--reason", "wanted too")
	longest := func(low, high time.Duration) func() bool {
		return func() bool {
			d, _ := r.table.Lookup(addr("192.0.2.1"))
			left := time.Until(d.Until)
			return d.Action == lookup.Ban && low < left && left < high
		}
	}
	r.until("the longest of the two", longest(7*time.Hour, 9*time.Hour))
	r.Cscli("decisions", "delete", "--id", "3")
	r.until("the shorter one, which another origin hides", longest(3*time.Hour, 5*time.Hour))
	r.Cscli("decisions", "delete", "--id", "2")
	r.untilAction("192.0.2.1", lookup.None)
	r.client.Sync() // no delta may contain the first decision
	r.until("the filter at work", func() bool { return r.client.Stats().Rows.Filtered > 0 })
}

func TestRealUnban(t *testing.T) {
	r := followRealWith(t, Config{Machine: Machine{Name: lapitest.DefaultMachine, Password: lapitest.DefaultPassword}})
	unban := func(s string, want int) {
		t.Helper()
		if n, err := r.client.Unban(t.Context(), target(s)); err != nil || n != want {
			t.Errorf("%s: %d, %v", s, n, err)
		}
	}
	r.Ban("192.0.2.1", "4h")
	r.Decide("192.0.2.1", "captcha", "4h")
	r.Ban("192.0.2.1/32", "4h")
	r.Ban("192.0.2.2", "4h")
	r.Decide("192.0.2.0/24", "throttle", "4h")
	r.Ban("192.0.0.0/16", "4h")
	r.Decide("2001:db8::1", "captcha", "4h")
	r.Ban("2001:db8::/32", "4h")
	r.untilAction("2001:db8::1", lookup.Ban)
	unban("192.0.2.1", 3)
	unban("192.0.0.0/16", 1)
	r.untilAction("192.0.2.1", lookup.Throttle)
	r.untilAction("192.0.2.2", lookup.Ban)
	r.Restart() // so that the token becomes invalid
	unban("2001:db8::/32", 1)
	r.untilAction("2001:db8::1", lookup.Captcha)
	unban("192.0.2.9", 0)
	if st := r.client.Stats(); st.Allowlist.Err != nil { // 1.4.6 has no allowlists
		t.Error(st.Allowlist.Err)
	}
}

// TestRealUsage works with servers that accept usage metrics, and with those that do
// not.
func TestRealUsage(t *testing.T) {
	r := followRealWith(t, Config{Machine: withMachine.Machine})
	r.until("the first answer", func() bool { return !r.client.Status().Synced.IsZero() })
	u := r.client.usageReporter(r.table)
	err := u.send(t.Context())
	u.introduce(t.Context())
	if r.Generation() == lapitest.Old {
		if !isRefusal(err, http.StatusNotFound) {
			t.Error(err)
		}
		return
	}
	if err != nil {
		t.Error(err)
	}
	for _, list := range []string{"bouncers", "machines"} {
		if shown := r.Cscli(list, "list", "-o", "json"); !strings.Contains(shown, thisSystem().Name) {
			t.Errorf("no operating system in %s", shown)
		}
	}
}

func TestRealSync(t *testing.T) {
	r := followReal(t)
	r.until("the first answer", func() bool { return r.client.Status().Err == nil && !r.client.Status().Synced.IsZero() })
	first := r.client.Stats().LastFull
	r.client.Sync()
	r.until("another full answer", func() bool { return r.client.Stats().LastFull.After(first) })
}

func TestRealLive(t *testing.T) {
	if testing.Short() {
		t.Skip("the real server takes seconds")
	}
	t.Parallel()
	s := lapitest.Real(t)
	l, err := NewLive(LiveConfig{URL: s.URL, Key: s.Key, Timeout: 10 * time.Second, Failure: lookup.Captcha})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := func(ip string, want lookup.Action) {
		t.Helper()
		if d, _ := l.Lookup(t.Context(), addr(ip)); d.Action != want {
			t.Errorf("%s: %v, want %v; %v", ip, d.Action, want, l.Status().Err)
		}
	}
	s.Decide("192.0.2.1", "captcha", "8h")
	s.Ban("192.0.2.0/24", "4h")
	s.Ban("2001:db8::/32", "4h")
	want("192.0.2.1", lookup.Ban)
	want("::ffff:192.0.2.2", lookup.Ban)
	want("2001:db8::1", lookup.Ban)
	want("198.51.100.1", lookup.None)
	s.Kill()
	want("192.0.2.1", lookup.Ban) // from the cache
	for i := range 3 {
		want(fmt.Sprintf("198.51.100.%d", i+2), lookup.Captcha)
	}
	s.Restart()
	<-time.After(time.Second)
	want("198.51.100.2", lookup.None)
	s.DeleteBouncer(lapitest.DefaultBouncer)
	want("198.51.100.3", lookup.Captcha)
	if !isForbidden(l.Status().Err) {
		t.Error(l.Status().Err)
	}
}
