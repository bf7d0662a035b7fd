//go:build linux

package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// These benchmarks measure the program as it is run: as a process of its own,
// over loopback, beside the same program without the directive as a yardstick.
// Both run from the start to the end, on the same cores, and are measured in
// turns, so that what else goes on in the machine hits both alike. Each turn of
// the loop is one round, and the figures are medians over the rounds: the more of
// them, the steadier.
//
//	go test -run '^$' -bench Throughput -benchtime 8x ./cmd/tocsin
//	go test -run '^$' -bench Latency    -benchtime 3x ./cmd/tocsin
//	go test -run '^$' -bench Reload     -benchtime 5x ./cmd/tocsin
//	go test -run '^$' -bench Start      -benchtime 5x ./cmd/tocsin
//
// The script .ci/bench runs them all. They need Linux, at least two cores and
// taskset, and Throughput needs wrk; with -v they say what is missing.

var round = flag.Duration("round", 4*time.Second, "length of a round of BenchmarkThroughput; those of BenchmarkLatency are five times as long")

// Two ways to run the collector. Plain Caddy keeps a heap of 4 MB, and with
// Go's default it collects all the time; a table makes that rarer, so that any
// module that keeps one looks faster than none. With the collector out of the
// way until there is much to collect, what remains is the work on requests.
var collectors = []struct {
	name string
	env  []string
}{
	{"GOGC=100", []string{"GOGC=100"}},
	{"GOGC=off", []string{"GOGC=off", "GOMEMLIMIT=600MiB"}},
}

// allowed is the address of a client that nothing is decided against: no
// synthetic decision is about a private one.
const allowed = "10.1.2.3"

// address returns one that the i-th synthetic decision is about.
func address(i int) string { return lapitest.BulkPrefix(i).Addr().String() }

// follow returns the body of the option tocsin for a server that asks api once,
// and then again in each interval.
func follow(api *lapitest.Server, interval time.Duration) string {
	return upstream{api.URL, api.Key}.follow(interval)
}

func (u upstream) follow(interval time.Duration) string {
	return fmt.Sprintf("lapi %s %s {\ninterval %v\n}\n", u.url, u.key, interval)
}

// BenchmarkThroughput compares how many requests two cores serve with 100,000
// decisions and without the directive: for a client that is let in, and for one
// that is banned, whose yardstick is a site that answers 403 to all. ratio is
// that of the requests per second; extra-cpu-µs is the CPU time that a
// request costs more, which depends less on what else the machine does. The
// Local API is silent after the start.
func BenchmarkThroughput(b *testing.B) {
	const n = 100_000
	m := newBench(b, "wrk")
	api := lapitest.Start(b, lapitest.Config{Bulk: lapitest.Bulk{N: n}})
	for _, gc := range collectors {
		for _, c := range []struct {
			name, from, answer string
			status             int
		}{
			{"allowed", "", `"ok"`, http.StatusOK},
			{"banned", address(n - 1), "403", http.StatusForbidden},
		} {
			b.Run(gc.name+"/"+c.name, func(b *testing.B) {
				m.pin(b)
				plain := m.start(b, site{addr: freeAddr(b), answer: c.answer}, gc.env...)
				tocsin := m.start(b, site{addr: freeAddr(b), answer: `"ok"`, tocsin: follow(api, time.Hour)}, gc.env...)
				plain.await(b, c.from, c.status)
				tocsin.await(b, address(n-1), http.StatusForbidden)
				m.wrk(b, plain, c.from, c.status) // to warm up
				m.wrk(b, tocsin, c.from, c.status)
				r, lowest, highest := results{}, 1e9, 0.0
				for b.Loop() {
					p := m.wrk(b, plain, c.from, c.status)
					p.addTo(r, "plain")
					t := m.wrk(b, tocsin, c.from, c.status)
					t.addTo(r, "tocsin")
					ratio := t.perSecond / p.perSecond
					lowest, highest = min(lowest, ratio), max(highest, ratio)
					r.add("ratio", ratio)
					r.add("extra-cpu-µs", t.cpu-p.cpu)
				}
				r.report(b)
				b.ReportMetric(lowest, "ratio-min")
				b.ReportMetric(highest, "ratio-max")
			})
		}
	}
}

func (w wrkResult) addTo(r results, name string) {
	r.add(name+"-req/s", w.perSecond)
	r.add(name+"-p50-µs", w.p50)
	r.add(name+"-p99-µs", w.p99)
	r.add(name+"-cpu-µs", w.cpu)
}

// BenchmarkLatency compares how long requests take at a rate that leaves the
// server much time, 5,000 a second, while it has a million decisions and ten
// thousand of them change every two seconds. The snapshot is on, as it is by
// default, and is written once a minute. load-late-µs says how late the load
// itself sends 99 of 100 requests; all latencies have that in them, and where it
// comes near to p99-µs, the machine is too busy to measure anything.
//
// The Local API that makes up the changes is on the cores of the load. On the
// servers' cores it would compete with the requests of one of the two servers
// only, and be taken for a cost of the module, while a real one runs elsewhere and
// costs what its database does.
func BenchmarkLatency(b *testing.B) {
	const n, churn, interval = 1_000_000, 10_000, 2 * time.Second
	m := newBench(b)
	load := openLoop{rate: 5_000, length: 5 * *round, conns: 256}
	for _, gc := range collectors {
		b.Run(gc.name, func(b *testing.B) {
			m.pin(b)
			api := m.startUpstream(b, lapitest.Bulk{N: n, Churn: churn})
			plain := m.start(b, site{addr: freeAddr(b), answer: `"ok"`}, gc.env...)
			tocsin := m.start(b, site{addr: freeAddr(b), answer: `"ok"`, tocsin: api.follow(interval)}, gc.env...)
			plain.await(b, "", http.StatusOK)
			tocsin.await(b, address(n-1), http.StatusForbidden)
			// The load must not measure its own collector.
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			measure := func(r results, name string, s, other *server) time.Duration {
				other.halt(b) // or its deltas would slow down this one
				defer other.resume(b)
				runtime.GC()
				latencies, late := load.run(b, s.addr)
				if b.Failed() {
					b.FailNow()
				}
				p99 := percentile(latencies, 99)
				r.add(name+"-p50-µs", us(percentile(latencies, 50)))
				r.add(name+"-p99-µs", us(p99))
				r.add(name+"-max-µs", us(latencies[len(latencies)-1]))
				r.add(name+"-load-late-µs", us(late))
				return p99
			}
			r := results{}
			for b.Loop() {
				p := measure(r, "plain", plain, tocsin)
				before := api.pulls(b)
				t := measure(r, "tocsin", tocsin, plain)
				r.add("deltas", float64(api.pulls(b)-before))
				r.add("p99-ratio", float64(t)/float64(p))
			}
			r.memory(b, "plain-", plain)
			r.memory(b, "tocsin-", tocsin)
			r.report(b)
			// The changes were real: one that the last delta brought is in force.
			last := api.pulls(b) - 1
			tocsin.await(b, address(n+last*churn-1), http.StatusForbidden)
		})
	}
}

func (r results) memory(b *testing.B, prefix string, s *server) {
	b.Helper()
	now, peak := s.memory(b)
	r.add(prefix+"rss-MB", now)
	r.add(prefix+"rss-peak-MB", peak)
}

// BenchmarkReload reloads the config of a running server while a banned client
// asks over eight connections without a pause. Not one request may get through.
// The new config differs in the page, so that the engine goes on, or in
// the sources, so that a new engine takes over what the old one knows. The
// yardstick is the reload of plain Caddy, with an allowed client.
func BenchmarkReload(b *testing.B) {
	m := newBench(b)
	for _, n := range []int{100_000, 1_000_000} {
		api := lapitest.Start(b, lapitest.Config{Bulk: lapitest.Bulk{N: n}})
		same := func(int) string { return follow(api, time.Hour) }
		other := func(i int) string { return follow(api, time.Hour+time.Duration(i)*time.Second) }
		none := func(int) string { return "" }
		for _, c := range []struct {
			name   string
			tocsin func(i int) string // in the i-th config
			status int
		}{
			{"plain", none, http.StatusOK},
			{"page", same, http.StatusForbidden},
			{"sources", other, http.StatusForbidden},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, c.name), func(b *testing.B) {
				m.pin(b)
				config := func(s site, i int) site {
					s.tocsin, s.answer = c.tocsin(i), fmt.Sprintf(`"page %d"`, i)
					return s
				}
				s := m.start(b, config(site{addr: freeAddr(b), admin: freeAddr(b)}, 0))
				s.await(b, address(n-1), c.status)
				r, i := results{}, 0
				for b.Loop() {
					i++
					s.reload(b, config(s.site, i), r, address(n-1), c.status)
				}
				r.report(b)
			})
		}
	}
}

// reload gives s a new config, and fails b if the client with address from, who
// asks all the time, gets another status than want.
func (s *server) reload(b *testing.B, next site, r results, from string, want int) {
	b.Helper()
	clients := gather(b, s.addr, from, 8)
	<-time.After(500 * time.Millisecond) // of load before the reload
	began := time.Now()
	resp, err := http.Post("http://"+s.admin+"/load", "text/caddyfile", strings.NewReader(next.caddyfile()))
	if err != nil {
		b.Fatalf("%v\n%s", err, s.said())
	}
	took := time.Since(began)
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("load: %s, %v\n%s", resp.Status, err, text)
	}
	<-time.After(2 * time.Second) // for what comes late
	clients.stop()
	if b.Failed() {
		b.FailNow()
	}
	if err := s.serves(allowed, strings.Trim(next.answer, `"`)); err != nil {
		b.Fatal(err)
	}
	asked := clients.answers[want]
	delete(clients.answers, want)
	if len(clients.answers) > 0 {
		b.Fatalf("besides %d: answers by status: %v", want, clients.answers)
	}
	r.add("reload-ms", float64(took)/1e6)
	r.add("asked", float64(asked))
	r.add("let-through", 0)
	r.add("dropped", float64(clients.dropped.Load()))
}

// serves returns an error unless s answers body to the client with address from.
func (s *server) serves(from, body string) error {
	c, err := dial(s.addr, from)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	status, got, err := c.ask()
	if err == nil && got != body {
		err = fmt.Errorf("answer is %d, %q; want %q", status, got, body)
	}
	return err
}

// BenchmarkStart measures the time from the start of the process to the
// instant that the last of a million decisions is in force, and what CPU time
// and memory that takes: from the Local API without a snapshot, and from a
// snapshot without the Local API. The yardsticks are plain Caddy, until it answers,
// and the time that the Local API needs to tell somebody who does not listen.
func BenchmarkStart(b *testing.B) {
	const n = 1_000_000
	m := newBench(b)
	api := lapitest.Start(b, lapitest.Config{Bulk: lapitest.Bulk{N: n}})
	start := func(b *testing.B, tocsin string, status int) {
		r := results{}
		for b.Loop() {
			began := time.Now()
			s := m.start(b, site{addr: freeAddr(b), tocsin: tocsin, answer: `"ok"`})
			s.await(b, address(n-1), status)
			r.add("start-s", time.Since(began).Seconds())
			r.add("cpu-s", s.cpu(b).Seconds())
			r.memory(b, "", s)
			s.kill()
		}
		r.report(b)
	}
	b.Run("plain", func(b *testing.B) {
		m.pin(b)
		start(b, "", http.StatusOK)
	})
	b.Run("api", func(b *testing.B) {
		m.pin(b)
		start(b, follow(api, time.Hour)+"snapshot off", http.StatusForbidden)
	})
	b.Run("api-unheard", func(b *testing.B) {
		m.pin(b)
		r := results{}
		for b.Loop() {
			began := time.Now()
			drain(b, api)
			r.add("start-s", time.Since(began).Seconds())
		}
		r.report(b)
	})
	b.Run("snapshot", func(b *testing.B) {
		m.pin(b)
		snapshot := "snapshot " + filepath.Join(b.TempDir(), "snap")
		earlier := m.start(b, site{addr: freeAddr(b), tocsin: follow(api, time.Hour) + snapshot, answer: `"ok"`})
		earlier.await(b, address(n-1), http.StatusForbidden)
		earlier.stop(b)
		start(b, fmt.Sprintf("lapi http://%s %s\n%s", freeAddr(b), api.Key, snapshot), http.StatusForbidden)
	})
}

// drain reads all decisions to nowhere.
func drain(b *testing.B, api *lapitest.Server) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, api.URL+"/v1/decisions/stream?startup=true", nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("X-Api-Key", api.Key)
	resp, err := (&http.Client{Transport: api.Transport()}).Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if size, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK || size < 1<<20 {
		b.Fatalf("%s, %d bytes, %v", resp.Status, size, err)
	}
}
