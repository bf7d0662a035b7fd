package inspectors

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/metrics"
	"github.com/tocsin-project/tocsin/middleware"
	"github.com/tocsin-project/tocsin/waf"
	"go.uber.org/zap"
)

// Open implements [guest.Inspector].
func (s *WAF) Open(l *zap.Logger) (middleware.Inspector, error) {
	cfg := waf.Config{
		Rules: s.rules, Observe: s.Observe, BodyLimit: s.BodyLimit, BodyTimeout: time.Duration(s.BodyTimeout),
		BodyMemory: int64(s.BodyMemory), LogPayload: s.LogPayload, Logger: l,
	}
	if s.BodyOver != "" && s.BodyOver != pass {
		var err error
		if cfg.BodyOver, err = lookup.ParseAction(s.BodyOver); err != nil {
			return nil, fmt.Errorf("body_over: %w", err)
		}
	}
	i, err := waf.New(cfg)
	if err != nil {
		return nil, err
	}
	return &running{i, metrics.NewWAF(i.Stats), cfg.BodyOver == lookup.Captcha, s.Observe}, nil
}

// A running is a WAF in use.
type running struct {
	*waf.Inspector
	prometheus.Collector
	asks     bool // it asks for a captcha if a request cannot be inspected completely
	observes bool // requests that rules match pass, unless a site says otherwise
}

// Inside returns the WAF itself, for admin commands.
func (w *running) Inside() *waf.Inspector { return w.Inspector }

// Captchas implements [guest.Captchas].
func (w *running) Captchas() (asking []string) {
	if w.asks {
		asking = append(asking, "body_over of waf")
	}
	word := w.Rules().Policy().Remediation
	if word == "captcha" || word == "challenge" || slices.ContainsFunc(w.Rules().Rules(), isLikely) {
		asking = append(asking, "rules of waf")
	}
	return asking
}

func isLikely(r waf.Rule) bool { return r.Confidence == waf.Likely }

// Start implements [guest.Starter]. It logs which rules run, and names the ones that do not.
func (w *running) Start(l *zap.Logger) (stop func()) {
	rules, message := w.Rules().Rules(), "the WAF is on"
	if w.observes {
		message = "the WAF only observes: requests that rules match pass, except in sites with waf on"
	}
	stopping := 0
	for i := range rules {
		if !rules[i].OutOfBand && !w.observes {
			stopping++
		}
	}
	l.Info(message, zap.Int("rules", len(rules)), zap.Int("stopping", stopping), zap.Int("skipped", len(w.Rules().Skipped())))
	for _, s := range w.Rules().Skipped() {
		l.Warn("rules left out", zap.String("rule", s.Name), zap.String("file", s.File), zap.String("reason", s.Reason))
	}
	return func() {}
}

// Interface guards
var (
	_ middleware.Inspector = (*running)(nil)
	_ guest.Starter        = (*running)(nil)
	_ guest.Ruled          = (*running)(nil)
	_ guest.Captchas       = (*running)(nil)
	_ prometheus.Collector = (*running)(nil)
)
