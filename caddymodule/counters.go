package caddymodule

import (
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// CrowdSec's words for the families of addresses.
const (
	ipv4 = "ipv4"
	ipv6 = "ipv6"
)

// A tally holds the counters of each server, by its name in the config. It lives
// as long as the engine that stops the requests.
type tally struct {
	mu       sync.Mutex
	counters map[string]*middleware.Counters
}

// of returns the counters of a server.
func (t *tally) of(server string) *middleware.Counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.counters[server]
	if !ok {
		if t.counters == nil {
			t.counters = make(map[string]*middleware.Counters)
		}
		c = new(middleware.Counters)
		t.counters[server] = c
	}
	return c
}

// each yields the counters of all servers, in the order of their names.
func (t *tally) each(yield func(server string, c *middleware.Counters) bool) {
	t.mu.Lock()
	all := maps.Clone(t.counters)
	t.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !yield(name, all[name]) {
			return
		}
	}
}

// answers returns the counts of each server.
func (t *tally) answers() []serverAnswer {
	answers := []serverAnswer{}
	for name, c := range t.each {
		answers = append(answers, newServerAnswer(name, c.Snapshot()))
	}
	return answers
}

func newServerAnswer(name string, n middleware.Counts) serverAnswer {
	a := serverAnswer{
		Server: name, Processed: n.Processed, Stopped: map[string]uint64{},
		Ended: n.Ended, DryRun: n.DryRun, Passed: n.Passed, Allowed: n.Allowed, UnknownClient: n.UnknownClient,
	}
	for action := lookup.Throttle; action <= lookup.Ban; action++ {
		a.Stopped[action.String()] = n.Stopped[action]
	}
	for _, o := range n.ByOrigin {
		if o.Stopped == 0 {
			continue
		}
		if a.Origins == nil {
			a.Origins = map[string]uint64{}
		}
		a.Origins[o.Origin] += o.Stopped
	}
	return a
}

// usage returns the counts as CrowdSec wants them.
func (t *tally) usage() []lapi.UsageItem {
	var items []lapi.UsageItem
	for _, c := range t.each {
		n := c.Snapshot()
		items = append(items,
			lapi.UsageItem{Name: "processed", IPType: ipv4, Value: n.Processed4},
			lapi.UsageItem{Name: "processed", IPType: ipv6, Value: n.Processed6})
		for _, o := range n.ByOrigin {
			item := lapi.UsageItem{
				Name: "dropped", Origin: o.Origin, IPType: ipv4, Remediation: o.Action.String(), Value: o.Stopped - o.Relayed,
			}
			if o.IPv6 {
				item.IPType = ipv6
			}
			items = append(items, item)
			if o.Relayed > 0 {
				item.Remediation, item.Value = "challenge", o.Relayed
				items = append(items, item)
			}
			if o.Solved > 0 {
				// So CrowdSec calls a challenge that was solved.
				item.Remediation, item.Value = "bypass", o.Solved
				items = append(items, item)
			}
		}
	}
	return items
}

// A runningCollector collects what the config that runs has to say. Each config
// has a registry of its own, and the admin endpoint shows the newest: also that of
// a config that failed to load, whose engine never ran.
type runningCollector struct{ own prometheus.Collector }

// Describe implements [prometheus.Collector].
func (c runningCollector) Describe(ch chan<- *prometheus.Desc) { c.own.Describe(ch) }

// Collect implements [prometheus.Collector].
func (c runningCollector) Collect(ch chan<- prometheus.Metric) {
	if a, err := runningApp(); err == nil {
		a.collector.Collect(ch)
		return
	}
	c.own.Collect(ch)
}
