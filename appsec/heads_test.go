package appsec

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

// slowHeads is an AppSec that inspects one request after the other, with rules that
// check all headers.
var slowHeads = appsectest.Runner{Routines: 1, PerHeadByte: 10 * time.Microsecond, PerQuestion: time.Millisecond}

// headed returns an attack after that many bytes of headers.
func headed(client string, bytes int) (*http.Request, inspect.Details) {
	r, in := attackOf(client)
	r.Header.Set("X-Padding", strings.Repeat("x", bytes))
	return r, in
}

// judgedBad is AppSec's verdict on an attack.
var judgedBad = inspect.Verdict{Action: lookup.Ban, Status: 403, Answered: true, Reason: "AppSec: ban"}

// overloaded is the verdict on a request that AppSec had no time for.
var overloaded = inspect.Verdict{Action: lookup.Ban, Status: 503, RetryAfter: 10 * time.Second, Reason: "AppSec is busy with other requests"}

// expect inspects a request and fails if the verdict is not in want.
func expect(t *testing.T, c *Client, name string, r *http.Request, in inspect.Details, want ...inspect.Verdict) {
	t.Helper()
	v, err := c.Inspect(r, in)
	v.Release()
	v.Body = nil
	for _, one := range want {
		if v == one && err == nil {
			return
		}
	}
	t.Errorf("%s: %+v, %v", name, v, err)
}

// Many GETs with large heads at the same time make AppSec late. Neither they nor an
// attack of another client pass because of that.
func TestLargeHeadsLetNobodyThrough(t *testing.T) {
	for _, row := range []struct {
		name    string
		heads   int
		bytes   int
		perByte time.Duration
		warm    bool // AppSec has answered before
	}{
		{"8 of 7 kB", 8, 7_000, 10 * time.Microsecond, true},
		{"8 of 7 kB, the first that AppSec is asked", 8, 7_000, 10 * time.Microsecond, false},
		{"8 of 7 kB with the Core Rule Set", 8, 7_000, ofCRS, true},
		{"8 of 7 kB with the Core Rule Set, the first", 8, 7_000, ofCRS, false},
		{"60 of 2 kB", 60, 2_000, 10 * time.Microsecond, true},
		{"300 of 900 bytes", 300, 900, 10 * time.Microsecond, true},
		{"16 of 60 kB", 16, 60_000, 10 * time.Microsecond, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := slowHeads
				run.PerHeadByte = row.perByte
				c, _ := judging(t, run, Config{})
				if row.warm {
					get(t, c, "/")
				}
				crowded := inspect.Verdict{Action: lookup.Ban, Status: 503, RetryAfter: 10 * time.Second, Reason: failureReasons[Crowded]}
				var wg sync.WaitGroup
				for range row.heads {
					wg.Go(func() {
						r, in := headed("192.0.2.7", row.bytes)
						expect(t, c, "who pads", r, in, judgedBad, overloaded, crowded)
					})
				}
				for i := range 40 {
					wg.Go(func() {
						<-time.After(time.Duration(i) * 50 * time.Millisecond)
						r, in := attackOf(fmt.Sprintf("203.0.%d.9", i))
						expect(t, c, "somebody else", r, in, judgedBad)
					})
				}
				wg.Wait()
				if c.breaker.broken.Load() || c.breaker.late.Load() != 0 {
					t.Error("clients have opened the breaker")
				}
				if c.Stats().Failed[Late] != 0 {
					t.Errorf("%+v", c.Stats().Failed)
				}
			})
		})
	}
}

// A request that cannot be inspected within MaxTimeout is refused, and its client is
// not banned.
func TestAFloodIsRefusedAndNotLetThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := judging(t, slowHeads, Config{MaxTimeout: time.Second})
		var wg sync.WaitGroup
		for i := range 200 { // 4 s of AppSec's time
			wg.Go(func() {
				r, in := headed(fmt.Sprintf("203.0.%d.9", i), 2_000)
				began := time.Now()
				expect(t, c, "flood", r, in, judgedBad, overloaded)
				if took := time.Since(began); took > time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
		wg.Wait()
		if s := c.Stats(); s.Failed[Overloaded] == 0 || s.Stopped[lookup.Ban] < 10 || s.Failed[Late] != 0 {
			t.Errorf("%+v", s)
		}
		<-time.After(2 * time.Minute)
		expect(t, c, "afterwards", httptest.NewRequest("GET", "/", nil), inspect.Details{Client: visitor}, inspect.Verdict{})
		if c.slots.used != 0 || c.work.used != 0 || c.load.n != 0 {
			t.Error("something is kept")
		}
	})
}

// A small request can be slow because of its content. The others are still inspected.
func TestSlowRulesLetNobodyThrough(t *testing.T) {
	for _, row := range []struct {
		name     string
		slow     time.Duration
		routines int
		want     inspect.Verdict
		others   inspect.Verdict
	}{
		{"late, and others wait for it", time.Second, 1, judgedBad, judgedBad},
		{"late, and others are answered", time.Second, 2, judgedBad, judgedBad},
		{"it alone is not answered", 30 * time.Second, 2, overloaded, judgedBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := judging(t, appsectest.Runner{Routines: row.routines, SlowRule: row.slow}, Config{Routines: row.routines})
				get(t, c, "/")
				var wg sync.WaitGroup
				wg.Go(func() {
					r, in := attackOf("192.0.2.7")
					r.Header.Set("X-Text", "slow-rule")
					expect(t, c, "who is slow", r, in, row.want)
				})
				for i := range 110 {
					wg.Go(func() {
						<-time.After(time.Duration(i)*100*time.Millisecond + time.Millisecond)
						r, in := attackOf(fmt.Sprintf("203.0.%d.9", i))
						expect(t, c, "somebody else", r, in, row.others)
					})
				}
				wg.Wait()
			})
		})
	}
}

// An AppSec that stops answering counts as an outage after two seconds. Requests from
// before that are refused, because one of them may be the cause.
func TestAnAppSecThatFallsSilentIsAnOutage(t *testing.T) {
	late := inspect.Verdict{Reason: failureReasons[Late]}
	for _, row := range []struct {
		name     string
		at, took time.Duration
		want     inspect.Verdict
	}{
		{"asked as it falls silent", 0, 2 * time.Second, overloaded},
		{"asked meanwhile", time.Second, time.Second, overloaded},
		{"asked after that", 3 * time.Second, 200 * time.Millisecond, late},
		{"asked long after that", 20 * time.Second, 200 * time.Millisecond, late},
		{"asked when it is back", 40 * time.Second, 0, judgedBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			whileSilent(t, Config{}, overloaded, row.at, row.took, row.want)
		})
	}
}

// whileSilent lets an AppSec fall silent at a request, which must get the verdict
// first. After a time it sends an attack of another client, which must get the verdict
// want and take that long.
func whileSilent(t *testing.T, cfg Config, first inspect.Verdict, after, took time.Duration, want inspect.Verdict) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, _ := judging(t, appsectest.Runner{Routines: 1, SlowRule: 30 * time.Second}, cfg)
		get(t, c, "/")
		var wg sync.WaitGroup
		wg.Go(func() {
			r, in := attackOf("192.0.2.7")
			r.Header.Set("X-Text", "slow-rule")
			expect(t, c, "what it falls silent over", r, in, first)
		})
		synctest.Wait()
		<-time.After(after)
		began := time.Now()
		r, in := attackOf("203.0.113.9")
		expect(t, c, "the stranger's", r, in, want)
		if got := time.Since(began); got != took {
			t.Errorf("it took %v, want %v", got, took)
		}
		wg.Wait()
	})
}

// A network may have as many requests in progress as AppSec's routines inspect in a
// moment.
func TestPlacesOfANetworkFollowRoutines(t *testing.T) {
	for _, row := range []struct{ routines, want int }{{1, 2}, {4, 10}} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := judging(t, appsectest.Runner{Routines: row.routines, PerQuestion: 80 * time.Millisecond}, Config{Routines: row.routines})
			for range 100 { // until the client has measured the pace
				get(t, c, "/")
			}
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { get(t, c, "/") })
			}
			synctest.Wait()
			c.load.mu.Lock()
			n := c.load.n
			c.load.mu.Unlock()
			if n != row.want {
				t.Errorf("%d routines: %d of one network are at AppSec, want %d", row.routines, n, row.want)
			}
			wg.Wait()
		})
	}
}
