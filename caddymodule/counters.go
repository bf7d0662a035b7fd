package caddymodule

import (
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// serverCounters are the counters of each server, by its name in the config. They live
// as long as the engine.
type serverCounters struct {
	mu       sync.Mutex
	counters map[string]*middleware.Counters
}

// of returns the counters of a server.
func (t *serverCounters) of(server string) *middleware.Counters {
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
func (t *serverCounters) each(yield func(server string, c *middleware.Counters) bool) {
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
func (t *serverCounters) answers() []admin.Server {
	answers := []admin.Server{}
	for name, c := range t.each {
		answers = append(answers, newServer(name, c.Snapshot()))
	}
	return answers
}

func newServer(name string, n middleware.Counts) admin.Server {
	a := admin.Server{
		Server: name, Processed: n.Processed, Stopped: map[string]uint64{},
		Ended: n.Ended, DryRun: n.DryRun, Passed: n.Passed, Allowed: n.Allowed, UnknownClient: n.UnknownClient,
		Connections: n.Connections, ConnectionsDryRun: n.ConnectionsDryRun,
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

// collectors combines several collectors.
type collectors []prometheus.Collector

// Describe implements [prometheus.Collector].
func (c collectors) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range c {
		one.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (c collectors) Collect(ch chan<- prometheus.Metric) {
	for _, one := range c {
		one.Collect(ch)
	}
}

// guestCollectors returns the guests with their own metrics.
func (a *App) guestCollectors() (all collectors) {
	for _, o := range a.engine.opened {
		if c, ok := o.(prometheus.Collector); ok {
			all = append(all, c)
		}
	}
	if a.gates != nil {
		if c, ok := a.gates.cfg.Provider.(prometheus.Collector); ok {
			all = append(all, c)
		}
	}
	for _, i := range a.inspectors {
		if c, ok := i.Inspector.(prometheus.Collector); ok {
			all = append(all, c)
		}
	}
	return all
}

// A runningCollector collects the metrics of the running config. Each config has its
// own registry, and the admin endpoint shows the newest one, even of a config that
// failed to load and whose engine never ran.
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
