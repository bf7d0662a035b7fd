package appsec

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

// letThrough is the verdict with PassOverload on a request that AppSec had no time for.
// It does not count against the client.
var letThrough = inspect.Verdict{Reason: overloaded.Reason}

// With PassOverload such a request passes, at the time when it would have been refused.
func TestPassOverloadLetsThroughWhatAppSecHasNoTimeFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := judging(t, slowHeads, Config{MaxTimeout: time.Second, PassOverload: true, OnFailure: lookup.Ban})
		var wg sync.WaitGroup
		for i := range 200 { // 4 s of AppSec's time
			wg.Go(func() {
				r, in := headed(fmt.Sprintf("203.0.%d.9", i), 2_000)
				began := time.Now()
				expect(t, c, "flood", r, in, judgedBad, letThrough)
				if took := time.Since(began); took > time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
		wg.Wait()
		if s := c.Stats(); s.Failed[Overloaded] == 0 || s.Failed[Overloaded]+s.Stopped[lookup.Ban] != 200 || s.Failed[Late] != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// So do requests in the two seconds before the silence of AppSec counts as an outage.
// OnFailure applies to later ones.
func TestPassOverloadLetsThroughWhatAppSecFallsSilentOver(t *testing.T) {
	for _, row := range []struct {
		name     string
		at, took time.Duration
		want     inspect.Verdict
	}{
		{"asked as it falls silent", 0, 2 * time.Second, letThrough},
		{"asked meanwhile", time.Second, time.Second, letThrough},
		{"asked after that", 3 * time.Second, 200 * time.Millisecond, inspect.Verdict{Action: lookup.Ban, Status: 503, Reason: failureReasons[Late]}},
	} {
		t.Run(row.name, func(t *testing.T) {
			whileSilent(t, Config{PassOverload: true, OnFailure: lookup.Ban}, letThrough, row.at, row.took, row.want)
		})
	}
}

// Over HTTP/2, where all questions share a connection, large heads let no request pass
// either: neither their own nor others meanwhile.
func TestLargeHeadsLetNobodyThroughOverHTTP2(t *testing.T) {
	for _, row := range []struct{ heads, bytes int }{{8, 7_000}, {4, 60_000}, {2, 400_000}} {
		t.Run(fmt.Sprintf("%d of %d bytes", row.heads, row.bytes), func(t *testing.T) {
			f := &fake{new(appsectest.Server)}
			f.Run(appsectest.Runner{Routines: 1, PerHeadByte: 2 * time.Microsecond, PerQuestion: time.Millisecond})
			f.Server.Server = httptest.NewUnstartedServer(f)
			f.Config.Protocols = new(http.Protocols)
			f.Config.Protocols.SetUnencryptedHTTP2(true)
			f.Start()
			t.Cleanup(f.Close)
			c := f.client(t, Config{H2C: true, Timeout: 100 * time.Millisecond, MaxTimeout: 5 * time.Second})
			t.Cleanup(c.Close)
			get(t, c, "/")
			refused := func(name string, r *http.Request, in inspect.Details) {
				v, err := c.Inspect(r, in)
				v.Release()
				if err != nil || v.Action != lookup.Ban {
					t.Errorf("%s: %+v, %v", name, v, err)
				}
			}
			var wg sync.WaitGroup
			for i := range row.heads {
				wg.Go(func() {
					r, in := headed(fmt.Sprintf("192.0.%d.7", i), row.bytes)
					refused("who pads", r, in)
				})
				wg.Go(func() {
					r, in := attackOf(fmt.Sprintf("203.0.%d.9", i))
					refused("somebody else", r, in)
				})
			}
			wg.Wait()
		})
	}
}
