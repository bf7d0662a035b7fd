package detect

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/heaptest"
)

func TestAlert(t *testing.T) {
	s := newSite(t, Config{}, leaky+"labels: {remediation: true, service: http}\n")
	a := s.sees(". . l*3", get(0, "2001:db8::1 /x?a"), get(1, "2001:db8::2 /x/y"), get(2.5, "2001:db8::3 /x"))[0]
	if a.Scenario != "l" || a.Count != 3 || a.Capacity != 2 || a.Leak != 10*time.Second || !a.Remediation || a.Labels["service"] != "http" ||
		!a.Start.Equal(began) || !a.Stop.Equal(began.Add(2500*time.Millisecond)) || a.Client != netip.MustParseAddr("2001:db8::3") ||
		a.Prefix != netip.MustParsePrefix("2001:db8::/64") || a.Message != "2001:db8::3 met l: 3 events in 2.5s" {
		t.Errorf("alert %+v", a)
	}
	if got := s.d.Stats(); got.Events != 3 || got.Buckets != 1 || got.Bytes == 0 || got.Scenarios["l"] != (ScenarioStats{Overflows: 1}) {
		t.Errorf("stats %+v", got)
	}
}

func TestPhases(t *testing.T) {
	s := newSite(t, Config{}, `
type: trigger
name: early
filter: evt.Meta.http_path == '/x'
---
type: trigger
name: late
filter: evt.Meta.http_path == '/x' && evt.Meta.http_status == '404'
---
type: trigger
name: grouped
filter: evt.Meta.http_path == '/x'
groupby: evt.Meta.http_status
---
type: trigger
name: sets
filter: evt.Meta.http_path == '/x' && evt.Meta.http_status == '404' && evt.SetMeta('kind', 'x')
---
type: trigger
name: reads
filter: evt.Meta.kind == 'x'
`)
	e := status(404, get(0, "/x"))
	e.Ended = e.Time.Add(time.Minute)
	var early, late []string
	for _, a := range s.d.Request(e) {
		early = append(early, a.Scenario)
		if !a.Stop.Equal(e.Time) {
			t.Errorf("%s at %v, want when the request came", a.Scenario, a.Stop)
		}
	}
	for _, a := range s.d.Response(e) {
		late = append(late, a.Scenario)
		if !a.Stop.Equal(e.Ended) {
			t.Errorf("%s at %v, want when the response was over", a.Scenario, a.Stop)
		}
	}
	if fmt.Sprint(early, late) != "[early] [late grouped sets reads]" {
		t.Errorf("%v before the response and %v after it", early, late)
	}
	e.Status = 200
	if got := len(s.d.Response(e)); got != 1 {
		t.Errorf("%d alerts, want that of grouped alone: what was set is for one event", got)
	}
}

func TestUseKeepsTheBucketsOfWhatIsTheSame(t *testing.T) {
	s := newSite(t, Config{}, leaky)
	s.sees(". .", at("/x", 0, 0)...)
	s.d.Use(parse(t, named("first")+"---"+leaky+"labels: {service: other}\n"))
	a := s.sees("first*1 l*3", get(0, "/x"))[1]
	if a.Labels["service"] != "other" {
		t.Errorf("labels %v, want the new ones", a.Labels)
	}
	s.sees("first*1 first*1", at("/x", 0, 0)...)
	s.d.Use(parse(t, leaky+"blackhole: 1m\n"))
	s.sees(". . l*3 . . .", at("/x", 0, 0, 0, 1, 1, 1)...)
	s.d.Use(parse(t, named("other")))
	if got := s.d.Stats().Buckets; got != 0 {
		t.Errorf("%d buckets of scenarios that are gone", got)
	}
	s.d.Use(parse(t, leaky))
	s.sees(". . l*3", at("/x", 0, 0, 0)...)
	if got := s.d.Stats().Scenarios["l"]; got != (ScenarioStats{Overflows: 4, Hidden: 1}) {
		t.Errorf("figures %+v, want those since the beginning", got)
	}
}

func TestADetectorWithoutRulesSeesNothing(t *testing.T) {
	d := New(Config{})
	e := get(0, "/.env")
	if len(d.Request(e)) > 0 || len(d.Response(e)) > 0 {
		t.Error("alerts")
	}
}

// TestManyClients is what happens when somebody has ten million addresses.
func TestManyClients(t *testing.T) {
	skipUnderRace(t)
	n := 1_000_000
	if testing.Short() {
		n = 300_000
	}
	cfg := Config{Buckets: 10_000, Memory: 4 << 20}
	s := newSite(t, cfg, "type: leaky\nname: l\nfilter: 'true'\ngroupby: evt.Meta.source_ip\ndistinct: evt.Meta.http_path\ncapacity: 5\nleakspeed: 10s\nblackhole: 5m\n")
	rng := rand.New(rand.NewPCG(6, 7))
	before := heaptest.Bytes()
	e := get(0, "/")
	for i := range n {
		var ip [16]byte
		binary.BigEndian.PutUint64(ip[:], rng.Uint64()|1<<61)
		e.Client, e.Time = netip.AddrFrom16(ip), began.Add(time.Duration(i)*time.Microsecond)
		if alerts := s.d.Request(e); len(alerts) > 0 {
			t.Fatalf("an alert after one request: %+v", alerts[0])
		}
	}
	got := s.d.Stats()
	if got.Buckets > cfg.Buckets || got.Bytes > cfg.Memory || got.Evicted < uint64(n-cfg.Buckets) {
		t.Errorf("figures %+v", got)
	}
	if grown := heaptest.Bytes() - before; grown > 2*int64(cfg.Memory) {
		t.Errorf("the heap grew by %d bytes, want no more than twice %d", grown, cfg.Memory)
	}
	runtime.KeepAlive(s)
}

func TestLargeEventsCostOtherBucketsNotMemory(t *testing.T) {
	s := newSite(t, Config{Memory: 1 << 20}, "type: leaky\nname: l\nfilter: 'true'\ngroupby: evt.Meta.source_ip\ncapacity: 100\nleakspeed: 1h\n")
	e := get(0, "/"+string(make([]byte, 100_000)))
	e.UserAgent, e.Host, e.Method = e.Target, e.Target, e.Target
	for i := range 20_000 {
		e.Client = netip.AddrFrom4([4]byte{10, 0, byte(i >> 3), byte(i >> 11)})
		s.d.Request(e)
	}
	if got := s.d.Stats(); got.Bytes > 1<<20 || got.Buckets < 50 || got.Evicted == 0 {
		t.Errorf("figures %+v", got)
	}
}

// TestInvariants holds a detector against what has to be true of any requests.
func TestInvariants(t *testing.T) {
	rules := Merge(testRules(t), parse(t, leaky+"blackhole: 30s\ndistinct: evt.Meta.http_path\n---"+
		"\ntype: leaky\nname: rare\nfilter: 'true'\ngroupby: evt.Meta.source_ip\ncapacity: 1\nleakspeed: 3s\nblackhole: 1m\n"+
		"---\ntype: leaky\nname: host\nfilter: 'true'\ngroupby: evt.Parsed.target_fqdn\ncapacity: 40\nleakspeed: 300ms\nblackhole: 10s\n"))
	o := newOracle(t, rules, "testdata/data")
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(8, seed))
	d := New(Config{Rules: rules, Buckets: 1000})
	type key struct {
		scenario string
		group    string
	}
	last := make(map[key]time.Time)
	alerts, now := 0, began
	for range 20_000 {
		e := o.event(rng)
		now = now.Add(time.Duration(rng.ExpFloat64() * 0.3 * float64(time.Second)))
		e.Time, e.Client = now, netip.AddrFrom4([4]byte{192, 0, 2, byte(rng.IntN(8))})
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			alerts++
			i := slices.IndexFunc(rules.scenarios, func(s *scenario) bool { return s.name == a.Scenario })
			s := rules.scenarios[i]
			switch {
			case s.trigger && a.Count != 1:
				t.Errorf("seed %d: a trigger with %d events", seed, a.Count)
			case !s.trigger && a.Count <= s.capacity:
				t.Errorf("seed %d: %s after %d events, want more than %d", seed, s.name, a.Count, s.capacity)
			case a.Stop.Before(a.Start), !a.Stop.Equal(now), len(a.Context) == 0, len(a.Context) > a.Count:
				t.Errorf("seed %d: alert %+v", seed, a)
			}
			k := key{s.name, e.Client.String()}
			if s.name == "host" {
				k.group = fieldsOf(e)["Parsed.target_fqdn"]
			}
			if before, ok := last[k]; ok && now.Sub(before) < s.blackhole {
				t.Errorf("seed %d: %v twice within %v", seed, k, now.Sub(before))
			}
			last[k] = now
		}
	}
	if alerts < 1000 {
		t.Errorf("%d alerts: too few to tell", alerts)
	}
}

func TestManyGoroutines(t *testing.T) {
	rules := []*Rules{testRules(t), parse(t, leaky), Merge(testRules(t), parse(t, leaky))}
	o := newOracle(t, rules[0], "testdata/data")
	d := New(Config{Rules: rules[0], Buckets: 500})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(9, uint64(g)))
			for i := range 500 {
				e := o.event(rng)
				e.Time = began.Add(time.Duration(i) * time.Second)
				d.Request(e)
				d.Response(e)
				if g == 0 && i%50 == 0 {
					d.Use(rules[i/50%len(rules)])
					d.Stats()
				}
			}
		})
	}
	wg.Wait()
}

// TestOneClientsEventsAreCountedEach sends them from many goroutines at once.
func TestOneClientsEventsAreCountedEach(t *testing.T) {
	s := newSite(t, Config{}, "type: leaky\nname: l\nfilter: 'true'\ngroupby: evt.Meta.source_ip\ncapacity: 99\nleakspeed: 1h\n")
	var wg sync.WaitGroup
	counts := make(chan int, 100)
	for range 8 {
		wg.Go(func() {
			for range 100 {
				for _, a := range s.d.Request(get(0, "/")) {
					counts <- a.Count
				}
			}
		})
	}
	wg.Wait()
	close(counts)
	var got []int
	for n := range counts {
		got = append(got, n)
	}
	if want := slices.Repeat([]int{100}, 8); !slices.Equal(got, want) {
		t.Errorf("overflows of %v events, want %v", got, want)
	}
}

func TestBenignRequestsTakeNoMemory(t *testing.T) {
	rules := Merge(testRules(t), parse(t, "type: leaky\nname: crawl\nfilter: evt.Parsed.static_ressource == 'false'\n"+
		"groupby: \"evt.Meta.source_ip + '/' + evt.Parsed.target_fqdn\"\ndistinct: evt.Parsed.file_name\ncapacity: 40\nleakspeed: 500ms\n"))
	rules.scenarios = slices.DeleteFunc(rules.scenarios, func(s *scenario) bool {
		// These make texts anew, fail, run regular expressions, or take texts apart.
		return strings.HasPrefix(s.name, "test/interpreted") || strings.HasPrefix(s.name, "test/failing") ||
			slices.Contains([]string{"test/sum", "test/let", "test/agents", "test/line", "test/injection"}, s.name)
	})
	d := New(Config{Rules: rules})
	events := benign(64, 4)
	i := 0
	ask := func() {
		e := events[i%len(events)]
		e.Time = began.Add(time.Duration(i) * time.Second)
		i++
		d.Request(e)
		d.Response(e)
	}
	for range 1000 { // so that every client has its buckets
		ask()
	}
	if n := testing.AllocsPerRun(1000, ask); n >= 1 && !raceEnabled {
		t.Errorf("%v allocations for a request", n)
	}
}

// A scenario that is forgiven from now on begins with new buckets: the old ones do
// not know whose their values are.
func TestAScenarioIsForgivenFromNowOn(t *testing.T) {
	const plain = "type: leaky\nname: test/login\nfilter: \"evt.Meta.login == 'failure'\"\ngroupby: evt.Meta.source_ip\n" +
		"distinct: evt.Meta.login_try\ncapacity: 5000\nleakspeed: 1h\n"
	const labels = "labels: {remediation: true}\n"
	const forgiven = "labels: {remediation: true, forgiven_by: login}\n"
	d := New(Config{Rules: parse(t, plain+labels), Values: 10})
	for i := range 30 {
		if i == 15 {
			d.Use(parse(t, plain+forgiven))
		}
		e := step{target: "/login", body: "username=bob&password=" + strconv.Itoa(i), status: 401}.event(began)
		d.Request(e)
		d.Response(e)
	}
}
