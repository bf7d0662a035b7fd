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
	maxText        = 512  // bytes of what else clients send
	maxCounted     = 1000 // scenarios; alerts of further ones are counted as otherScenarios
	otherScenarios = "other"
)

// A Record is an alert and what became of it.
type Record struct {
	Time  time.Time
	Alert event.Alert

	// Decision is what it has led to: a local decision, or one that was in force
	// already. Its action is None if it has led to none.
	Decision lookup.Decision
	// Spared says that the client is one about whom nothing may be decided: see
	// [Local]. Nobody was told of the alert.
	Spared bool
	// Guard says that it has led to a guard, and Decision is about the requests that
	// meet it: see [event.Alert].Reflected and Guard. Nobody was told of the alert,
	// since it is about nobody.
	Guard bool
	// Why says why it is spared, in words: it is on this machine, in a private network,
	// or on an allowlist.
	Why string
	// Crawler says that the client is the crawler that it claims to be: see
	// [Verifier]. Nothing was decided, and nobody was told.
	Crawler bool
}

// AlertStats counts what became of alerts since the engine was made.
type AlertStats struct {
	Total     uint64            // all of them
	Decided   uint64            // those that led to a local decision
	Guarded   uint64            // those that led to a guard
	Spared    uint64            // those about clients that are spared
	Late      uint64            // those whose decision did not get into the table, which was busy
	Crawlers  uint64            // those about verified crawlers
	Unchecked uint64            // those, in none of the other counts, about clients that claim to be crawlers and could not be checked since too many waited: they had no consequences
	Merged    uint64            // those, in none of the other counts, about clients of whom enough waited for the same check
	Scenarios map[string]uint64 // all of them by their scenario, up to a thousand and "other"
}

// prepare sets up the handling of alerts.
func (e *Engine) prepare(cfg Config) error {
	policy, err := cfg.Local.withDefaults()
	if err != nil {
		return err
	}
	if cfg.Queue < 0 || cfg.History < 0 {
		return fmt.Errorf("room for %d alerts to be reported, %d to be remembered: want none below zero", cfg.Queue, cfg.History)
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
			return fmt.Errorf("reporter %q: every reporter needs a name of its own", r.Name())
		}
		e.outboxes = append(e.outboxes, newOutbox(r, cmp.Or(cfg.Queue, defaultQueue), e.logger))
	}
	for _, s := range e.sources {
		if slices.ContainsFunc(cfg.Reporters, func(r Reporter) bool { return r.Name() == s.Name() }) {
			e.local.authorities = append(e.local.authorities, s.Name())
		}
	}
	return nil
}

// history keeps the last alerts, and counts all.
type history struct {
	mu      sync.Mutex
	records []Record // a ring once it is full
	next    int      // where the next one goes
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

// Alerts returns the last alerts, the oldest first: see Config.History.
func (e *Engine) Alerts() []Record {
	h := &e.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.records) < h.size {
		return slices.Clone(h.records)
	}
	return slices.Concat(h.records[h.next:], h.records[:h.next])
}

// Alert takes note of an alert, makes a local decision if the alert asks for one,
// and hands it to the reporters. It stands in front of requests and does not
// block: the decision is in the table when Alert returns, or, where a large
// change of the table is under way, as soon as that is over. See [Local] about
// whom nothing is decided, and [Verifier] about clients that may be crawlers: what
// becomes of an alert about one turns out within seconds. An engine that is closed
// takes no alerts.
func (e *Engine) Alert(a event.Alert) { e.handle(a) }

// handle is Alert. It returns the decision that a has led to already.
func (e *Engine) handle(a event.Alert) lookup.Decision {
	bound(&a)
	switch e.checks.consider(&a) {
	case isCrawler:
		e.acquit(a)
		return lookup.Decision{}
	case isDoubtful:
		return lookup.Decision{}
	}
	return e.act(a)
}

// act does what a asks for, and returns the decision that it has led to.
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

// logGuard says that a guard is up, as far as the quota goes. That on what other pages
// have one client send says nothing of the client.
func (e *Engine) logGuard(a *event.Alert, now, until time.Time) {
	ok, left, since := e.guardLines.Take(a.Client, now)
	e.sumUpGuards(left, since)
	if !ok {
		return
	}
	if a.Guard == event.NoGuard {
		e.logger.Info("what other pages have a client send is challenged", zap.String("scenario", a.Scenario), zap.Time("until", until))
		return
	}
	e.logger.Info("many addresses attack a place or come from one network: clients without a login or a pass are challenged",
		zap.String("scenario", a.Scenario), zap.Stringer("guard", a.Guard), zap.String("place", a.Place), zap.Time("until", until))
}

// sumUpGuards says how many alerts about guards have no line of their own.
func (e *Engine) sumUpGuards(left int, since time.Time) {
	if left > 0 {
		e.logger.Info("alerts about guards left out of the log", zap.Int("alerts", left), zap.Time("since", since))
	}
}

// bound makes a short enough to keep thousands like it. What clients send may be
// a megabyte, and a piece of a text keeps the whole of it in memory.
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
		c.Target = clip(c.Target, maxTarget)
	}
}
