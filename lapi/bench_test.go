package lapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/metrics"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gaissmai/bart"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// BenchmarkMillion measures the cost to get a million decisions from the fake and to
// apply them, without the cost of the fake. The yardstick decodes into structs and
// fills a plain trie.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	for name, gen := range map[string]lapitest.Generation{"1.4.6": lapitest.Old, "1.7.8": lapitest.New} {
		srv := lapitest.Start(b, lapitest.Config{Generation: gen, Bulk: lapitest.Bulk{N: n}})
		c, err := New(Config{URL: srv.URL, Key: srv.Key})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.http.CloseIdleConnections)
		server := cpuOf(func() { drain(b, c) })

		b.Run(name+"/first", func(b *testing.B) {
			measure(b, server, func() any {
				f := c.newFollower(&lookup.Table{})
				f.pollOnce(b, n)
				return f.table
			})
		})
		b.Run(name+"/resync", func(b *testing.B) {
			f := c.newFollower(&lookup.Table{})
			f.pollOnce(b, n)
			measure(b, server, func() any {
				f.full = true
				f.pollOnce(b, n)
				return f.table
			})
		})
		b.Run(name+"/yardstick", func(b *testing.B) {
			measure(b, server, func() any { return yardstick(b, c) })
		})
	}
}

// BenchmarkFiltered measures the first answer with a filter, which keeps the rows of
// each decision.
func BenchmarkFiltered(b *testing.B) {
	const n = 1_000_000
	srv := lapitest.Start(b, lapitest.Config{Bulk: lapitest.Bulk{N: n}})
	c, err := New(Config{URL: srv.URL, Key: srv.Key, ScenariosNotContaining: []string{"nothing"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.http.CloseIdleConnections)
	server := cpuOf(func() { drain(b, c) })
	measure(b, server, func() any {
		f := c.newFollower(&lookup.Table{})
		f.pollOnce(b, n)
		before := heapInUse()
		f.kept = nil
		runtime.GC()
		b.ReportMetric(float64(before-heapInUse())/n, "claims-B/row")
		return f.table
	})
}

func (f *follower) pollOnce(b *testing.B, want int) {
	f.poll(context.Background())
	if got := f.table.Len(); got != want {
		b.Fatalf("%d decisions: %v", got, f.Status().Err)
	}
}

// measure reports the CPU time of f without that of the server, and the peak of the
// heap relative to the heap after it.
func measure(b *testing.B, server float64, f func() any) {
	var cpu, ratio, peakMB float64
	runs := 0
	for b.Loop() {
		runtime.GC()
		w := watchHeap()
		var kept any
		cpu += cpuOf(func() { kept = f() }) - server
		peak := w.stop()
		runtime.GC()
		after := heapInUse()
		runtime.KeepAlive(kept)
		ratio = max(ratio, float64(peak)/float64(after))
		peakMB = max(peakMB, float64(peak)/1e6)
		runs++
	}
	b.ReportMetric(cpu/float64(runs), "cpu-s/op")
	b.ReportMetric(server, "server-cpu-s")
	b.ReportMetric(ratio, "peak/after")
	b.ReportMetric(peakMB, "peak-MB")
}

func cpuOf(f func()) float64 {
	used := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			panic(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	before := used()
	f()
	return used() - before
}

// A heapWatch samples the size of the heap.
type heapWatch struct {
	done chan struct{}
	wg   sync.WaitGroup
	peak uint64
}

func watchHeap() *heapWatch {
	w := &heapWatch{done: make(chan struct{})}
	w.wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			w.peak = max(w.peak, heapInUse())
			select {
			case <-w.done:
				return
			case <-tick.C:
			}
		}
	})
	return w
}

func (w *heapWatch) stop() uint64 {
	close(w.done)
	w.wg.Wait()
	return w.peak
}

func heapInUse() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// drain discards an answer: that measures the cost of the server.
func drain(b *testing.B, c *Client) {
	resp := get(b, c)
	defer resp.Body.Close()
	buf := make([]byte, 64<<10)
	for {
		if _, err := resp.Body.Read(buf); err != nil {
			return
		}
	}
}

func get(b *testing.B, c *Client) *http.Response {
	resp, err := c.get(context.Background(), streamPath, c.query(true))
	if err != nil {
		b.Fatal(err)
	}
	return resp
}

// yardstick is the simple way: encoding/json into structs, and a trie of indices.
func yardstick(b *testing.B, c *Client) any {
	resp := get(b, c)
	defer resp.Body.Close()
	type decision struct {
		Duration, Origin, Scenario, Scope, Type, UUID, Value string
		ID                                                   int64
	}
	var all struct{ New, Deleted []*decision }
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		b.Fatal(err)
	}
	table := &bart.Table[uint32]{}
	for i, d := range all.New {
		p, err := lookup.ParsePrefix(d.Value)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := time.ParseDuration(d.Duration); err != nil {
			b.Fatal(err)
		}
		table.Insert(netip.PrefixFrom(p.Addr(), p.Bits()), uint32(i))
	}
	return []any{all, table}
}
