package inspectors

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/metrics"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// Open implements [guest.Inspector].
func (s *AppSec) Open(l *zap.Logger) (middleware.Inspector, error) {
	cfg, err := s.config()
	if err != nil {
		return nil, err
	}
	cfg.Logger = l
	c, err := appsec.New(cfg)
	if err != nil {
		return nil, err
	}
	return &client{c, metrics.NewAppSec(c.Stats), s, cfg.MaxHTTPVersion == appsec.HTTP3}, nil
}

// A client sends requests to AppSec.
type client struct {
	*appsec.Client
	prometheus.Collector
	config *AppSec
	check  bool // whether to check that AppSec's rules accept the reported version of HTTP
}

// Target implements [guest.Counted].
func (c *client) Target() string { return c.config.URL }

// Captchas implements [guest.Captchas].
func (c *client) Captchas() (asking []string) {
	if c.config.Failure == lookup.Captcha.String() {
		asking = append(asking, "failure of appsec")
	}
	if c.config.Fallback == lookup.Captcha.String() {
		asking = append(asking, "fallback of appsec")
	}
	return asking
}

// checkPause is the pause between two tries when AppSec does not answer.
const checkPause = 10 * time.Second

// Start implements [guest.Starter]. It warns of rules that would ban every visitor over
// HTTP/3, as soon as AppSec answers.
func (c *client) Start(l *zap.Logger) (stop func()) {
	if !c.check {
		return func() {}
	}
	checked, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(checked)
		c.checkVersions(l, ended)
	}()
	return func() {
		close(ended)
		<-checked
	}
}

func (c *client) checkVersions(l *zap.Logger, ended <-chan struct{}) {
	for {
		err := c.CheckVersions()
		if !errors.Is(err, appsec.ErrNoAnswer) {
			if err != nil {
				l.Warn("appsec: max_http_version 3 does not fit the rules", zap.Error(err))
			}
			return
		}
		select {
		case <-time.After(checkPause):
		case <-ended:
			return
		}
	}
}

// Interface guards
var (
	_ middleware.Inspector = (*client)(nil)
	_ guest.Starter        = (*client)(nil)
	_ guest.Counted        = (*client)(nil)
	_ guest.Captchas       = (*client)(nil)
	_ guest.Closer         = (*client)(nil)
	_ prometheus.Collector = (*client)(nil)
)
