package sources

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lapi"
)

// Open implements [guest.Source].
func (l *LAPI) Open(env guest.Env) (guest.Opened, error) {
	metrics, err := l.metricsInterval()
	if err != nil {
		return nil, fmt.Errorf("lapi %s: metrics: %w", l.Name, err)
	}
	if l.Mode == modeLive {
		return l.openLive(env, metrics)
	}
	c, err := lapi.New(lapi.Config{
		Name: l.Name, URL: l.URL, Key: l.Key, TLS: l.tls(), Machine: l.machine(),
		Interval: time.Duration(l.Interval), Scopes: l.Scopes,

		Coverage: l.Coverage, Origins: l.Origins,
		ScenariosContaining: l.ScenariosContaining, ScenariosNotContaining: l.ScenariosNotContaining,

		Fallback: env.Fallback, Context: env.Context, Scenarios: env.Scenarios,
		Locate:          func(ip netip.Addr) lapi.Place { return lapi.Place(env.Locate(ip)) },
		MetricsInterval: metrics, Usage: func() []lapi.UsageItem { return usage(env.Counters) },
		Logger: env.Logger, LogBits: env.LogBits,
	})
	return stream{c, api{l}}, err
}

func (l *LAPI) openLive(env guest.Env, metrics time.Duration) (guest.Opened, error) {
	failure, err := guest.ParseFailure(l.Failure)
	if err != nil {
		return nil, fmt.Errorf("lapi %s: failure: %w", l.Name, err)
	}
	c, err := lapi.NewLive(lapi.LiveConfig{
		Name: l.Name, URL: l.URL, Key: l.Key, TLS: l.tls(), Machine: l.machine(),
		TTL: time.Duration(l.Cache), Timeout: time.Duration(l.Timeout), Failure: failure,

		Coverage: l.Coverage, Origins: l.Origins,
		ScenariosContaining: l.ScenariosContaining, ScenariosNotContaining: l.ScenariosNotContaining,

		Fallback:        env.Fallback,
		MetricsInterval: metrics, Usage: func() []lapi.UsageItem { return usage(env.Counters) },
		Logger: env.Logger, LogBits: env.LogBits,
	})
	return live{c, api{l}}, err
}

// metricsInterval returns what Metrics says: a negative duration for off, and 0
// for the default.
func (l *LAPI) metricsInterval() (time.Duration, error) {
	switch l.Metrics {
	case "":
		return 0, nil
	case metricsOff:
		return -1, nil
	}
	return option.ParseDuration(l.Metrics)
}

func (l *LAPI) machine() lapi.Machine {
	return lapi.Machine{
		Name: l.Machine, Password: l.Password, Register: l.Register, Token: l.RegistrationToken,
		Cert: l.MachineTLSCert, KeyFile: l.MachineTLSKey,
	}
}

func (l *LAPI) tls() lapi.TLS {
	return lapi.TLS{Cert: l.TLSCert, KeyFile: l.TLSKey, CA: l.TLSCA}
}
