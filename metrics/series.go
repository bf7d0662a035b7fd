package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// The labels.
const (
	labelServer    = "server"     // as Config.Counters names it
	labelSource    = "source"     // name of a source of the engine
	labelOrigin    = "origin"     // who decided: CAPI, cscli, lists:tor
	labelAction    = "action"     // ban, captcha or throttle
	labelScenario  = "scenario"   // that gave an alert
	labelReporter  = "reporter"   // name of who is told of alerts
	labelOutcome   = "outcome"    // of a report, an alert or a check
	labelEvent     = "event"      // what became of a challenge, or what a source has counted
	labelKind      = "kind"       // of a failure of AppSec, or of why it sees only a part
	labelIPType    = "ip_type"    // ipv4, ipv6 or unknown, named as in CrowdSec's own metrics
	labelVersion   = "version"    // of this module
	labelGoVersion = "go_version" // that it was built with
)

// The values of labelIPType.
const (
	ipv4      = "ipv4"
	ipv6      = "ipv6"
	ipUnknown = "unknown"
)

const (
	maxLabels = 4
	maxLabel  = 255 // bytes of a label's value; longer ones are cut
)

// A metric is the description of one.
type metric struct {
	name   string
	help   string
	labels []string
	kind   prometheus.ValueType
	desc   *prometheus.Desc
}

func gauge(name, help string, labels ...string) *metric {
	return newMetric(prometheus.GaugeValue, name, help, labels)
}

func counter(name, help string, labels ...string) *metric {
	return newMetric(prometheus.CounterValue, name, help, labels)
}

func newMetric(kind prometheus.ValueType, name, help string, labels []string) *metric {
	name = "tocsin_" + name
	return &metric{name, help, labels, kind, prometheus.NewDesc(name, help, labels, nil)}
}

// The metrics. Times are in seconds of Unix time.
var (
	buildInfo      = gauge("build_info", "Always 1; the labels say what runs.", labelVersion, labelGoVersion)
	ready          = gauge("ready", "Whether all sources were in step lately enough to judge by: 1, or 0.")
	snapshotTime   = gauge("snapshot_timestamp_seconds", "When the snapshot was last written; 0: not since the start.")
	decisions      = gauge("decisions", "Decisions held.", labelSource, labelOrigin, labelAction)
	sourceReady    = gauge("source_ready", "Whether the source was in step lately enough: 1, or 0.", labelSource)
	sourceSynced   = gauge("source_last_sync_timestamp_seconds", "When the source was last in step; 0: never.", labelSource)
	sourceNext     = gauge("source_next_try_timestamp_seconds", "When the source is tried next; 0: unknown.", labelSource)
	sourceFailures = gauge("source_failures", "Failed tries since the source was last in step.", labelSource)
	// Not failures_total: as OpenMetrics has it, that is another kind of source_failures.
	sourceErrors = counter("source_errors_total", "Failed tries since the source was made.", labelSource)
	sourceHeld   = gauge("source_held_ranges", "Ranges of the source that are not enforced, since they cover too many addresses.", labelSource)
	sourceEvents = counter("source_events_total",
		"What the source has counted. A Local API: questions, rows of its answers by what became of them, lookups of mode live, reports of usage.",
		labelSource, labelEvent)
	processed = counter("requests_processed_total",
		"Requests checked. Those of unknown ip_type could not be judged, and passed.", labelServer, labelIPType)
	stopped = counter("requests_stopped_total",
		"Requests stopped, by what was decided about the client.", labelServer, labelAction, labelOrigin, labelIPType)
	dryRun = counter("requests_dry_run_total",
		"Requests that passed only because of a dry run.", labelServer, labelAction, labelOrigin, labelIPType)
	allowed = counter("requests_allow_listed_total",
		"Requests that passed, against a decision, by the allow list.", labelServer)
	ended = counter("requests_ended_total",
		"Requests ended while they were served, since their client was banned meanwhile.", labelServer)
	passed = counter("requests_passed_total",
		"Requests that passed, against a captcha decision, by the pass of a solved challenge.", labelServer, labelOrigin, labelIPType)
	spared = counter("lookups_spared_total",
		"Lookups that found a decision of a remote source which is not enforced, by whose address it was about: own, of this server; proxy, a trusted one.", labelKind)
	alerts        = counter("alerts_total", "Alerts of scenarios.", labelScenario)
	alertsDecided = counter("alerts_decided_total", "Alerts that led to a decision here.")
	alertsSpared  = counter("alerts_spared_total", "Alerts about clients that nothing may be decided about.")
	alertsVoid    = counter("alerts_without_effect_total",
		"Alerts that led to nothing, by the reason: crawler, verified; unchecked, said to be a crawler while too many waited for DNS; merged, "+
			"beside others about the same client; late, the table was busy.", labelOutcome)
	alertsGuarded = counter("alerts_guarded_total", "Alerts that put up a guard.")
	guards        = gauge("guards", "Guards in force: requests that need a pass whoever sends them.")
	crawlers      = counter("crawlers_checked_total",
		"Clients that said to be a crawler, by what DNS said: verified, refuted, or failed, no answer.", labelOutcome)
	detectPanics = counter("detect_panics_total", "Requests at which a scenario failed for a fault of tocsin.")
	clients      = gauge("detect_clients", "Clients remembered for what they did well.")
	reports      = counter("reports_total",
		"Alerts that somebody was to be told of: sent and taken, refused for good, or dropped to make room.", labelReporter, labelOutcome)
	reportsQueued    = gauge("reports_queued", "Alerts that wait to be told of.", labelReporter)
	responsesDropped = counter("detect_dropped_total", "Responses that were not looked at, since too many waited.")
	responses        = counter("detect_responses_total", "Responses that scenarios were asked about.")
	events           = counter("detect_events_total", "Requests that scenarios were asked about.")
	whitelisted      = counter("detect_whitelisted_total", "Requests that a whitelist kept from scenarios.")
	buckets          = gauge("detect_buckets", "Buckets held: of a client and a scenario each.")
	bucketBytes      = gauge("detect_bytes", "Memory that they take.")
	evicted          = counter("detect_evicted_total", "Buckets forgotten for want of room.")
	challenges       = counter("challenges_total",
		"Challenges, by what became of them: issued, solved, failed, replayed; waited: solved without JavaScript, by waiting; passed: requests let through by a pass; "+
			"barred: told to come back later, since passes are collected; renewed: passes in use; fallback: embedded ones because the provider failed.", labelEvent)

	appsecAsked   = counter("appsec_requests_total", "Requests that AppSec was asked about.")
	appsecRetried = counter("appsec_retries_total", "Requests that AppSec was asked about again, after a 401.")
	appsecStopped = counter("appsec_stopped_total",
		"Requests that AppSec stopped: ban, captcha, or with a challenge of its own. Dry runs count too.", labelAction)
	appsecUnknown = counter("appsec_unknown_actions_total", "Answers with an action that the fallback stood in for.")
	appsecFailed  = counter("appsec_failures_total", "Requests that AppSec gave no answer about, by what the matter was.", labelKind)
	appsecSkipped = counter("appsec_skipped_total", "Requests of which AppSec saw only a part, by the reason.", labelKind)
	appsecRefused = counter("appsec_refused_total", "Requests refused without asking AppSec, by the reason.", labelKind)
	appsecBroken  = counter("appsec_broken_bodies_total", "Requests given up since their body broke off or was malformed.")
	appsecBodies  = gauge("appsec_body_bytes", "Memory that the bodies of requests under way take.")

	all = []*metric{
		buildInfo, ready, snapshotTime, decisions, sourceReady, sourceSynced, sourceNext, sourceFailures,
		sourceErrors, sourceHeld, sourceEvents, processed, stopped, dryRun, allowed, ended, passed, spared, challenges,
		alerts, alertsDecided, alertsSpared, alertsVoid, alertsGuarded, guards, crawlers, reports, reportsQueued, responses, responsesDropped,
		events, whitelisted, buckets, bucketBytes, evicted, detectPanics, clients,
	}
	ofAppSec = []*metric{
		appsecAsked, appsecRetried, appsecStopped, appsecUnknown, appsecFailed, appsecSkipped, appsecRefused,
		appsecBroken, appsecBodies,
	}
)

// A series is one metric with one set of labels.
type series struct {
	metric *metric
	labels [maxLabels]string
}

// values are what one scrape finds. Two values of one series would fail it, and
// with it the scrape of everything else in the registry. Labels that came in
// different can be the same once they are mended, so values are collected here
// before they are sent.
type values map[series]float64

func (v values) set(m *metric, value float64, labels ...string) { v[newSeries(m, labels)] = value }

func (v values) add(m *metric, value float64, labels ...string) { v[newSeries(m, labels)] += value }

func newSeries(m *metric, labels []string) series {
	s := series{metric: m}
	for i, l := range labels {
		s.labels[i] = mend(l)
	}
	return s
}

// mend makes s a label's value: Prometheus refuses what is no UTF-8, and an
// origin is what a source says.
func mend(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxLabel)], "?")
}

func (v values) send(ch chan<- prometheus.Metric) {
	for s, value := range v {
		ch <- prometheus.MustNewConstMetric(s.metric.desc, s.metric.kind, value, s.labels[:len(s.metric.labels)]...)
	}
}
