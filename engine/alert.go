package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	defaultHistory = 100
	maxContexts    = 10   // of an alert
	maxTarget      = 1024 // bytes
	maxText        = 512  // bytes of other texts that clients send
	maxCounted     = 1000 // scenarios; alerts of further ones are counted as otherScenarios
	otherScenarios = "other"
)

// A Record is an alert with its consequences.
type Record struct {
	Time  time.Time
	Alert event.Alert

	// Decision is the decision that followed: a local one, or one that was in force
	// already. Its action is None if there is none.
	Decision lookup.Decision
	// Spared says that the client is exempt: see [Local]. No reporter got the alert.
	Spared bool
	// Guard says that a guard followed, and Decision is about the requests that it
	// stops: see [event.Alert].Reflected and Guard. No reporter got the alert, because
	// it is not about a single client.
	Guard bool
	// Why says why the client is exempt: it is on this machine, in a private network,
	// or on an allowlist.
	Why string
	// Crawler says that the client is the crawler that it claims to be: see [Verifier].
	// There was no decision and no report.
	Crawler bool
}

// AlertStats counts alerts by their consequences since the start of the engine.
type AlertStats struct {
	Total     uint64            // all alerts
	Decided   uint64            // those that led to a local decision
	Guarded   uint64            // those that led to a guard
	Spared    uint64            // those about exempt clients
	Late      uint64            // those whose decision did not get into the table, because it was busy
	Crawlers  uint64            // those about verified crawlers
	Unchecked uint64            // those about clients that claim to be crawlers and could not be checked, because too many waited: they had no consequences, and no other count includes them
	Merged    uint64            // further ones about a client whose check is waiting: no other count includes them
	Scenarios map[string]uint64 // all alerts by scenario: up to a thousand, and "other"
}

// prepare sets up the handling of alerts.
func (e *Engine) prepare(cfg Config) error {
	policy, err := cfg.Local.withDefaults()
	if err != nil {
		return err
	}
	if cfg.Queue < 0 || cfg.History < 0 {
		return fmt.Errorf("queue %d, history %d: want at least 0", cfg.Queue, cfg.History)
	}
	e.local = newLocals(policy, e.table, e.logger)
	e.local.allow = e.allowlists
	if e.onSpared = cfg.Spared; e.onSpared == nil {
		e.onSpared = func(Record) {}
	}
	e.history.size = cmp.Or(cfg.History, defaultHistory)
	e.history.stats.Scenarios = map[string]uint64{}
	e.observation.init(cfg.Detect, e.logger)
	e.checks.init(cfg.Verify, e.logger)
	for i, r := range cfg.Reporters {
		if r.Name() == "" || slices.ContainsFunc(cfg.Reporters[:i], func(o Reporter) bool { return o.Name() == r.Name() }) {
			return fmt.Errorf("reporter %q: two reporters have this name: want different names", r.Name())
		}
		e.outboxes = append(e.outboxes, newOutbox(r, cmp.Or(cfg.Queue, defaultQueue), e.logger))
	}
	for _, s := range e.sources {
		if a, ok := s.(adviser); ok && a.Advises() {
			continue
		}
		if slices.ContainsFunc(cfg.Reporters, func(r Reporter) bool { return r.Name() == s.Name() }) {
			e.local.authorities = append(e.local.authorities, s.Name())
		}
	}
	return nil
}

// history keeps the latest alerts, and counts all.
type history struct {
	mu      sync.Mutex
	records []Record // a ring once it is full
	next    int      // the position of the next one
	size    int
	stats   AlertStats
}

func (h *history) add(r Record, late bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.records) < h.size {
		h.records = append(h.records, r)
	} else {
		h.records[h.next] = r
	}
	h.next = (h.next + 1) % h.size
	h.stats.Total++
	switch {
	case r.Spared:
		h.stats.Spared++
	case r.Guard:
		h.stats.Guarded++
	case r.Crawler:
		h.stats.Crawlers++
	case late:
		h.stats.Late++
	case r.Decision.Source == LocalSource:
		h.stats.Decided++
	}
	name := r.Alert.Scenario
	if _, ok := h.stats.Scenarios[name]; !ok && len(h.stats.Scenarios) >= maxCounted {
		name = otherScenarios
	}
	h.stats.Scenarios[name]++
}

func (h *history) counts() AlertStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.Scenarios = maps.Clone(s.Scenarios)
	return s
}

// Alerts returns the latest alerts, the oldest first: see Config.History.
func (e *Engine) Alerts() []Record {
	h := &e.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.records) < h.size {
		return slices.Clone(h.records)
	}
	return slices.Concat(h.records[h.next:], h.records[:h.next])
}

// Alert records an alert, makes a local decision if the alert asks for one, and passes
// it to the reporters. It does not block, because requests wait for it: the decision is
// in the table when Alert returns, or soon after a large change of the table. See
// [Local] for exempt clients, and [Verifier] for clients that may be crawlers: alerts
// about them have their consequences a few seconds later. A closed engine ignores
// alerts.
func (e *Engine) Alert(a event.Alert) { e.handle(a) }

// handle is Alert. It returns the decision that has already followed from a.
func (e *Engine) handle(a event.Alert) lookup.Decision {
	bound(&a)
	switch e.checks.consider(&a) {
	case verifiedCrawler:
		e.recordCrawler(a)
		return lookup.Decision{}
	case unverified:
		return lookup.Decision{}
	}
	return e.act(a)
}

// act applies the consequences of a, and returns the resulting decision.
func (e *Engine) act(a event.Alert) lookup.Decision {
	r, f := e.local.judge(&a, &e.guards, time.Now())
	late := false
	switch f {
	case spared:
		e.onSpared(r)
	case guarded:
		e.logGuard(&a, r.Time, r.Decision.Until)
	case decided:
		late = !e.local.enforce(r.Decision)
	}
	if f == decided || f == alreadyDecided {
		r.Alert.Action = r.Decision.Action
		if !r.Decision.Until.IsZero() {
			r.Alert.Duration = r.Decision.Until.Sub(r.Time)
		}
	}
	e.history.add(r, late)
	if f >= reported {
		for _, o := range e.outboxes {
			o.put(r.Alert)
		}
	}
	return r.Decision
}

// logGuard logs a new guard, within the quota. For a guard on cross-site requests of
// one client it does not name the client, which may be innocent.
func (e *Engine) logGuard(a *event.Alert, now, until time.Time) {
	ok, left, since := e.guardLines.Take(a.Client, now)
	e.sumUpGuards(left, since)
	if !ok {
		return
	}
	if a.Guard == event.NoGuard {
		e.logger.Info("requests of a client that come from pages of other sites are challenged", zap.String("scenario", a.Scenario), zap.Time("until", until))
		return
	}
	e.logger.Info("many addresses attack one path, or come from one network: clients without a login or a pass are challenged there",
		zap.String("scenario", a.Scenario), zap.Stringer("guard", a.Guard), zap.String("place", a.Place), zap.Time("until", until))
}

// sumUpGuards logs how many alerts about guards have no line of their own.
func (e *Engine) sumUpGuards(left int, since time.Time) {
	if left > 0 {
		e.logger.Info("alerts about guards left out of the log", zap.Int("alerts", left), zap.Time("since", since))
	}
}

// bound shortens the texts of a, so that thousands of alerts fit into memory. It copies
// them, because a part of a long text keeps the whole text in memory.
func bound(a *event.Alert) {
	clip := func(s string, n int) string { return strings.Clone(s[:min(len(s), n)]) }
	a.Scenario, a.Message = clip(a.Scenario, maxReason), clip(a.Message, maxReason)
	a.Version, a.Hash = clip(a.Version, maxReason), clip(a.Hash, maxReason)
	a.Place, a.Places = clip(a.Place, maxText), slices.Clone(a.Places[:min(len(a.Places), maxContexts)])
	for i, place := range a.Places {
		a.Places[i] = clip(place, maxText)
	}
	a.Context = slices.Clone(a.Context[max(0, len(a.Context)-maxContexts):])
	for i := range a.Context {
		c := &a.Context[i]
		c.Method, c.Host, c.UserAgent = clip(c.Method, maxText), clip(c.Host, maxText), clip(c.UserAgent, maxText)
		c.Target, c.Query = clip(c.Target, maxTarget), clip(c.Query, maxTarget)
		c.Rule, c.Message = clip(c.Rule, maxReason), clip(c.Message, maxText)
		c.Zones = clip(c.Zones, maxTarget)
	}
}
