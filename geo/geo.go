// Package geo looks up the country and the autonomous system of an address in local
// databases of the MaxMind DB format (.mmdb), so that decisions about countries and
// systems can be applied.
//
// # Which databases
//
// Any database with country.iso_code or autonomous_system_number works, such as
// GeoLite2, GeoIP2 and DB-IP, or with country_code (or a country of two letters) and
// asn ("AS64496"), such as IPinfo. Countries and systems mostly come in two files:
// name both.
//
// If a network has no country, the country of its registration counts, and then the
// country that it represents. CrowdSec uses the same order, so a decision about a
// country covers the same addresses.
//
// # Memory
//
// A file is read into memory as a whole and not mapped: the system kills a process that
// reads a mapped file after an updater has truncated it (SIGBUS). While a new file is
// loaded there are two copies of it.
//
// # Failure
//
// A file that cannot be used is an error at the start. Later the last good copy stays in
// force while the file is missing, unreadable, too large, being written or no such
// database. An address that no database knows, or only a damaged part of one, has no
// place, and no decision about a place applies to it.
package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/internal/follow"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	defaultMaxBytes = 256 << 20
	defaultPoll     = 30 * time.Second
)

// Config says which databases to use. Only Paths is required.
type Config struct {
	// Paths are the paths of the files. If several know an address, the first counts,
	// separately for the country and the autonomous system. Relative paths are resolved
	// once, in New.
	Paths []string
	// MaxBytes limits each file. Default: 256 MiB, four times what the largest of
	// GeoLite2 needs.
	MaxBytes int64
	// Poll is the time between two checks of the files without an event: network file
	// systems send no events, nor does the target of a symbolic link in another
	// directory. Default: 30s.
	Poll time.Duration
	// Logger gets a line for each change of a file or of its state.
	// Default: none.
	Logger *zap.Logger
}

// A DB knows the places of addresses. It is safe for use by many goroutines, but only
// one Run may be in progress.
type DB struct {
	cfg    Config
	files  []*follower                               // of Run
	listen func(dirs []string) (follow.Watch, error) // only for tests

	cur atomic.Pointer[[]*database] // for Locate, in the order of Paths; never changed once stored

	mu     sync.Mutex
	status lookup.Status
}

// New reads the files. It fails if one of them cannot be used, and the error
// names that file. The DB follows its files only while Run runs.
func New(cfg Config) (*DB, error) {
	if len(cfg.Paths) == 0 {
		return nil, errors.New("geo database: no path: want the path of a .mmdb file")
	}
	if cfg.MaxBytes < 0 || cfg.Poll < 0 {
		return nil, errors.New("geo database: MaxBytes or Poll is negative: want at least 0")
	}
	cfg = cfg.withDefaults()
	d := &DB{cfg: cfg}
	var all []*database
	var paths []string
	for _, p := range cfg.Paths {
		path, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("geo database %s: %w", p, err)
		}
		if slices.Contains(paths, path) {
			return nil, fmt.Errorf("geo database %s: named twice", p)
		}
		c, err := read(path, cfg.MaxBytes)
		if err != nil {
			return nil, explain(path, err)
		}
		db, err := open(c.raw)
		if err != nil {
			return nil, explain(path, err)
		}
		paths = append(paths, path)
		all = append(all, db)
		d.files = append(d.files, &follower{path: path, place: len(all) - 1, last: c.info})
	}
	d.cfg.Paths = paths
	d.cur.Store(&all)
	d.status.Synced = time.Now()
	return d, nil
}

func (cfg Config) withDefaults() Config {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.Poll == 0 {
		cfg.Poll = defaultPoll
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	return cfg
}

// Locate returns the country of ip, as two capital letters (ISO 3166-1), and the number
// of its autonomous system, or "" and 0 if they are unknown. IPv4 mapped into IPv6
// counts as IPv4.
//
// It takes no lock, and does not allocate after the first calls.
func (d *DB) Locate(ip netip.Addr) (country string, as uint32) {
	ip = lookup.Normalize(ip)
	if !ip.IsValid() {
		return "", 0
	}
	for _, db := range *d.cur.Load() {
		c, n := db.locate(ip)
		if country == "" {
			country = c
		}
		if as == 0 {
			as = n
		}
		if country != "" && as != 0 {
			break
		}
	}
	return country, as
}

// SystemName returns the name of the autonomous system of ip, or "" if it is unknown.
// It allocates, so use it for reports, not for each request.
func (d *DB) SystemName(ip netip.Addr) string {
	ip = lookup.Normalize(ip)
	if !ip.IsValid() {
		return ""
	}
	for _, db := range *d.cur.Load() {
		if name := db.systemName(ip); name != "" {
			return name
		}
	}
	return ""
}

// Status says whether the DB is in sync with its files, or why not. It is never stale,
// because places change slowly, and an old copy is better than none.
func (d *DB) Status() lookup.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}

// note records the result of a check of all files.
func (d *DB) note(err error, next time.Duration) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status.Next = now.Add(next)
	d.status.Err = err
	if err == nil {
		d.status.Synced = now
		d.status.Failures = 0
	} else {
		d.status.Failures++
		d.status.Failed++
	}
}

// put replaces one database. A lookup in progress continues with the old one.
func (d *DB) put(place int, db *database) {
	all := slices.Clone(*d.cur.Load())
	all[place] = db
	d.cur.Store(&all)
}
