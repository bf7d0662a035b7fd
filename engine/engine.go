// Package engine keeps a table of decisions in sync with its sources, makes local
// decisions, and sends alerts to reporters. A web server may replace its handlers
// and policies at any time, while the engine keeps the table, the connections and
// the memory of the detector.
//
//	e, err := engine.New(engine.Config{Sources: []engine.Source{crowdsec}})
//	...
//	e.Start()
//	defer e.Close()
//	d, found := e.Lookup(ctx, ip)
//
//	sources ──▶ table ──▶ Lookup          Request, Response
//	             │ ▲ ▲                            │
//	             ▼ │ └── local decisions ◀──┐     ▼
//	           snapshot                   Alert ◀─ detector
//	                         reporters ◀─────┘
//
// It knows no HTTP server, no Caddy and no CrowdSec. Interfaces connect it to
// sources of decisions ([Source]), scenarios ([Detector]), the verification of
// crawlers ([Verifier]) and receivers of alerts ([Reporter]).
//
// # Failure
//
// A source that fails leaves the table as it is; decisions stay until they
// expire, and [Engine.Ready] turns false once the source has been out of sync for
// too long. If the snapshot cannot be read or written, the engine logs that and
// continues.
//
// # The snapshot
//
// It holds the table and the names of the sources that were in sync. At the next
// start it replaces the first sync of those sources, if they still read from the same
// place: see [Lasting]. One engine at a time writes the file, and locks PATH.lock.
// A second engine warns, does not write, and takes over once the first has ended.
package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/internal/alertquota"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	// sweepInterval is how often expired decisions are freed and, if the table has
	// changed, the snapshot is written: see saveAfter.
	sweepInterval = time.Minute
	// closeTimeout limits Close, because a web server holds its configuration lock
	// meanwhile.
	closeTimeout = 2 * time.Second
	// restartDelay is the pause before a source that returned or panicked is started
	// again.
	restartDelay = 10 * time.Second
)

// A Source fills a table. The clients in packages lapi and lists are sources.
type Source interface {
	// Name is the name of the source in its decisions. The sources of an engine have
	// different names.
	Name() string
	// Run keeps t in sync with the source until ctx ends, and returns ctx's
	// error. It continues after every failure of the source.
	Run(ctx context.Context, t *lookup.Table) error
	// Status returns the state of the source. It may be called at any time.
	Status() lookup.Status
}

// A Live source is asked about one client at a time. The one in package lapi
// remembers answers, so that most requests cost no round trip. One that also has a
// method Run(context.Context) error is run as a [Source] is, and one with a method
// Sync() is called by [Engine.Sync].
type Live interface {
	// Name is the name of the source in its decisions.
	Name() string
	// Lookup returns the decision in force for ip, and whether there is one.
	// Requests wait for it, so it limits its wait. Its own policy says what it
	// returns when the source does not answer.
	Lookup(ctx context.Context, ip netip.Addr) (lookup.Decision, bool)
	// Forget drops the remembered answers about the addresses in p.
	Forget(p netip.Prefix)
	// Status says how the source stands. It may be called at any time.
	Status() lookup.Status
}

// A Locator returns the country code and the autonomous system of an address, or ""
// and 0 if it does not know them. The DB of package geo has one.
type Locator func(ip netip.Addr) (country string, as uint32)

// Config holds the parts of an engine. The zero Config makes a working engine
// without sources.
type Config struct {
	Sources  []Source      // fill the table; their names differ
	Live     []Live        // asked about clients that the table has no ban for
	Locate   Locator       // asked if there are decisions about places; default: those are not enforced
	Snapshot string        // file that carries the table over a restart; default: none
	Inherit  []string      // snapshots of other engines to start from if there is none; those in use are left out
	Table    *lookup.Table // start with this table instead of the snapshots; the engine takes it over
	Synced   []SourceSync  // which sources were in sync with Table, as [Engine.Syncs] returns them
	NAT64    *lookup.NAT64 // knows the prefixes of local translators; default: the well-known one only
	Logger   *zap.Logger   // default: none

	Detect    Detector   // gets the events of Request and Response; default: none
	Verify    Verifier   // verifies clients that claim to be crawlers; default: none, no claim counts
	Reporters []Reporter // get the alerts; their names differ
	Queue     int        // alerts kept for a reporter that cannot take them now; default: 4096
	History   int        // alerts that Alerts returns; default: 100
	Local     Local      // the decisions after alerts

	// Spared is called for alerts about exempt clients, which no reporter gets. Requests
	// wait for it, so it must not wait. Default: none.
	Spared func(Record)
}

// An Engine is safe for use by many goroutines.
type Engine struct {
	sources  []Source
	live     []Live
	locate   Locator
	table    *lookup.Table
	nat64    *lookup.NAT64
	snapshot snapshotFile
	logger   *zap.Logger
	born     time.Time
	carried  map[string]SourceSync // earlier syncs of the sources, by name

	local       *locals
	outboxes    []*outbox
	history     history
	checks      checks
	onSpared    func(Record)
	observation observation
	guards      guards
	guardLines  alertquota.Quota
	findings    sparing
	own         own
	seed        maphash.Seed // of hashes of pages

	allowlists []Allowlister // the sources with allowlists

	start, stop sync.Once
	cancel      context.CancelFunc // of everything except reports
	cancelSend  context.CancelFunc // of reports
	wg          sync.WaitGroup
	stopErr     error
}

// New checks cfg, reads the snapshot if there is one and returns an engine. It answers
// lookups, but its sources do not run before Start. Decisions of sources that are not
// in cfg are dropped.
func New(cfg Config) (*Engine, error) {
	e := &Engine{
		sources: cfg.Sources, live: cfg.Live, locate: cfg.Locate,
		table: cfg.Table, logger: cfg.Logger, born: time.Now(), allowlists: cfg.allowlists(), seed: maphash.MakeSeed(),
	}
	if e.logger == nil {
		e.logger = zap.NewNop()
	}
	names, err := cfg.names()
	if err != nil {
		return nil, err
	}
	e.snapshot.path = cfg.Snapshot
	before := cfg.Synced
	if e.table == nil {
		e.table = new(lookup.Table)
		before = e.restore(cfg.snapshots())
	}
	e.own.operators = operatorsOf(cfg.Sources)
	e.own.refresh()
	e.nat64 = cfg.NAT64
	e.table.Translate(e.nat64)
	e.table.Keep(append(names, LocalSource)...)
	e.carry(before)
	e.snapshot.version = e.table.Version()
	if err := e.prepare(cfg); err != nil {
		return nil, err
	}
	return e, nil
}

// names returns the names of all sources, which must differ.
func (cfg Config) names() ([]string, error) {
	var names []string
	for _, s := range cfg.Sources {
		names = append(names, s.Name())
	}
	for _, l := range cfg.Live {
		names = append(names, l.Name())
	}
	for i, name := range names {
		if name == "" || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("source %q: two sources have this name: want different names", name)
		}
		if name == LocalSource {
			return nil, fmt.Errorf("source %q: this name is reserved for local decisions: want another", name)
		}
	}
	return names, nil
}

// snapshots returns the files that the engine can start from, the best first.
func (cfg Config) snapshots() []string {
	if cfg.Snapshot == "" {
		return nil
	}
	return append([]string{cfg.Snapshot}, cfg.Inherit...)
}

// Start starts the sources. Later calls do nothing.
func (e *Engine) Start() {
	e.start.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		limit, cancelSend := context.WithCancel(context.Background())
		e.cancel, e.cancelSend = cancel, cancelSend
		e.claim()
		for _, s := range e.sources {
			e.wg.Go(func() { e.supervise(ctx, s) })
		}
		e.runLive(ctx)
		e.wg.Go(func() { e.tick(ctx) })
		e.wg.Go(func() { e.sweep(ctx) })
		e.wg.Go(func() { e.local.run(ctx) })
		for _, o := range e.outboxes {
			e.wg.Go(func() { o.run(ctx, limit) })
		}
		if e.observation.detector != nil {
			e.wg.Go(func() { e.watch(ctx) })
		}
		if e.checks.verifier != nil {
			for range maxChecks {
				e.wg.Go(func() { e.check(ctx) })
			}
		}
	})
}

// Close stops the sources, reports the waiting alerts, waits for all that at most two
// seconds, and writes the snapshot. An engine cannot start after Close. Later calls
// return the result of the first.
func (e *Engine) Close() error {
	e.start.Do(func() {})
	e.stop.Do(func() { e.stopErr = e.close() })
	return e.stopErr
}

func (e *Engine) close() error {
	if e.cancel == nil {
		return nil
	}
	e.cancel()
	err := e.wait()
	e.sumUpGuards(e.guardLines.End())
	hurry, cancel := context.WithCancel(context.Background())
	cancel()
	return errors.Join(err, e.save(hurry), e.unclaim())
}

// wait waits for the goroutines of Start, with a limit.
func (e *Engine) wait() error {
	flush := time.AfterFunc(flushTimeout, e.cancelSend)
	defer e.cancelSend()
	defer flush.Stop()
	stopped := make(chan struct{})
	go func() {
		e.wg.Wait()
		close(stopped)
	}()
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	select {
	case <-stopped:
		return nil
	case <-timeout.C:
		// A source that ignores its context is a bug, but waiting for it would block
		// the whole web server.
		return fmt.Errorf("stopping the sources: still running after %v", closeTimeout)
	}
}

// Table returns the table of e.
func (e *Engine) Table() *lookup.Table { return e.table }
