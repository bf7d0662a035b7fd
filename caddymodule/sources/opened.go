package sources

import (
	"context"
	"errors"
	"fmt"

	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A stream is a Local API that is followed.
type stream struct {
	*lapi.Client
	api
}

func (stream) Kind() string { return "lapi" }

// CanReport implements [guest.Reporter].
func (s stream) CanReport() error {
	if !s.Reports() {
		return fmt.Errorf("lapi %s has no machine: `cscli machines add NAME --password PASSWORD` makes one", s.Name())
	}
	return nil
}

// Unban implements [guest.Unbanner].
func (s stream) Unban(ctx context.Context, d lookup.Decision) (int, error) {
	n, err := s.Client.Unban(ctx, d)
	return n, withoutMachine(err)
}

// Allowlist implements [guest.Allowlisted].
func (s stream) Allowlist() (list guest.Allowlist, ok bool) {
	return allowlist(s.Stats().Allowlist), s.Reports()
}

// A live is a Local API that is asked about each client.
type live struct {
	*lapi.Live
	api
}

func (live) Kind() string { return "lapi live" }

// Unban implements [guest.Unbanner].
func (l live) Unban(ctx context.Context, d lookup.Decision) (int, error) {
	n, err := l.Live.Unban(ctx, d)
	return n, withoutMachine(err)
}

// Allowlist implements [guest.Allowlisted].
func (l live) Allowlist() (list guest.Allowlist, ok bool) {
	return allowlist(l.Stats().Allowlist), l.HasMachine()
}

func allowlist(l lapi.Allowlist) guest.Allowlist {
	return guest.Allowlist{Entries: l.Entries, Read: l.Fetched, Err: l.Err}
}

// withoutMachine returns err, as [errors.ErrUnsupported] if the cause is a missing
// machine: see [guest.Unbanner].
func withoutMachine(err error) error {
	if errors.Is(err, lapi.ErrNoMachine) {
		return unsupported{err}
	}
	return err
}

// unsupported is an error that is [errors.ErrUnsupported], too.
type unsupported struct{ error }

func (e unsupported) Unwrap() []error { return []error{e.error, errors.ErrUnsupported} }

// An api is an open Local API with its config.
type api struct{ config *LAPI }

// Key implements [guest.Keyed].
func (a api) Key() string { return a.config.Key }

// Captchas implements [guest.Captchas].
func (a api) Captchas() []string {
	return captchas("failure of "+numbered("lapi", a.config.nth), a.config.Failure)
}

// Warn implements [guest.Warner].
func (a api) Warn(c guest.Config, warn func(text string, fields ...zap.Field)) {
	a.warnShared(c, warn)
	a.warnPlaces(c, warn)
	a.warnDoubled(c, acquisFolder, warn)
}

// warnShared warns of a key that an earlier source uses too. CrowdSec has one cursor
// for each key, so it does not send one source what it has sent the other.
func (a api) warnShared(c guest.Config, warn func(text string, fields ...zap.Field)) {
	for _, o := range c.Sources {
		s, ok := o.(interface{ settings() *LAPI })
		if !ok {
			continue
		}
		b := s.settings()
		if b == a.config {
			return
		}
		bothLive := a.config.Mode == modeLive && b.Mode == modeLive
		if a.config.URL == b.URL && a.config.Key == b.Key && a.config.TLSCert == b.TLSCert && !bothLive {
			warn("sources " + b.Name + " and " + a.config.Name + " use the same API key, so each misses updates that the other receives: " +
				"give each its own key with `cscli bouncers add NAME`")
		}
	}
}

func (a api) settings() *LAPI { return a.config }

// warnPlaces warns of decisions that have no effect, because no geo database knows the
// places of clients.
func (a api) warnPlaces(c guest.Config, warn func(text string, fields ...zap.Field)) {
	for _, s := range c.Sources {
		if _, ok := s.(guest.Locator); ok {
			return
		}
	}
	for _, scope := range a.config.Scopes {
		if scope == "country" || scope == "as" {
			warn("scopes has "+scope+" without the option geoip, so such decisions have no effect: "+
				"write geoip and the paths of databases in the MaxMind DB format", zap.String("lapi", a.config.Name))
		}
	}
}

// Interface guards
var (
	_ engine.Source      = stream{}
	_ engine.Allowlister = stream{}
	_ guest.Reporter     = stream{}
	_ guest.Unbanner     = stream{}
	_ guest.Syncer       = stream{}
	_ guest.Allowlisted  = stream{}
	_ engine.Live        = live{}
	_ engine.Allowlister = live{}
	_ guest.Unbanner     = live{}
	_ guest.Syncer       = live{}
	_ guest.Allowlisted  = live{}
	_ guest.Closer       = live{}
	_ guest.Keyed        = api{}
	_ guest.Captchas     = api{}
	_ guest.Warner       = api{}
)
