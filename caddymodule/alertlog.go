package caddymodule

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/alertquota"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

const (
	sparedPause = time.Minute // between two lines about a scenario and exempt clients
	maxSpared   = 1000        // scenarios with such lines; the others share one
)

// An alertLog writes a line for each alert, within its quota. It is a reporter, so no
// request waits for the log. Alerts about exempt clients arrive directly: of those it
// writes one a minute for each scenario.
type alertLog struct {
	logger *zap.Logger
	logIP  atomic.Uint32 // a [middleware.LogIP]: that of the newest config

	quota alertquota.Quota

	mu     sync.Mutex
	shares map[string]share // by scenario
}

// A share counts the lines about a scenario and exempt clients.
type share struct {
	last time.Time // line
	left int       // alerts since then
}

// bits returns how many bits of addresses the log may show: see [lapi.Config].LogBits.
func (l *alertLog) bits() (v4, v6 int) { return middleware.LogIP(l.logIP.Load()).Bits() }

// Name implements [engine.Reporter].
func (*alertLog) Name() string { return "log" }

// Report implements [engine.Reporter].
func (l *alertLog) Report(_ context.Context, alerts []event.Alert) (taken, refused int, err error) {
	logIP := middleware.LogIP(l.logIP.Load())
	for i := range alerts {
		a := &alerts[i]
		ok, left, since := l.quota.Take(a.Client, time.Now())
		l.sumUp(left, since)
		if !ok {
			continue
		}
		l.logger.Info("abuse seen",
			zap.String("scenario", a.Scenario), logIP.Field("client", a.Client),
			zap.Int("requests", a.Count), zap.Time("since", a.Start), zap.Bool("remediation", a.Remediation))
	}
	return len(alerts), 0, nil
}

// sumUp logs how many alerts have no line of their own.
func (l *alertLog) sumUp(left int, since time.Time) {
	if left > 0 {
		l.logger.Info("alerts left out of the log", zap.Int("alerts", left), zap.Time("since", since))
	}
}

// flush logs the rest at the end.
func (l *alertLog) flush() {
	l.sumUp(l.quota.End())
	l.mu.Lock()
	defer l.mu.Unlock()
	for scenario, s := range l.shares {
		if s.left > 0 {
			l.logger.Info("alerts about exempt clients left out of the log",
				zap.String("scenario", scenario), zap.Int("alerts", s.left), zap.Time("since", s.last))
		}
	}
	clear(l.shares)
}

// spared logs why an alert had no consequences, for operators who test.
func (l *alertLog) spared(r engine.Record) {
	left, due := l.isDue(r.Alert.Scenario, r.Time)
	if !due {
		return
	}
	logIP := middleware.LogIP(l.logIP.Load())
	l.logger.Info("abuse seen, but the client is exempt: no decision",
		zap.String("scenario", r.Alert.Scenario), logIP.Field("client", r.Alert.Client),
		zap.String("why", r.Why), zap.Int("left_out", left))
}

// isDue reports whether a line about a scenario is due, and how many alerts had none
// since the last.
func (l *alertLog) isDue(scenario string, now time.Time) (left int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, known := l.shares[scenario]
	if !known && len(l.shares) >= maxSpared {
		scenario = ""
		s = l.shares[scenario]
	}
	if l.shares == nil {
		l.shares = make(map[string]share)
	}
	if !s.last.IsZero() && now.Sub(s.last) < sparedPause {
		l.shares[scenario] = share{s.last, s.left + 1}
		return 0, false
	}
	l.shares[scenario] = share{last: now}
	return s.left, true
}

// Interface guards
var _ engine.Reporter = (*alertLog)(nil)
