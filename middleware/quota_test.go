package middleware

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// everybodyBanned makes a middleware that stops all, and returns what it logs.
func everybodyBanned(t *testing.T, level zapcore.Level, cfg Config) (*Middleware, *observer.ObservedLogs) {
	t.Helper()
	log, logs := recorded(level)
	cfg.Lookup, cfg.Logger, cfg.ChallengeOff = in(table(t, "0.0.0.0/0 ban", "::/0 ban")), log, true
	return mustNew(t, cfg), logs
}

// lines counts the messages in logs.
func lines(logs *observer.ObservedLogs) map[string]int {
	n := map[string]int{}
	for _, e := range logs.All() {
		n[e.Message]++
	}
	return n
}

const (
	msgStopped = "request stopped"
	msgLeftOut = "stopped requests left out of the log"
)

func TestAFloodFromOneClientIsFiveLinesAMinuteAndASum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, logs := everybodyBanned(t, zap.InfoLevel, Config{Server: "shop"})
		began := time.Now()
		for range 1000 {
			m.Check(from("192.0.2.1:1"))
		}
		if n := lines(logs); n[msgStopped] != 5 || len(n) != 1 {
			t.Fatalf("1000 requests at once: %v, want 5 lines", n)
		}
		m.Check(from("192.0.2.2:1"))
		if n := lines(logs); n[msgStopped] != 6 {
			t.Errorf("another client has no line: %v", n)
		}
		<-time.After(time.Minute - time.Nanosecond)
		m.Check(from("192.0.2.1:1"))
		if n := lines(logs); n[msgStopped] != 6 || len(n) != 1 {
			t.Fatalf("just before a minute is over: %v", n)
		}
		logs.TakeAll()
		<-time.After(time.Nanosecond)
		m.Check(from("192.0.2.3:1"))
		if n := lines(logs); n[msgStopped] != 1 || n[msgLeftOut] != 1 {
			t.Fatalf("after a minute: %v, want a line and a sum", n)
		}
		e := logs.All()[0]
		got := e.ContextMap()
		since, _ := got["since"].(time.Time)
		if e.Level != zap.InfoLevel || e.Message != msgLeftOut || !since.Equal(began) {
			t.Errorf("the sum: %v %q since %v", e.Level, e.Message, since)
		}
		delete(got, "since")
		want := map[string]any{
			"requests": uint64(996), "clients": int64(1), "loudest": "192.0.2.1", "loudest_requests": uint64(996),
			"dry_run": false, "server": "shop",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the sum has %v, want %v", got, want)
		}
		<-time.After(time.Hour)
		m.Check(from("192.0.2.1:1"))
		if n := lines(logs); n[msgStopped] != 2 || n[msgLeftOut] != 1 {
			t.Errorf("after a quiet hour: %v, want one more line and no sum", n)
		}
	})
}

func TestTheSumNamesTheLoudestClientAsLogIPSays(t *testing.T) {
	for log, want := range map[LogIP]any{LogIPFull: "192.0.2.2", LogIPMasked: "192.0.2.0/24", LogIPOff: nil} {
		synctest.Test(t, func(t *testing.T) {
			m, logs := everybodyBanned(t, zap.InfoLevel, Config{LogIP: log, DryRun: true})
			for client, n := range map[string]int{"192.0.2.1:1": 7, "192.0.2.2:1": 9, "192.0.2.3:1": 5, "192.0.2.4:1": 8} {
				for range n {
					m.Check(from(client))
				}
			}
			<-time.After(time.Minute)
			logs.TakeAll()
			m.Check(from("192.0.2.9:1"))
			got := logs.All()[0].ContextMap()
			if got["loudest"] != want || got["loudest_requests"] != uint64(4) || got["requests"] != uint64(9) ||
				got["clients"] != int64(3) || got["dry_run"] != true {
				t.Errorf("%v: the sum has %v", log, got)
			}
		})
	}
}

func TestANetworkOfIPv6IsOneClient(t *testing.T) {
	m, logs := everybodyBanned(t, zap.InfoLevel, Config{})
	for i := range 100 {
		m.Check(from(fmt.Sprintf("[2001:db8:0:1::%x]:1", i)))
	}
	if n := lines(logs)[msgStopped]; n != 5 {
		t.Errorf("100 addresses of a /64: %d lines, want 5", n)
	}
	m.Check(from("[2001:db8:0:2::1]:1"))
	if n := lines(logs)[msgStopped]; n != 6 {
		t.Errorf("the next /64 has no line of its own")
	}
}

func TestAFloodFromManyClientsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients, each = 3 * 1024, 7
		m, logs := everybodyBanned(t, zap.InfoLevel, Config{})
		refs := map[string]int{}
		for i := range each * clients {
			c := i % clients
			s := m.Check(from(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(c), byte(c >> 8), 1}), 1).String()))
			if c >= 1024 {
				refs[s.Ref]++
			}
		}
		if n := lines(logs)[msgStopped]; n != 1024*5 {
			t.Errorf("%d lines, want %d", n, 1024*5)
		}
		if n := len(m.results.quota.clients); n != 1024 {
			t.Errorf("%d clients are remembered, want %d", n, 1024)
		}
		<-time.After(time.Minute)
		logs.TakeAll()
		m.Check(from("192.0.2.1:1"))
		got := logs.All()[0].ContextMap()
		const others = each * (clients - 1024)
		if got["requests"] != uint64(others+2*1024) || got["clients"] != int64(1024) ||
			got["other_clients_requests"] != uint64(others) {
			t.Errorf("the sum has %v", got)
		}
		if ref, _ := got["ref"].(string); refs[ref] != others {
			t.Errorf("the sum has reference %q, the pages of the others %v", ref, refs)
		}
		if n := len(m.results.quota.clients); n != 1 {
			t.Errorf("%d clients are remembered in the next minute, want 1", n)
		}
	})
}

// A flood from one network is an eighth of the log at most: other clients have lines.
func TestAFloodFromOneNetworkLeavesLinesForOthers(t *testing.T) {
	for _, row := range []struct{ name, network string }{
		{"a /16", "198.51.%d.%d:1"},
		{"a /32 of IPv6", "[2001:db8:%x:%x::1]:1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, logs := everybodyBanned(t, zap.InfoLevel, Config{})
				for i := range 3000 {
					m.Check(from(fmt.Sprintf(row.network, i/250, i%250)))
				}
				if n := lines(logs)[msgStopped]; n != 128 {
					t.Errorf("%d lines about the network, want 128", n)
				}
				for _, other := range []string{"192.0.2.1:1", "[2001:db9::1]:1"} {
					m.Check(from(other))
				}
				if n := lines(logs)[msgStopped]; n != 130 {
					t.Errorf("%d lines, want two about others", n)
				}
				<-time.After(time.Minute)
				m.Check(from(fmt.Sprintf(row.network, 0, 0)))
				if n := lines(logs)[msgStopped]; n != 131 {
					t.Errorf("%d lines a minute later, want one more", n)
				}
			})
		})
	}
}

func TestTheReferenceOfEveryPageIsInTheLog(t *testing.T) {
	m, logs := everybodyBanned(t, zap.InfoLevel, Config{})
	pages := map[string]string{} // the client by the reference
	for i := range 100 {
		client := fmt.Sprintf("192.0.2.%d", i%3)
		pages[m.Check(from(client+":1")).Ref] = client
	}
	for _, e := range logs.All() {
		f := e.ContextMap()
		ref, _ := f["ref"].(string)
		if client, ok := pages[ref]; ok && client != f["client"] {
			t.Errorf("reference %s of %s leads to %v", ref, client, f["client"])
		}
		delete(pages, ref)
	}
	if len(pages) != 0 {
		t.Errorf("not in the log: %v", pages)
	}
}

func TestAtLevelDebugNothingIsLeftOut(t *testing.T) {
	m, logs := everybodyBanned(t, zap.DebugLevel, Config{})
	for range 100 {
		m.Check(from("192.0.2.1:1"))
	}
	levels := map[zapcore.Level]int{}
	for _, e := range logs.All() {
		levels[e.Level]++
	}
	if levels[zap.InfoLevel] != 5 || levels[zap.DebugLevel] != 95 {
		t.Errorf("lines by level: %v", levels)
	}
}

func TestAQuietLogCostsNoMemory(t *testing.T) {
	m, _ := everybodyBanned(t, zap.WarnLevel, Config{})
	first, second := m.Check(from("192.0.2.1:1")), m.Check(from("192.0.2.1:1"))
	for range 10 {
		second = m.Check(from("192.0.2.1:1"))
	}
	if m.results.quota.clients != nil {
		t.Error("clients are remembered for lines that nobody reads")
	}
	if first.Ref == second.Ref {
		t.Error("without a log, two requests share a reference")
	}
}

func TestQuotasHoldForManyAtOnce(t *testing.T) {
	m, logs := everybodyBanned(t, zap.InfoLevel, Config{})
	h := m.Handler(bare)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				h.ServeHTTP(httptest.NewRecorder(), from("192.0.2.1:1"))
			}
		})
	}
	wg.Wait()
	if n := lines(logs)[msgStopped]; n != 5 {
		t.Errorf("%d lines, want 5", n)
	}
	if n := m.Counters().Snapshot().Stopped[lookup.Ban]; n != 800 {
		t.Errorf("%d counted, want 800", n)
	}
}

// The end of a flood is logged when the middleware ends.
func TestTheEndOfAFloodIsTold(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	m := &Middleware{results: &resultLog{log: zap.New(core)}}
	for range 12 {
		m.results.logStop(httptest.NewRequest("GET", "/", nil), &Stop{Client: netip.MustParseAddr("192.0.2.1"), Time: time.Now()})
	}
	for range 2 {
		m.Flush()
	}
	if n := logs.FilterMessage("stopped requests left out of the log").FilterField(zap.Uint64("requests", 7)).Len(); n != 1 {
		t.Errorf("told %d times: %v", n, logs.All())
	}
}
