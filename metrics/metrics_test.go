package metrics

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/challengetest"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// A feed is a source with a given state.
type feed struct {
	name   string
	status lookup.Status
}

func (f feed) Name() string          { return f.name }
func (f feed) Status() lookup.Status { return f.status }

func (f feed) Run(ctx context.Context, _ *lookup.Table) error {
	<-ctx.Done()
	return ctx.Err()
}

// noon is when everything in these tests happened.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ban(prefix, origin string) lookup.Decision {
	return lookup.Decision{Prefix: netip.MustParsePrefix(prefix), Action: lookup.Ban, Origin: origin, Reason: "some scenario"}
}

// A mute is a reporter that is never started.
type mute struct{}

func (mute) Name() string { return "lapi" }
func (mute) Report(context.Context, []event.Alert) (taken, refused int, err error) {
	return 0, 0, nil
}

// Counts are those of the source lapi; the other has none.
func (f feed) Counts() map[string]uint64 {
	if f.name != "lapi" {
		return nil
	}
	return map[string]uint64{"questions": 9, "rows_malformed": 2}
}

// A doorman is a verifier that verifies no client, and has counts.
type doorman struct{ engine.Verifier }

func (doorman) Counts() map[string]uint64 { return map[string]uint64{"verified": 4, "failed": 0} }

// anEngine returns an engine with a source in sync, one that never was, a few decisions,
// and an alert that waits for its report.
func anEngine(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{Sources: []engine.Source{
		feed{"lapi", lookup.Status{Failed: 7, Synced: noon, Next: noon.Add(10 * time.Second)}},
		feed{"list", lookup.Status{Failures: 3, Failed: 3, Err: errors.New("connection refused")}},
	}, Reporters: []engine.Reporter{mute{}}, Verify: doorman{}})
	if err != nil {
		t.Fatal(err)
	}
	captcha := ban("192.0.2.4/32", "CAPI")
	captcha.Action = lookup.Captcha
	e.Table().Update("lapi", []lookup.Decision{
		ban("192.0.2.1/32", "CAPI"), ban("192.0.2.2/32", "CAPI"), ban("2001:db8::/64", "cscli"), captcha,
	}, nil)
	e.Alert(event.Alert{Scenario: "tocsin/http-probing", Client: netip.MustParseAddr("203.0.113.9"), Prefix: netip.MustParsePrefix("203.0.113.9/32")})
	e.Table().Update("list", []lookup.Decision{ban("192.0.2.3/32", "list")}, nil)
	return e
}

// counted returns counters that saw requests from clients meet e's decisions.
func counted(t testing.TB, e *engine.Engine, dryRun bool, clients ...string) *middleware.Counters {
	t.Helper()
	m, err := middleware.New(middleware.Config{
		Lookup: e.Lookup, DryRun: dryRun, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.3/32")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c
		m.Check(r)
	}
	return m.Counters()
}

// challenged returns counters that saw a client solve a challenge and come in, and
// those of the challenges.
func challenged(t testing.TB) (*middleware.Counters, *challenge.Counters) {
	t.Helper()
	keys, err := challenge.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	gate, err := challenge.New(challenge.Config{Keys: keys, Level: challenge.Low})
	if err != nil {
		t.Fatal(err)
	}
	m, err := middleware.New(middleware.Config{
		Challenge: gate,
		Lookup: func(context.Context, netip.Addr) (lookup.Decision, bool) {
			return lookup.Decision{Action: lookup.Captcha, Origin: "CAPI"}, true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := m.Handler(http.NotFoundHandler())
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer, err := challengetest.Solve(w.Body.String())
	if err != nil {
		t.Fatal(err)
	}
	post := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(answer.Body))
	post.Header.Set(challengetest.Header, answer.Token)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, post)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
	return m.Counters(), gate.Counters()
}

// inspections returns what a client of AppSec may have counted.
func inspections() appsec.Stats {
	s := appsec.Stats{
		Asked: 40, Retried: 1, Challenged: 3, Unknown: 4, Broken: 5, BodyMemory: 4096, LatencySum: 1500 * time.Millisecond,
		Latency: []appsec.Bucket{{UpTo: time.Millisecond, N: 20}, {UpTo: time.Second, N: 29}, {UpTo: math.MaxInt64, N: 30}},
	}
	s.Stopped[lookup.Ban], s.Stopped[lookup.Captcha] = 6, 7
	s.Failed[appsec.Late], s.Failed[appsec.Paused] = 8, 2
	s.Skipped[appsec.LongBody], s.Refused[appsec.BadTarget] = 9, 1
	return s
}

// everything returns a collector of which each metric has a value.
func everything(t testing.TB) prometheus.Collector {
	e := anEngine(t)
	forum, challenges := challenged(t)
	return NewCollector(Config{Engine: e, Proxies: func() uint64 { return 6 }, Challenges: challenges, AppSec: inspections, Detector: detect.New(detect.Config{}), Counters: maps.All(map[string]*middleware.Counters{
		"forum": forum,
		"shop":  counted(t, e, false, "192.0.2.1:1", "192.0.2.1:1", "[2001:db8::1]:1", "192.0.2.3:1", "192.0.2.4:1", "192.0.2.9:1", "@"),
		"blog":  counted(t, e, true, "192.0.2.1:1"),
	})})
}

// scrape returns what a server would be sent, without comments and build_info.
func scrape(t *testing.T, g prometheus.Gatherer) []string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(g, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "tocsin_build_info") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

func registered(t testing.TB, c prometheus.Collector) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScrapeTellsHowItIsGoing(t *testing.T) {
	want := `tocsin_alerts_decided_total 0
tocsin_alerts_guarded_total 0
tocsin_alerts_spared_total 0
tocsin_alerts_total{scenario="tocsin/http-probing"} 1
tocsin_alerts_without_effect_total{outcome="crawler"} 0
tocsin_alerts_without_effect_total{outcome="late"} 0
tocsin_alerts_without_effect_total{outcome="merged"} 0
tocsin_alerts_without_effect_total{outcome="unchecked"} 0
tocsin_appsec_body_bytes 4096
tocsin_appsec_broken_bodies_total 5
tocsin_appsec_failures_total{kind="bad_answer"} 0
tocsin_appsec_failures_total{kind="busy"} 0
tocsin_appsec_failures_total{kind="by_request"} 0
tocsin_appsec_failures_total{kind="crowded"} 0
tocsin_appsec_failures_total{kind="held"} 0
tocsin_appsec_failures_total{kind="in_doubt"} 0
tocsin_appsec_failures_total{kind="late"} 8
tocsin_appsec_failures_total{kind="overloaded"} 0
tocsin_appsec_failures_total{kind="paused"} 2
tocsin_appsec_failures_total{kind="put_off"} 0
tocsin_appsec_failures_total{kind="server_error"} 0
tocsin_appsec_failures_total{kind="too_slow"} 0
tocsin_appsec_failures_total{kind="unauthorized"} 0
tocsin_appsec_failures_total{kind="unreachable"} 0
tocsin_appsec_latency_seconds_bucket{le="0.001"} 20
tocsin_appsec_latency_seconds_bucket{le="1"} 29
tocsin_appsec_latency_seconds_bucket{le="+Inf"} 30
tocsin_appsec_latency_seconds_sum 1.5
tocsin_appsec_latency_seconds_count 30
tocsin_appsec_refused_total{kind="bad_target"} 1
tocsin_appsec_refused_total{kind="large_head"} 0
tocsin_appsec_refused_total{kind="long_body"} 0
tocsin_appsec_refused_total{kind="no_room"} 0
tocsin_appsec_refused_total{kind="no_share"} 0
tocsin_appsec_refused_total{kind="slow_body"} 0
tocsin_appsec_refused_total{kind="stream"} 0
tocsin_appsec_requests_total 40
tocsin_appsec_retries_total 1
tocsin_appsec_skipped_total{kind="bad_target"} 0
tocsin_appsec_skipped_total{kind="large_head"} 0
tocsin_appsec_skipped_total{kind="long_body"} 9
tocsin_appsec_skipped_total{kind="no_room"} 0
tocsin_appsec_skipped_total{kind="no_share"} 0
tocsin_appsec_skipped_total{kind="slow_body"} 0
tocsin_appsec_skipped_total{kind="stream"} 0
tocsin_appsec_stopped_total{action="ban"} 6
tocsin_appsec_stopped_total{action="captcha"} 7
tocsin_appsec_stopped_total{action="challenge"} 3
tocsin_appsec_unknown_actions_total 4
tocsin_challenges_total{event="barred"} 0
tocsin_challenges_total{event="failed"} 0
tocsin_challenges_total{event="fallback"} 0
tocsin_challenges_total{event="issued"} 1
tocsin_challenges_total{event="passed"} 1
tocsin_challenges_total{event="renewed"} 0
tocsin_challenges_total{event="replayed"} 0
tocsin_challenges_total{event="solved"} 1
tocsin_challenges_total{event="waited"} 0
tocsin_connections_closed_total{server="blog"} 0
tocsin_connections_closed_total{server="forum"} 0
tocsin_connections_closed_total{server="shop"} 0
tocsin_connections_dry_run_total{server="blog"} 0
tocsin_connections_dry_run_total{server="forum"} 0
tocsin_connections_dry_run_total{server="shop"} 0
tocsin_crawlers_checked_total{outcome="failed"} 0
tocsin_crawlers_checked_total{outcome="verified"} 4
tocsin_decisions{action="ban",origin="CAPI",source="lapi"} 2
tocsin_decisions{action="ban",origin="cscli",source="lapi"} 1
tocsin_decisions{action="ban",origin="list",source="list"} 1
tocsin_decisions{action="captcha",origin="CAPI",source="lapi"} 1
tocsin_detect_buckets 0
tocsin_detect_bytes 0
tocsin_detect_clients 0
tocsin_detect_dropped_total 0
tocsin_detect_events_total 0
tocsin_detect_evicted_total 0
tocsin_detect_panics_total 0
tocsin_detect_responses_total 0
tocsin_detect_whitelisted_total 0
tocsin_guards 0
tocsin_lookups_spared_total{kind="own"} 0
tocsin_lookups_spared_total{kind="proxy"} 6
tocsin_ready 0
tocsin_reports_queued{reporter="lapi"} 1
tocsin_reports_total{outcome="dropped",reporter="lapi"} 0
tocsin_reports_total{outcome="refused",reporter="lapi"} 0
tocsin_reports_total{outcome="sent",reporter="lapi"} 0
tocsin_requests_allow_listed_total{server="blog"} 0
tocsin_requests_allow_listed_total{server="forum"} 0
tocsin_requests_allow_listed_total{server="shop"} 1
tocsin_requests_dry_run_total{action="ban",ip_type="ipv4",origin="CAPI",server="blog"} 1
tocsin_requests_ended_total{server="blog"} 0
tocsin_requests_ended_total{server="forum"} 0
tocsin_requests_ended_total{server="shop"} 0
tocsin_requests_passed_total{ip_type="ipv4",origin="CAPI",server="forum"} 1
tocsin_requests_processed_total{ip_type="ipv4",server="blog"} 1
tocsin_requests_processed_total{ip_type="ipv4",server="forum"} 3
tocsin_requests_processed_total{ip_type="ipv4",server="shop"} 5
tocsin_requests_processed_total{ip_type="ipv6",server="blog"} 0
tocsin_requests_processed_total{ip_type="ipv6",server="forum"} 0
tocsin_requests_processed_total{ip_type="ipv6",server="shop"} 1
tocsin_requests_processed_total{ip_type="unknown",server="blog"} 0
tocsin_requests_processed_total{ip_type="unknown",server="forum"} 0
tocsin_requests_processed_total{ip_type="unknown",server="shop"} 1
tocsin_requests_stopped_total{action="ban",ip_type="ipv4",origin="CAPI",server="shop"} 2
tocsin_requests_stopped_total{action="ban",ip_type="ipv6",origin="cscli",server="shop"} 1
tocsin_requests_stopped_total{action="captcha",ip_type="ipv4",origin="CAPI",server="forum"} 1
tocsin_requests_stopped_total{action="captcha",ip_type="ipv4",origin="CAPI",server="shop"} 1
tocsin_snapshot_timestamp_seconds 0
tocsin_source_errors_total{source="lapi"} 7
tocsin_source_errors_total{source="list"} 3
tocsin_source_events_total{event="questions",source="lapi"} 9
tocsin_source_events_total{event="rows_malformed",source="lapi"} 2
tocsin_source_failures{source="lapi"} 0
tocsin_source_failures{source="list"} 3
tocsin_source_held_ranges{source="lapi"} 0
tocsin_source_held_ranges{source="list"} 0
tocsin_source_last_sync_timestamp_seconds{source="lapi"} 1.7723664e+09
tocsin_source_last_sync_timestamp_seconds{source="list"} 0
tocsin_source_next_try_timestamp_seconds{source="lapi"} 1.77236641e+09
tocsin_source_next_try_timestamp_seconds{source="list"} 0
tocsin_source_ready{source="lapi"} 1
tocsin_source_ready{source="list"} 0`
	got := strings.Join(scrape(t, registered(t, everything(t))), "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	families, err := registered(t, everything(t)).Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestEveryMetricDescribedIsCollected(t *testing.T) {
	described := make(chan *prometheus.Desc, 100)
	everything(t).Describe(described)
	close(described)
	collected := byName(t, everything(t))
	if len(described) != len(collected) {
		t.Errorf("%d metrics are described, %d collected", len(described), len(collected))
	}
	for d := range described {
		name, _, _ := strings.Cut(strings.TrimPrefix(d.String(), `Desc{fqName: "`), `"`)
		if _, ok := collected[name]; !ok {
			t.Errorf("%s is described and not collected", name)
		}
	}
}

// byName returns the labels of each metric that c collects.
func byName(t *testing.T, c prometheus.Collector) map[string][]string {
	t.Helper()
	families, err := registered(t, c).Gather()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string][]string{}
	for _, f := range families {
		labels[f.GetName()] = []string{}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[f.GetName()] = append(labels[f.GetName()], l.GetName())
		}
	}
	return labels
}

func TestACollectorCanBeInTwoRegistriesAtOnce(t *testing.T) {
	c := everything(t)
	first, second := registered(t, c), registered(t, c)
	if a, b := scrape(t, first), scrape(t, second); len(a) == 0 || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("one has %q, the other %q", a, b)
	}
}

// A reload makes a new registry and a new collector while those of the old
// config are still there, and the engine lives on.
func TestValuesGoOnAfterAReload(t *testing.T) {
	e := anEngine(t)
	n := counted(t, e, false, "192.0.2.1:1")
	cfg := Config{Engine: e, Counters: maps.All(map[string]*middleware.Counters{"shop": n})}
	old := registered(t, NewCollector(cfg))
	before := scrape(t, old)
	fresh := registered(t, NewCollector(cfg))
	if got := scrape(t, fresh); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("after the reload %q, before %q", got, before)
	}
	e.Table().Update("lapi", []lookup.Decision{ban("192.0.2.8/32", "CAPI")}, nil)
	for name, r := range map[string]*prometheus.Registry{"old": old, "fresh": fresh} {
		if got := strings.Join(scrape(t, r), "\n"); !strings.Contains(got, `tocsin_decisions{action="ban",origin="CAPI",source="lapi"} 3`) {
			t.Errorf("the %s registry has frozen values:\n%s", name, got)
		}
	}
}

func TestTwoEnginesAreToldApartByALabel(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	register := func(name string) error {
		return prometheus.WrapRegistererWith(prometheus.Labels{"engine": name}, r).Register(everything(t))
	}
	if err := errors.Join(register("a"), register("b")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(scrape(t, r), "\n"); !strings.Contains(got, `tocsin_ready{engine="a"}`) || !strings.Contains(got, `tocsin_ready{engine="b"}`) {
		t.Errorf("got\n%s", got)
	}
	var twice prometheus.AlreadyRegisteredError
	if err := register("a"); !errors.As(err, &twice) {
		t.Errorf("the same again: error %v, want AlreadyRegisteredError", err)
	}
}

func TestWhatIsNotConfiguredIsLeftOut(t *testing.T) {
	empty, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"nothing", Config{}, ""},
		{"an engine without sources alone", Config{Engine: empty}, `tocsin_alerts_decided_total 0
tocsin_alerts_guarded_total 0
tocsin_alerts_spared_total 0
tocsin_alerts_without_effect_total{outcome="crawler"} 0
tocsin_alerts_without_effect_total{outcome="late"} 0
tocsin_alerts_without_effect_total{outcome="merged"} 0
tocsin_alerts_without_effect_total{outcome="unchecked"} 0
tocsin_detect_dropped_total 0
tocsin_detect_panics_total 0
tocsin_detect_responses_total 0
tocsin_guards 0
tocsin_lookups_spared_total{kind="own"} 0
tocsin_ready 1
tocsin_snapshot_timestamp_seconds 0`},
		{
			"counters of a server without a name alone",
			Config{Counters: maps.All(map[string]*middleware.Counters{"": {}})},
			`tocsin_connections_closed_total{server=""} 0
tocsin_connections_dry_run_total{server=""} 0
tocsin_requests_allow_listed_total{server=""} 0
tocsin_requests_ended_total{server=""} 0
tocsin_requests_processed_total{ip_type="ipv4",server=""} 0
tocsin_requests_processed_total{ip_type="ipv6",server=""} 0
tocsin_requests_processed_total{ip_type="unknown",server=""} 0`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(scrape(t, registered(t, NewCollector(c.cfg))), "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// One value that Prometheus refuses fails the scrape of everything else that
// the server has.
func TestNoOriginFailsAScrape(t *testing.T) {
	long := strings.Repeat("x", 1000)
	origins := []string{"a\xff", "a\xfe", "?", "a?", "", long + "1", long + "2", strings.Repeat("ü", 200), "quote\"and\nline", "other"}
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var all []lookup.Decision
	var clients []string
	for i, origin := range origins {
		ip := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		all = append(all, ban(ip.String()+"/32", origin))
		clients = append(clients, ip.String()+":1")
	}
	e.Table().Update("lapi", all, nil)
	n := counted(t, e, false, clients...)
	var servers iter.Seq2[string, *middleware.Counters] = func(yield func(string, *middleware.Counters) bool) {
		_ = yield("s\xff", n) && yield("s\xfe", n)
	}
	got := strings.Join(scrape(t, registered(t, NewCollector(Config{Engine: e, Counters: servers}))), "\n")
	for _, want := range []string{
		`tocsin_decisions{action="ban",origin="a?",source="lapi"} 3`,
		`tocsin_requests_stopped_total{action="ban",ip_type="ipv4",origin="a?",server="s?"} 4`,
		`tocsin_decisions{action="ban",origin="` + long[:255] + `",source="lapi"} 2`,
		`tocsin_decisions{action="ban",origin="",source="lapi"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestNoAddressAndNoReasonIsALabel(t *testing.T) {
	for _, line := range scrape(t, registered(t, everything(t))) {
		for _, secret := range []string{"192.0.2.", "2001:db8", "some scenario", "connection refused", "203.0.113."} {
			if strings.Contains(line, secret) {
				t.Errorf("%s", line)
			}
		}
	}
}

func TestManyScrapesAtOnceWhileEverythingChanges(t *testing.T) {
	e := anEngine(t)
	n := counted(t, e, false)
	r := registered(t, NewCollector(Config{Engine: e, Counters: maps.All(map[string]*middleware.Counters{"shop": n})}))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 20 {
				if _, err := r.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for j := range 20 {
				e.Table().Update("lapi", []lookup.Decision{ban(fmt.Sprintf("198.51.%d.%d/32", i, j), fmt.Sprint("origin ", j))}, nil)
			}
		})
	}
	wg.Wait()
}

func TestBuildInfoHasTheVersions(t *testing.T) {
	families, err := registered(t, NewCollector(Config{})).Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	m := families[0].GetMetric()[0]
	for _, l := range m.GetLabel() {
		if l.GetValue() == "" {
			t.Errorf("%s is empty", l.GetName())
		}
	}
	if m.GetGauge().GetValue() != 1 || len(m.GetLabel()) != 2 {
		t.Errorf("got %v", m)
	}
}
