package caddymodule

import (
	"fmt"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/engine"
	"go.uber.org/zap"
)

// engines keeps engines across reloads, by the State that they are made from. A new config
// is provisioned before the old one is cleaned up, so an engine that both use never stops.
var engines = caddy.NewUsagePool()

// A pooled is an engine and the other data that survives a reload with it.
type pooled struct {
	*engine.Engine
	*parts
	shared    *shared
	alerts    *alertLog
	countries countries // the countries of stopped clients
	snapshot  string    // the snapshot's path; empty if there is none
	logs      logSwitch
	folder    string        // the folder with old snapshots of other engines to remove; empty if there is none
	ready     atomic.Bool   // the engine was ready at least once: see wasReady
	proxies   atomic.Uint64 // lookups for trusted proxies about which a remote source has a decision
}

// take returns the engine for s from the pool, or adds it. It opens no connection and starts
// nothing.
func take(s State, key string, l *zap.Logger) (*pooled, error) {
	// This is not in the constructor below, because the pool's entry is locked there, and
	// ranging over the pool would never return.
	old := running()
	v, _, err := engines.LoadOrNew(key, func() (caddy.Destructor, error) {
		return newPooled(s, key, old, l)
	})
	if err != nil {
		return nil, err
	}
	return v.(*pooled), nil
}

// running returns the engine of the running config, or nil if there is none.
func running() *pooled {
	var p *pooled
	engines.Range(func(_, v any) bool {
		p, _ = v.(*pooled)
		return p == nil
	})
	return p
}

// newPooled creates the engine for s. If there is an old engine, the new one starts with its
// decisions from the sources that stay: the first sync may take long, and bans must hold
// until then. The engine logs to l until it is started.
func newPooled(s State, key string, old *pooled, l *zap.Logger) (*pooled, error) {
	files := s.snapshots(key)
	p := &pooled{snapshot: files.own, folder: files.folder}
	defer p.logs.use(l)()
	log := p.logs.logger()
	var err error
	if old != nil {
		p.shared = old.shared
	} else if p.shared, err = newShared(); err != nil {
		return nil, fmt.Errorf("making keys: %w", err)
	}
	p.alerts = &alertLog{logger: log}
	if p.parts, err = s.parts(guest.Env{
		Logger: log, Scenarios: p.shared.rules.names, LogBits: p.alerts.bits, Witness: p.shared.good.Witness,
	}); err != nil {
		return nil, err
	}
	cfg := engine.Config{
		Sources: p.sources, Live: p.live, Snapshot: files.own, Inherit: files.others, Logger: log,
		Detect: p.shared.rules.detector, Local: s.Local.config(),
		Reporters: append(p.reporters, p.alerts), Spared: p.alerts.spared,
	}
	if cfg.NAT64, err = s.nat64(); err != nil {
		return nil, err
	}
	if cfg.Verify, err = s.Crawlers.verifier(p.alerts.bits, log); err != nil {
		return nil, err
	}
	if p.places != nil {
		cfg.Locate = p.places.Locate
	}
	if old != nil {
		cfg.Synced, cfg.Table = old.Syncs(), old.Table().Clone()
	}
	if p.Engine, err = engine.New(cfg); err != nil {
		return nil, fmt.Errorf("making engine: %w", err)
	}
	return p, nil
}

// start starts p and makes it log to l until release is called.
func (p *pooled) start(l *zap.Logger) (release func()) {
	release = p.logs.use(l)
	p.Start()
	if p.folder != "" {
		tidySnapshots(p.folder, p.snapshot, p.logs.logger())
	}
	return release
}

// wasReady reports whether p was ever ready: each of its sources was in sync, or the
// snapshot or the earlier engine says that this source was. It stays true if p falls behind
// later: decisions then expire, but the site keeps working.
func (p *pooled) wasReady() bool {
	if p.ready.Load() {
		return true
	}
	if !p.Synced() {
		return false
	}
	p.ready.Store(true)
	return true
}

// Destruct stops p. The engine limits how long that takes, because Caddy holds the lock on
// its config while it waits. An engine that never ran, as in caddy validate, does not
// overwrite the snapshot of a running server.
func (p *pooled) Destruct() error {
	err := p.Close()
	p.alerts.flush()
	p.close()
	return err
}

// Interface guards
var _ caddy.Destructor = (*pooled)(nil)
