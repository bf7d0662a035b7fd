package middleware

import (
	"net/http"
	"net/netip"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/inspect"
	"go.uber.org/zap"
)

// setDefaults sets each field that has a default and is not set.
func (cfg *Config) setDefaults() error {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.ClientIP == nil {
		cfg.ClientIP = RemoteAddr
	}
	if cfg.Counters == nil {
		cfg.Counters = new(Counters)
	}
	if cfg.Recheck == nil {
		cfg.Recheck = cfg.Lookup
	}
	if told, ok := cfg.Observe.(challengeObserver); ok && cfg.Challenged == nil {
		cfg.Challenged = told.Challenged
	}
	if told, ok := cfg.Observe.(finder); ok && cfg.Found == nil {
		cfg.Found = told.Found
	}
	if knows, ok := cfg.Observe.(knowsClients); ok && cfg.Known == nil {
		cfg.Known = knows.Known
	}
	if knows, ok := cfg.Observe.(knowsLogins); ok && cfg.LoggedIn == nil {
		cfg.LoggedIn = knows.LoggedIn
	}
	cfg.setHooks()
	return cfg.setAnswers()
}

// setHooks sets the default hooks, which do nothing.
func (cfg *Config) setHooks() {
	if cfg.Passed == nil {
		cfg.Passed = func(*http.Request, *Stop) {}
	}
	if cfg.Trust == nil {
		cfg.Trust = func(*http.Request, netip.Addr) bool { return false }
	}
	if cfg.Lasts == nil {
		cfg.Lasts = func(*http.Request, netip.Addr) bool { return false }
	}
	if cfg.Original == nil {
		cfg.Original = func(*http.Request, *inspect.Details) {}
	}
	if cfg.Found == nil {
		cfg.Found = func(*event.Event) {}
	}
	if cfg.Known == nil {
		cfg.Known = func(netip.Addr) bool { return false }
	}
	if cfg.LoggedIn == nil {
		cfg.LoggedIn = func(*http.Request, netip.Addr) bool { return false }
	}
	if cfg.Describe == nil {
		cfg.Describe = func(*http.Request, *event.Event) {}
	}
	if cfg.Reduced == nil {
		cfg.Reduced = func(_ http.ResponseWriter, r *http.Request) *http.Request { return r }
	}
	if cfg.NotExempt == nil {
		cfg.NotExempt = func() bool { return false }
	}
	if cfg.ErrorStatus == nil {
		cfg.ErrorStatus = func(error) int { return http.StatusInternalServerError }
	}
}

// setAnswers sets the handlers that answer stopped requests.
func (cfg *Config) setAnswers() (err error) {
	if cfg.Banned == nil {
		if cfg.Banned, err = NewPage(PageConfig{Logger: cfg.Logger}); err != nil {
			return err
		}
	}
	if cfg.Challenge == nil && !cfg.ChallengeOff {
		cfg.Challenge, err = newOwnGate(cfg.Logger)
	}
	return err
}
