package caddymodule

import (
	"fmt"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/engine"
	"go.uber.org/zap"
)

// engines keeps engines across reloads, by the State that they are made from.
// A new config provisions before the old one is cleaned up, so an engine that
// both want never rests.
var engines = caddy.NewUsagePool()

// A pooled engine has with it what is to survive a reload together with it.
type pooled struct {
	*engine.Engine
	*parts
	shared    *shared
	alerts    *alertLog
	countries countries // of the clients that were stopped
	snapshot  string    // path; empty: it has none
	logs      logSwitch
	folder    string        // of snapshots of other engines that nobody needs; empty: none
	ready     atomic.Bool   // it was once: see wasReady
	proxies   atomic.Uint64 // lookups of trusted proxies that a remote source has a decision about
}

// take gets the engine made from s out of the pool, or puts it in. It opens no
// connection and starts nothing.
func take(s State, key string, l *zap.Logger) (*pooled, error) {
	// Not in the constructor below: the pool holds its entry locked there, and
	// to range over it would wait for ever.
	old := running()
	v, _, err := engines.LoadOrNew(key, func() (caddy.Destructor, error) {
		return newPooled(s, key, old, l)
	})
	if err != nil {
		return nil, err
	}
	return v.(*pooled), nil
}

// running returns the engine of the config that runs, nil if there is none.
func running() *pooled {
	var p *pooled
	engines.Range(func(_, v any) bool {
		p, _ = v.(*pooled)
		return p == nil
	})
	return p
}

// newPooled makes the engine that s describes. If there is an old one, it starts
// with what that knows about the sources that stay: their first sync may be
// long in coming, and meanwhile bans hold. What the engine has to say until it
// is started goes to l.
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
	if p.parts, err = s.parts(p.shared.rules.names, p.alerts.bits, log); err != nil {
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

// start sets p running and has it log to l until release is called.
func (p *pooled) start(l *zap.Logger) (release func()) {
	release = p.logs.use(l)
	p.Start()
	if p.folder != "" {
		tidySnapshots(p.folder, p.snapshot, p.logs.logger())
	}
	return release
}

// wasReady reports whether p was ever fit to judge by: each of its sources was in
// sync, or the snapshot or the engine before says that this very source was. It stays
// true when p falls behind later: then decisions run out, and the site lives.
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

// Destruct stops p. The engine bounds how long that takes, since Caddy waits
// for it under the lock on its config. One that never ran, as in caddy validate,
// does not write its snapshot over that of a server that runs.
func (p *pooled) Destruct() error {
	err := p.Close()
	p.alerts.flush()
	p.close()
	return err
}

// Interface guards
var _ caddy.Destructor = (*pooled)(nil)
