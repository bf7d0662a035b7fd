package engine

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// watcher is a detector that a test writes.
type watcher struct {
	request, response func(*event.Event) []event.Alert

	mu   sync.Mutex
	seen []string // targets of what was answered
}

func (w *watcher) Request(ev *event.Event) []event.Alert {
	if w.request == nil {
		return nil
	}
	return w.request(ev)
}

func (w *watcher) Response(ev *event.Event) []event.Alert {
	w.mu.Lock()
	w.seen = append(w.seen, ev.Target)
	w.mu.Unlock()
	if w.response == nil {
		return nil
	}
	return w.response(ev)
}

func asked(target string) *event.Event {
	return &event.Event{Client: netip.MustParseAddr("192.0.2.1"), Target: target}
}

func TestTheFirstRequestIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		captcha, ban, silent := about("192.0.2.1"), about("192.0.2.1"), about("192.0.2.1")
		captcha.Action, silent.Remediation = lookup.Captcha, false
		w := &watcher{request: func(ev *event.Event) []event.Alert {
			switch ev.Target {
			case "/.env":
				return []event.Alert{captcha, ban, silent}
			case "/robots.txt":
				return []event.Alert{silent}
			case "/local":
				return []event.Alert{about("10.0.0.1")}
			}
			return nil
		}}
		e := start(t, Config{Detect: w})
		for target, want := range map[string]lookup.Action{"/": lookup.None, "/robots.txt": lookup.None, "/local": lookup.None} {
			if d, ok := e.Request(asked(target)); ok || d.Action != want || e.stops(listed) {
				t.Errorf("%s: %v", target, d)
			}
		}
		if d, ok := e.Request(asked("/.env")); !ok || d.Action != lookup.Ban || d.Reason != probing || !e.stops(listed) {
			t.Errorf("%+v", d)
		}
	})
}

func TestResponsesAreJudgedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{response: func(ev *event.Event) []event.Alert {
			if ev.Target != "/49" {
				return nil
			}
			return []event.Alert{about("192.0.2.1")}
		}}
		e := start(t, Config{Detect: w})
		for i := range 50 {
			e.Response(asked(fmt.Sprintf("/%d", i)))
		}
		synctest.Wait()
		for i, target := range w.seen {
			if target != fmt.Sprintf("/%d", i) {
				t.Errorf("%s is judged as number %d", target, i)
			}
		}
		if s := e.Stats().Detect; s.Responses != 50 || s.Dropped != 0 || !e.stops(listed) {
			t.Errorf("%+v", s)
		}
	})
}

func TestASlowDetectorHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := &watcher{response: func(*event.Event) []event.Alert { <-release; return nil }}
		e := start(t, Config{Detect: w})
		e.Response(asked("/"))
		synctest.Wait() // it is at the detector
		began := time.Now()
		for i := range 1024 + 100 {
			e.Response(askedBy(fmt.Sprintf("198.51.%d.1", i%16)))
		}
		if s := e.Stats().Detect; s.Dropped != 100 || time.Since(began) != 0 {
			t.Errorf("%+v in %v", s, time.Since(began))
		}
		close(release)
		synctest.Wait()
		if s := e.Stats().Detect; s.Responses != 1024+1 {
			t.Errorf("%+v", s)
		}
	})
}

// tellApart gives networks that a test is about parts of their own: one in 4,096 pairs shares one.
func (s *netShares) tellApart(clients ...string) {
	for {
		parts := map[*atomic.Int32]bool{}
		for _, ip := range clients {
			parts[s.of(netip.MustParseAddr(ip))] = true
		}
		if len(parts) == len(clients) {
			return
		}
		s.seed = maphash.MakeSeed()
	}
}

// askedBy is a response to a client.
func askedBy(ip string) *event.Event {
	return &event.Event{Client: netip.MustParseAddr(ip), Target: ip}
}

// A client that floods the site fills the share of its network. The responses to others
// are still observed, and so are those of its next flood, after the first.
func TestOneNetworkLeavesRoomForOthersResponses(t *testing.T) {
	for name, flood := range map[string]func(i int) string{
		"a /24":      func(i int) string { return fmt.Sprintf("192.0.2.%d", i%256) },
		"a /40":      func(i int) string { return fmt.Sprintf("2001:db8:%x:1::1", i%256) },
		"an address": func(int) string { return "192.0.2.1" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				w := &watcher{response: func(*event.Event) []event.Alert { <-release; return nil }}
				e := start(t, Config{Detect: w})
				e.observation.queue.shares.tellApart(flood(0), "203.0.113.1", "2001:db8:ff00::1")
				for round := range 2 {
					e.Response(askedBy("203.0.113.1"))
					synctest.Wait() // it is at the detector
					for i := range 5000 {
						e.Response(askedBy(flood(i)))
					}
					e.Response(askedBy("203.0.113.1"))
					e.Response(askedBy("2001:db8:ff00::1"))
					if got, want := e.Stats().Detect.Dropped, uint64((round+1)*(5000-128)); got != want {
						t.Errorf("%d are dropped, want %d", got, want)
					}
					for range 1 + 128 + 2 {
						release <- struct{}{}
					}
					synctest.Wait()
				}
				if s := e.Stats().Detect; s.Responses != 2*(1+128+2) {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// Nothing is left of what has been judged: many networks in turn get no less.
func TestSharesOfTheQueueAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Detect: &watcher{}})
		for round := range 1000 {
			for i := range 100 {
				e.Response(askedBy(fmt.Sprintf("198.51.%d.1", i)))
			}
			synctest.Wait()
			if s := e.Stats().Detect; s.Dropped != 0 || s.Responses != uint64(100*(round+1)) {
				t.Fatalf("round %d: %+v", round, s)
			}
		}
	})
}

func TestToQueueAResponseAllocatesNothing(t *testing.T) {
	q := newQueue()
	for _, ip := range []string{"192.0.2.1", "2001:db8::1"} {
		ev := askedBy(ip)
		if n := testing.AllocsPerRun(1000, func() {
			q.put(ev)
			q.took(<-q.events)
		}); n != 0 {
			t.Errorf("%s: %v allocations", ip, n)
		}
	}
}

func TestADetectorThatPanicsCostsProtectionNotTheSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		boom := func(ev *event.Event) []event.Alert {
			if ev.Target == "/boom" {
				panic("index out of range")
			}
			return []event.Alert{about("192.0.2.1")}
		}
		e := start(t, Config{Detect: &watcher{request: boom, response: boom}, Logger: zap.New(core)})
		for range 50 {
			if _, ok := e.Request(asked("/boom")); ok {
				t.Error("a decision out of nothing")
			}
			e.Response(asked("/boom"))
		}
		synctest.Wait()
		if s := e.Stats().Detect; s.Panics != 100 || logs.Len() != 7 {
			t.Errorf("%+v, %d lines", s, logs.Len())
		}
		e.Response(asked("/"))
		synctest.Wait()
		if !e.stops(listed) {
			t.Error("nobody watches any more")
		}
	})
}

func TestAnEngineWithoutADetectorSeesNothing(t *testing.T) {
	e, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	ev := asked("/")
	if n := testing.AllocsPerRun(100, func() { e.Request(ev); e.Response(ev) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
	if s := e.Stats().Detect; s != (DetectStats{}) {
		t.Errorf("%+v", s)
	}
}

func TestABenignRequestCostsNoMemory(t *testing.T) {
	e, err := New(Config{Detect: &watcher{}})
	if err != nil {
		t.Fatal(err)
	}
	ev := asked("/")
	if n := testing.AllocsPerRun(100, func() { e.Request(ev) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
