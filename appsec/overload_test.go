package appsec

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

// A pipeListener accepts connections that never leave the process.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// judging returns a client of an AppSec that works as run says, in the bubble of a
// test.
func judging(t *testing.T, run appsectest.Runner, cfg Config) (*Client, *appsectest.Server) {
	cfg.URL, cfg.Key = "http://h", testKey
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := new(appsectest.Server)
	s.Run(run)
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: s}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	c.wire.(*connections).dial = func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		l.conns <- there
		return here, nil
	}
	t.Cleanup(func() {
		c.Close()
		_ = server.Shutdown(context.Background()) // it waits for requests in progress
		wg.Wait()
	})
	return c, s
}

// padded returns an attack after that many bytes of padding.
func padded(bytes int) *http.Request {
	return httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", bytes)+"evil"))
}

func attackOf(client string) (*http.Request, inspect.Details) {
	return httptest.NewRequest("GET", "/?q=evil", nil), inspect.Details{Client: netip.MustParseAddr(client)}
}

// ofCRS is the time of the Core Rule Set in-band for a byte of JSON.
const ofCRS = 55 * time.Microsecond

// A request that makes AppSec late does not pass, and neither do others meanwhile.
func TestWhoMakesAppSecLateIsNotLetThrough(t *testing.T) {
	for _, row := range []struct {
		name    string
		perByte time.Duration
		want    inspect.Verdict
		took    time.Duration
	}{
		{"400 kB with rules in C++", time.Microsecond, inspect.Verdict{Action: lookup.Ban, Status: 403, Answered: true, Reason: "AppSec: ban"}, 400004 * time.Microsecond},
		{"400 kB with slow rules", 20 * time.Microsecond, inspect.Verdict{Action: lookup.Ban, Status: 403, Answered: true, Reason: "AppSec: ban"}, 400004 * 20 * time.Microsecond},
		{
			"400 kB with the Core Rule Set", ofCRS,
			inspect.Verdict{Action: lookup.Ban, Status: 503, RetryAfter: 10 * time.Second, Slow: true, Reason: "too large for AppSec to inspect in time"},
			10 * time.Second,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := judging(t, appsectest.Runner{Routines: 1, PerByte: row.perByte}, Config{})
				var wg sync.WaitGroup
				wg.Go(func() {
					began := time.Now()
					v, err := c.Inspect(padded(400_000), inspect.Details{Client: visitor})
					v.Body = nil
					if took := time.Since(began); v != row.want || err != nil || took != row.took {
						t.Errorf("who pads: %+v, %v after %v", v, err, took)
					}
				})
				// Other requests arrive until its end, and after it.
				for i := range 120 {
					wg.Go(func() {
						<-time.After(time.Duration(i)*250*time.Millisecond + time.Millisecond)
						r, in := attackOf(fmt.Sprintf("203.0.%d.9", i))
						began := time.Now()
						v, err := c.Inspect(r, in)
						if v.Action != lookup.Ban || err != nil || time.Since(began) > 10*time.Second {
							t.Errorf("an attack %d of somebody else: %+v, %v after %v", i, v, err, time.Since(began))
						}
						if i > 100 && !v.Answered {
							t.Errorf("an attack %d, when all is over: %+v", i, v)
						}
					})
				}
				wg.Wait()
				if c.breaker.broken.Load() || c.breaker.late.Load() != 0 {
					t.Error("one client has opened the breaker")
				}
			})
		})
	}
}

// An honest upload gets the time that its size needs.
func TestALargeUploadIsGivenTime(t *testing.T) {
	for _, row := range []struct {
		name    string
		size    int
		perByte time.Duration
		timeout time.Duration
		want    inspect.Verdict
	}{
		{"a megabyte with slow rules", 1 << 20, 5 * time.Microsecond, 0, inspect.Verdict{}},
		{"a page of an editor with the Core Rule Set", 20_000, ofCRS, 0, inspect.Verdict{}},
		{"a form with the Core Rule Set", 3_000, ofCRS, 0, inspect.Verdict{}},
		{"a page of an editor and little time", 20_000, ofCRS, 500 * time.Millisecond, inspect.Verdict{
			Action: lookup.Ban, Status: 503, RetryAfter: 10 * time.Second, Slow: true, Reason: "too large for AppSec to inspect in time",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := judging(t, appsectest.Runner{Routines: 1, PerByte: row.perByte}, Config{MaxTimeout: row.timeout})
				r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", row.size)))
				if v := judge(t, c, r, inspect.Details{Client: visitor}); v != row.want {
					t.Errorf("%+v", v)
				}
				r.Body.Close()
			})
		})
	}
}

// A network that makes AppSec late must pause for four times that time, and finally
// gets only the shared single place.
func TestWhoMakesAppSecLateAgainWaitsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := judging(t, appsectest.Runner{Routines: 1, PerByte: ofCRS}, Config{})
		send := func() inspect.Verdict {
			r := padded(400_000)
			defer r.Body.Close()
			return judge(t, c, r, inspect.Details{Client: visitor})
		}
		for range 2 {
			if v := send(); !v.Slow {
				t.Fatalf("%+v", v)
			}
			if v := send(); v.Status != 503 || v.Reason != "too many requests of one network at once" {
				t.Errorf("while AppSec is at the one before: %+v", v)
			}
			<-time.After(13 * time.Second) // AppSec finishes the first after 22 s
			asked := len(s.Asked())
			if v := send(); v.Status != 503 || v.RetryAfter < 75*time.Second || v.RetryAfter > 90*time.Second || len(s.Asked()) != asked {
				t.Errorf("while it is to rest: %+v", v)
			}
			<-time.After(90 * time.Second)
		}
		if alone, _ := c.networks.record(c.networks.enter(inspect.NetworkOf(visitor))); !alone {
			t.Error("it does not wait alone")
		}
		// Its small requests are inspected as before, and so are others.
		r, in := attackOf(visitor.String())
		if v := judge(t, c, r, in); !v.Answered {
			t.Errorf("%+v", v)
		}
		<-time.After(10 * time.Minute)
		if alone, _ := c.networks.record(c.networks.enter(inspect.NetworkOf(visitor))); alone {
			t.Error("it waits alone for ever")
		}
	})
}

// A network gets its share of the places, and other networks do not wait for it.
func TestOneNetworkLeavesPlacesForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		under, most := map[netip.Prefix]int{}, map[netip.Prefix]int{}
		c := newClient(t, Config{URL: "http://h", Timeout: 200 * time.Millisecond})
		c.wire = &allowing{func(q *question) {
			mu.Lock()
			under[q.network]++
			most[q.network] = max(most[q.network], under[q.network])
			mu.Unlock()
			<-time.After(100 * time.Millisecond)
			mu.Lock()
			under[q.network]--
			mu.Unlock()
		}}
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() {
				r, in := attackOf("192.0.2.7")
				if v, err := c.Inspect(r, in); v != (inspect.Verdict{}) || err != nil {
					t.Errorf("%+v, %v", v, err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		r, in := attackOf("203.0.113.9")
		if v := judge(t, c, r, in); v != (inspect.Verdict{}) || time.Since(began) != 100*time.Millisecond {
			t.Errorf("%+v after %v", v, time.Since(began))
		}
		wg.Wait()
		if n := most[netip.MustParsePrefix("192.0.2.0/24")]; n != 32 {
			t.Errorf("%d questions of one network at once", n)
		}
		if len(c.networks.by) != 0 || c.slots.used != 0 || c.work.used != 0 || c.load.n != 0 {
			t.Error("something is kept")
		}
	})
}

// An AppSec that hangs is an outage, whatever it was asked. A large request delays that
// only by the time that it may take.
func TestAHangIsNoRequestsDoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{URL: "http://h", Timeout: 200 * time.Millisecond})
		defer pipes(c, hang).Wait()
		r := padded(100_000) // AppSec may work on it for 30 s
		if v := judge(t, c, r, inspect.Details{Client: visitor}); v.Status != 503 || !v.Slow {
			t.Errorf("%+v", v)
		}
		r.Body.Close()
		get := func() inspect.Verdict {
			r, in := attackOf("203.0.113.9")
			return judge(t, c, r, in)
		}
		if v := get(); v.Reason != "AppSec is busy with a large request" || v.Status != 503 {
			t.Errorf("%+v", v)
		}
		<-time.After(15 * time.Second)
		if v := get(); v.Reason != "AppSec does not answer in time" || v.Action != lookup.None {
			t.Errorf("%+v", v)
		}
		if alone, rest := c.networks.record(c.networks.enter(inspect.NetworkOf(visitor))); alone || rest > 0 {
			t.Error("the client is to blame")
		}
		c.Close()
	})
}

// By choice, requests pass without a verdict.
func TestOverloadMayPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := judging(t, appsectest.Runner{Routines: 1, PerByte: ofCRS}, Config{PassOverload: true})
		r := padded(400_000)
		if v := judge(t, c, r, inspect.Details{Client: visitor}); v.Action != lookup.None || !v.Slow || v.Reason == "" {
			t.Errorf("%+v", v)
		}
		r.Body.Close()
		if s := c.Stats(); s.Failed[TooSlow] != 1 {
			t.Errorf("%+v", s)
		}
	})
}
