package lapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// A push is a usage report as the server gets it.
type push struct {
	Components []struct {
		Name, Type, Version string
		Started             int64    `json:"utc_startup_timestamp"`
		Flags               []string `json:"feature_flags"`
		Metrics             []struct {
			Meta struct {
				Window int64 `json:"window_size_seconds"`
				Now    int64 `json:"utc_now_timestamp"`
			}
			Items []struct {
				Name, Unit string
				Value      float64
				Labels     map[string]string
			}
		}
	} `json:"remediation_components"`
}

// pushes returns the reports so far.
func (s *scene) pushes() []push {
	var all []push
	for _, r := range s.Requests() {
		if r.Path != usagePath {
			continue
		}
		var p push
		if err := json.Unmarshal(r.Body, &p); err != nil || len(p.Components) != 1 || len(p.Components[0].Metrics) != 1 {
			s.Fatalf("%v in %s", err, r.Body)
		}
		all = append(all, p)
	}
	return all
}

// items returns the metrics of p, one in each line, without those of decisions.
func (p push) items() string {
	var all []string
	for _, i := range p.Components[0].Metrics[0].Items {
		if i.Name != activeName {
			all = append(all, fmt.Sprint(i.Name, " ", i.Value, " ", i.Unit, " ", i.Labels["origin"], " ", i.Labels["ip_type"], " ", i.Labels["remediation"]))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func (p push) window() time.Duration {
	return time.Duration(p.Components[0].Metrics[0].Meta.Window) * time.Second
}

// counts are the values of a Usage, which tests change.
type counts struct {
	mu    sync.Mutex
	items []UsageItem
}

func (c *counts) config() Config {
	return Config{Usage: func() []UsageItem {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.Clone(c.items)
	}}
}

// set applies f to each value.
func (c *counts) set(f func(uint64) uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.items {
		c.items[i].Value = f(c.items[i].Value)
	}
}

// processed returns counts of one item.
func processed(n uint64) *counts {
	return &counts{items: []UsageItem{{Name: "processed", IPType: "ipv4", Value: n}}}
}

func (s *scene) until15m() { s.after(15 * time.Minute) }

func TestUsageIsReported(t *testing.T) {
	items := &counts{items: []UsageItem{
		{Name: "processed", IPType: "ipv4", Value: 1000},
		{Name: "dropped", Origin: "CAPI", IPType: "ipv4", Remediation: "ban", Value: 7},
		{Name: "dropped", Origin: "CAPI", IPType: "ipv6", Remediation: "captcha", Value: 3},
		{Name: "dropped", Origin: "cscli", IPType: "ipv4", Remediation: "ban"}, // zero so far
	}}
	playWith(t, lapitest.Config{}, items.config(), func(s *scene) {
		born := time.Now()
		s.Add(
			lapitest.Decision{Value: "192.0.2.1", Origin: "lists", Scenario: "tor"}, lapitest.Decision{Value: "192.0.2.2", Origin: "CAPI"},
			lapitest.Decision{Value: "192.0.2.3", Origin: "CAPI"}, lapitest.Decision{Value: "2001:db8::1", Origin: "CAPI"},
		)
		s.table.Update("another", []lookup.Decision{on("198.51.100.1", time.Time{})}, nil)
		s.run()
		s.after(15*time.Minute - time.Second)
		if n := len(s.pushes()); n != 0 {
			t.Fatalf("%d reports too early", n)
		}
		s.after(time.Second)
		p := s.pushes()[0]
		c := p.Components[0]
		if c.Name != "lapi" || c.Type+"/"+c.Version != userAgent || c.Started != born.Unix() || c.Flags == nil {
			t.Errorf("%+v", c)
		}
		if m := c.Metrics[0].Meta; p.window() != 15*time.Minute || m.Now != time.Now().Unix() {
			t.Errorf("%+v", m)
		}
		if want := "dropped 3 request CAPI ipv6 captcha\ndropped 7 request CAPI ipv4 ban\nprocessed 1000 request  ipv4 "; p.items() != want {
			t.Errorf("got\n%s\nwant\n%s", p.items(), want)
		}
		active := map[string]float64{}
		for _, i := range c.Metrics[0].Items {
			if i.Name == activeName {
				active[i.Unit+" "+i.Labels["origin"]+" "+i.Labels["ip_type"]] = i.Value
			}
		}
		if fmt.Sprint(active) != "map[ip CAPI ipv4:2 ip CAPI ipv6:1 ip lists:tor ipv4:1]" {
			t.Errorf("%v", active)
		}
		if r := s.Requests()[len(s.Requests())-1]; r.Path == usagePath && r.Header.Get("X-Api-Key") != s.Key {
			t.Errorf("%v", r.Header)
		}
		if u := s.client.Stats().Usage; !u.Sent.Equal(time.Now()) || u.Err != nil {
			t.Errorf("%+v", u)
		}
	})
}

func TestOnlyWhatIsNewIsReported(t *testing.T) {
	items := processed(10)
	playWith(t, lapitest.Config{}, items.config(), func(s *scene) {
		s.run()
		var got []string
		for _, value := range []uint64{10, 15, 15, 4, 6} { // at the fourth the counter was reset
			items.set(func(uint64) uint64 { return value })
			s.until15m()
			pushes := s.pushes()
			got = append(got, strings.Fields(pushes[len(pushes)-1].items() + " - -")[1])
		}
		if fmt.Sprint(got) != "[10 5 - 4 2]" {
			t.Errorf("%v", got)
		}
	})
}

func TestWhatIsNotTakenIsReportedAgain(t *testing.T) {
	faults := map[string]lapitest.Fault{
		"a server error":         lapitest.Status(500, nil, ""),
		"a failed validation":    lapitest.Status(422, nil, `{"message":"validation failure list:"}`),
		"a refused key":          lapitest.Status(403, nil, ""),
		"a hang":                 lapitest.Hang(),
		"reset before an answer": func(http.ResponseWriter, *http.Request, http.HandlerFunc) { panic(http.ErrAbortHandler) },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			items := processed(10)
			playWith(t, lapitest.Config{}, items.config(), func(s *scene) {
				s.InjectWhen(lapitest.Path(usagePath), 3, fault)
				s.run()
				for range 3 {
					s.until15m()
					items.set(func(n uint64) uint64 { return n + 5 })
				}
				s.after(10 * time.Second)
				if u := s.client.Stats().Usage; u.Err == nil || !u.Sent.IsZero() {
					t.Errorf("%+v", u)
				}
				s.until15m()
				pushes := s.pushes()
				last := pushes[len(pushes)-1]
				if last.items() != "processed 25 request  ipv4 " || last.window() != 4*(15*time.Minute) {
					t.Errorf("%s in %v", last.items(), last.window())
				}
				if n := s.logs.FilterMessageSnippet("usage metrics").Len(); n != 1 {
					t.Errorf("said %d times", n)
				}
				if s.client.Status().Failures != 0 || s.client.Stats().Usage.Err != nil {
					t.Errorf("%+v", s.client.Status())
				}
			})
		})
	}
}

func TestOldServersDoNotWantToKnow(t *testing.T) {
	items := processed(10)
	playWith(t, lapitest.Config{Generation: lapitest.Old}, items.config(), func(s *scene) {
		s.run()
		for range 4 {
			s.until15m()
		}
		if s.client.Stats().Usage != (Usage{}) || len(s.errors()) > 0 || s.logs.FilterMessageSnippet("usage").Len() > 0 {
			t.Errorf("%+v", s.client.Stats().Usage)
		}
		s.SetGeneration(lapitest.New) // an upgrade
		s.until15m()
		pushes := s.pushes()
		if last := pushes[len(pushes)-1]; last.items() != "processed 10 request  ipv4 " {
			t.Errorf("%s", last.items())
		}
	})
}

func TestUsageCanBeSwitchedOff(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{MetricsInterval: -1}, func(s *scene) {
		s.run()
		s.after(3 * time.Hour)
		if n := len(s.pushes()); n != 0 {
			t.Errorf("%d reports", n)
		}
	})
}

func TestTheStreamDoesNotWaitForUsage(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{Interval: time.Second}, func(s *scene) {
		s.InjectWhen(lapitest.Path(usagePath), -1, lapitest.Hang())
		s.run()
		s.until15m()
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.after(2 * time.Second)
		s.want("192.0.2.1", lookup.Ban)
		start := time.Now()
		s.stop() // during a report
		if d := time.Since(start); d > 0 {
			t.Errorf("it took %v to end", d)
		}
	})
}

// TestCountsThatLookAlikeAreNotLost compares the sums in CrowdSec with the counts:
// CrowdSec keeps only one of two items in a report that differ only in the remediation.
func TestCountsThatLookAlikeAreNotLost(t *testing.T) {
	items := &counts{items: []UsageItem{
		{Name: "dropped", Origin: "CAPI", IPType: "ipv4", Remediation: "ban"},
		{Name: "dropped", Origin: "CAPI", IPType: "ipv4", Remediation: "captcha"},
		{Name: "dropped", Origin: "CAPI", IPType: "ipv4", Remediation: "throttle"},
	}}
	playWith(t, lapitest.Config{}, items.config(), func(s *scene) {
		s.run()
		for _, n := range []uint64{5, 5, 1, 1, 1} {
			items.set(func(old uint64) uint64 { return old + n })
			s.until15m()
		}
		for range 5 { // the rest is sent without new counts
			s.until15m()
		}
		total := 0.0
		for _, p := range s.pushes() {
			seen := map[string]bool{}
			for _, i := range p.Components[0].Metrics[0].Items {
				alike := fmt.Sprint(i.Name, i.Unit, i.Labels["origin"], i.Labels["ip_type"], i.Value)
				if i.Name == "dropped" && !seen[alike] {
					seen[alike] = true
					total += i.Value
				}
			}
		}
		if total != 3*13 {
			t.Errorf("CrowdSec makes %v of 39", total)
		}
	})
}

func TestItemsWithTheSameLabelsAreAddedUp(t *testing.T) {
	got := sum([]UsageItem{{Name: "processed", Value: 1}, {Name: "processed", Unit: "request", Value: 2}, {Name: "processed", IPType: "ipv6", Value: 4}})
	if len(got) != 2 || got[0].Value != 3 || got[1].Value != 4 {
		t.Errorf("%+v", got)
	}
}

func TestOriginsInReportsAreBounded(t *testing.T) {
	table := &lookup.Table{}
	b := table.Batch("lapi")
	const n = 3 * 1000
	for i := range n {
		d := on(fmt.Sprintf("192.0.%d.%d", i/250, i%250), time.Time{})
		d.Origin = fmt.Sprint("made up ", i)
		b.Add(d)
	}
	b.Update()
	items := activeDecisions(table, "lapi")
	total := uint64(0)
	for _, i := range items {
		total += i.Value
	}
	if len(items) > 1000+1 || total != n {
		t.Errorf("%d items, %d decisions", len(items), total)
	}
	long := UsageItem{Name: "dropped", Origin: strings.Repeat("é", 200), Value: 1}.wire()
	if l := long.Labels["origin"]; len(l) > 255 || !strings.HasPrefix(l, "éé") || strings.ContainsRune(l, '\uFFFD') {
		t.Errorf("%q", l)
	}
}

func TestAReportIsTakenByTheLetter(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{}, func(s *scene) {
		s.run()
		s.until15m()
		for _, r := range s.Requests() {
			if r.Path == usagePath && (r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" ||
				!strings.Contains(string(r.Body), `"metrics":[{"meta":{`) || !strings.Contains(string(r.Body), `"items":[]`)) {
				t.Errorf("%s %s", r.Header, r.Body)
			}
		}
		if s.client.Stats().Usage.Err != nil || len(s.pushes()) != 1 {
			t.Errorf("%+v", s.client.Stats().Usage)
		}
	})
}

// BenchmarkActiveDecisions measures the cost of a report without the network.
func BenchmarkActiveDecisions(b *testing.B) {
	table := &lookup.Table{}
	batch := table.Batch("lapi")
	const n = 1_000_000
	for i := range n {
		d := on(fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), time.Now().Add(time.Hour))
		d.Origin = []string{"CAPI", "cscli", "lists:tor"}[i%3]
		batch.Add(d)
	}
	batch.Replace()
	for b.Loop() {
		activeDecisions(table, "lapi")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/decision")
}
