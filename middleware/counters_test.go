package middleware

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/tocsin-project/tocsin/lookup"
)

// stopFor is a request from client that met a decision.
func stopFor(client string, a lookup.Action, origin string) *Stop {
	return &Stop{Client: netip.MustParseAddr(client), Decision: lookup.Decision{Action: a, Origin: origin}}
}

func TestCountersTellRequestsApart(t *testing.T) {
	m := mustNew(t, Config{
		Lookup: in(table(t, "192.0.2.1 ban", "192.0.2.2 captcha", "192.0.2.3 throttle", "192.0.2.4 ban", "2001:db8::1 ban")),
		Allow:  prefixes("192.0.2.4/32"),
	})
	for _, client := range []string{
		"192.0.2.1:1", "[::ffff:192.0.2.1]:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1", "192.0.2.5:1",
		"[2001:db8::1]:1", "[2001:db8::2]:1", "@",
	} {
		m.Check(from(client))
	}
	want := Counts{Processed: 9, Processed4: 6, Processed6: 2, UnknownClient: 1, Allowed: 1, ByOrigin: []OriginCount{
		{Action: lookup.Ban, Origin: "cscli", Stopped: 2},
		{Action: lookup.Ban, Origin: "cscli", IPv6: true, Stopped: 1},
		{Action: lookup.Captcha, Origin: "cscli", Stopped: 1},
		{Action: lookup.Throttle, Origin: "cscli", Stopped: 1},
	}}
	want.Stopped[lookup.Ban], want.Stopped[lookup.Captcha], want.Stopped[lookup.Throttle] = 3, 1, 1
	if got := m.Counters().Snapshot(); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestCountersAreSharedAndLoseNothing(t *testing.T) {
	const workers, each = 8, 500
	var shared Counters
	tab := table(t, "192.0.2.1 ban")
	var wg sync.WaitGroup
	for w := range workers {
		// A middleware for each, as after so many reloads.
		m := mustNew(t, Config{Lookup: in(tab), Counters: &shared, DryRun: w%2 == 0})
		h := m.Handler(bare)
		wg.Go(func() {
			for range each {
				h.ServeHTTP(httptest.NewRecorder(), from("192.0.2.1:1"))
				h.ServeHTTP(httptest.NewRecorder(), from("192.0.2.2:1"))
				shared.Snapshot()
			}
		})
	}
	wg.Wait()
	const all, half = workers * each, workers * each / 2
	want := Counts{Processed: 2 * all, Processed4: 2 * all, DryRun: half, ByOrigin: []OriginCount{
		{Action: lookup.Ban, Origin: "cscli", Stopped: half, DryRun: half},
	}}
	want.Stopped[lookup.Ban] = half
	if got := shared.Snapshot(); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestOriginsAreSorted(t *testing.T) {
	var c Counters
	for _, s := range []*Stop{
		stopFor("2001:db8::1", lookup.Ban, "lists:tor"), stopFor("192.0.2.1", lookup.Throttle, "CAPI"),
		stopFor("192.0.2.1", lookup.Ban, "lists:tor"), stopFor("192.0.2.1", lookup.Ban, "CAPI"),
	} {
		c.stop(s, false)
	}
	want := []OriginCount{
		{Action: lookup.Ban, Origin: "CAPI", Stopped: 1},
		{Action: lookup.Ban, Origin: "lists:tor", Stopped: 1},
		{Action: lookup.Ban, Origin: "lists:tor", IPv6: true, Stopped: 1},
		{Action: lookup.Throttle, Origin: "CAPI", Stopped: 1},
	}
	if got := c.Snapshot().ByOrigin; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestOriginsBeyondTheBoundAreCountedTogether(t *testing.T) {
	const made = 3 * 256
	var c Counters
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range made {
				c.stop(stopFor("192.0.2.1", lookup.Ban, fmt.Sprint("made up ", (i+worker*100)%made)), false)
			}
		})
	}
	wg.Wait()
	c.stop(stopFor("192.0.2.1", lookup.Captcha, "late"), false)
	n := c.Snapshot()
	if got := n.Stopped[lookup.Ban]; got != 4*made {
		t.Errorf("%d bans counted, want %d", got, 4*made)
	}
	if got := len(n.ByOrigin); got != 256+2 {
		t.Errorf("%d pairs of an action and an origin, want %d and two for the others", got, 256)
	}
	others := map[lookup.Action]uint64{}
	for _, o := range n.ByOrigin {
		if o.Origin == "other" {
			others[o.Action] = o.Stopped
		}
	}
	if others[lookup.Ban] != 4*(made-256) || others[lookup.Captcha] != 1 {
		t.Errorf("of other origins: %v, want %d bans and a captcha", others, 4*(made-256))
	}
}

func TestALongOriginIsCut(t *testing.T) {
	var c Counters
	long := strings.Repeat("x", 1<<20)
	c.stop(stopFor("192.0.2.1", lookup.Ban, long), false)
	c.stop(stopFor("192.0.2.1", lookup.Ban, long[:255]+"y"), false)
	n := c.Snapshot().ByOrigin
	if len(n) != 1 || n[0].Origin != long[:255] || n[0].Stopped != 2 {
		t.Fatalf("%d origins, the first of %d bytes and %d requests", len(n), len(n[0].Origin), n[0].Stopped)
	}
	if unsafe.StringData(n[0].Origin) == unsafe.StringData(long) {
		t.Error("the whole of it is held in memory")
	}
}

// Once an origin is known, to count it is one step in a map.
func TestCountingAStopAllocatesNothing(t *testing.T) {
	var c Counters
	s := stopFor("192.0.2.1", lookup.Ban, strings.Repeat("x", 300))
	if n := testing.AllocsPerRun(200, func() { c.stop(s, false) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestStripesDoNotShareCacheLines(t *testing.T) {
	if size := unsafe.Sizeof(stripe{}); size != 128 {
		t.Errorf("a stripe has %d bytes, want 128", size)
	}
}
