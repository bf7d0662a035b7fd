package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// The labels.
const (
	labelServer    = "server"     // the name in Config.Counters
	labelSource    = "source"     // name of a source of the engine
	labelOrigin    = "origin"     // of the decision: CAPI, cscli, lists:tor
	labelAction    = "action"     // ban, captcha or throttle
	labelScenario  = "scenario"   // of an alert
	labelReporter  = "reporter"   // name of the receiver of alerts
	labelOutcome   = "outcome"    // of a report, an alert or a check
	labelEvent     = "event"      // of a challenge, or a count of a source
	labelKind      = "kind"       // of a failure of AppSec, or of a partial inspection
	labelRule      = "rule"       // of the WAF
	labelCommunity = "community"  // name of a centre
	labelTier      = "tier"       // watch, suspect or listed
	labelIPType    = "ip_type"    // ipv4, ipv6 or unknown, named as in CrowdSec's own metrics
	labelVersion   = "version"    // of this module
	labelGoVersion = "go_version" // of the build
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

// A metric is the description of a metric.
type metric struct {
	name   string
	help   string
	labels []string
	kind   prometheus.ValueType
	desc   *prometheus.Desc
}

// A list has the metrics of one collector. A metric is declared beside the function
// that sets it, in the file of its subject.
type list []*metric

// The metrics of [NewCollector], and those of [NewAppSec] and [NewWAF].
var own, ofAppSec, ofWAF list

func (l *list) gauge(name, help string, labels ...string) *metric {
	return l.add(prometheus.GaugeValue, name, help, labels)
}

func (l *list) counter(name, help string, labels ...string) *metric {
	return l.add(prometheus.CounterValue, name, help, labels)
}

func (l *list) add(kind prometheus.ValueType, name, help string, labels []string) *metric {
	name = "tocsin_" + name
	m := &metric{name, help, labels, kind, prometheus.NewDesc(name, help, labels, nil)}
	*l = append(*l, m)
	return m
}

// A series is one metric with one set of labels.
type series struct {
	metric *metric
	labels [maxLabels]string
}

// values are the results of a scrape. Two values of one series would make the scrape of
// the whole registry fail. Different labels can become equal when they are corrected,
// so values are added up here before they are sent.
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

// mend makes s a valid label value: a source can send any origin, and Prometheus
// refuses invalid UTF-8.
func mend(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxLabel)], "?")
}

func (v values) send(ch chan<- prometheus.Metric) {
	for s, value := range v {
		ch <- prometheus.MustNewConstMetric(s.metric.desc, s.metric.kind, value, s.labels[:len(s.metric.labels)]...)
	}
}

// A collectorOf collects what one inspector has counted.
type collectorOf[S any] struct {
	metrics list
	others  []*prometheus.Desc // that are not single values: set sends them
	stats   func() S
	set     func(s *S, v values, ch chan<- prometheus.Metric)
}

// Describe implements [prometheus.Collector].
func (c collectorOf[S]) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
	for _, d := range c.others {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c collectorOf[S]) Collect(ch chan<- prometheus.Metric) {
	s, v := c.stats(), values{}
	c.set(&s, v, ch)
	v.send(ch)
}
