package lists

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// FileConfig says which file to follow, and how. Only Path is needed.
type FileConfig struct {
	// Path of the file. A relative one is resolved once, in NewFile.
	Path string
	// Name files the decisions in the table, so it must be unique among the
	// sources of an engine. Default: "list:" and the file's base name.
	Name string
	// Action against the addresses listed. Default: lookup.Ban.
	Action lookup.Action
	// Private allows private, loopback, link-local, multicast and reserved
	// ranges. Without it, lines that overlap one are skipped as bad.
	Private bool
	// MaxBytes and MaxLines bound the file. One that exceeds them is refused
	// as a whole. Defaults: 64 MiB and 2,000,000 lines.
	MaxBytes int64
	MaxLines int
	// Poll is the time between two looks at the file when no event told of a
	// change: network file systems send none, nor does the target of a
	// symbolic link in another directory. Default: 30s.
	Poll time.Duration
	// Settle is how long a file has to lie unchanged before it is believed to
	// have lost more than half of its entries. Lists of up to sixteen
	// entries are believed at once, unless the file has no byte left in it.
	// So who empties a list on purpose waits that long, or leaves a comment
	// in a short one. Default: 1m.
	Settle time.Duration
	// Logger gets a line for each change of the file or of its state.
	// Default: none.
	Logger *zap.Logger
}

const (
	namePrefix      = "list:"
	originPrefix    = "lists:"
	defaultMaxBytes = 64 << 20
	defaultMaxLines = 2_000_000
	defaultPoll     = 30 * time.Second
	defaultSettle   = time.Minute
)

// A File is a blocklist in a file. It fits engine.Source and is safe for use
// by many goroutines, but for Run, which is for one at a time.
type File struct {
	cfg    FileConfig
	label  string // the list's name for people
	listen func(dir string) (watch, error)

	mu     sync.Mutex
	status lookup.Status
	stats  Stats
}

// NewFile returns a File at rest. It does not touch the file system, so a file
// that is missing is no error here: see [File.Status].
func NewFile(cfg FileConfig) (*File, error) {
	if cfg.Path == "" {
		return nil, errors.New("blocklist: no path")
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("blocklist %s: %w", cfg.Path, err)
	}
	cfg.Path = path
	if cfg.Action > lookup.Ban {
		return nil, fmt.Errorf("blocklist %s: unknown %v", path, cfg.Action)
	}
	if cfg.MaxBytes < 0 || cfg.MaxLines < 0 || cfg.Poll < 0 || cfg.Settle < 0 {
		return nil, fmt.Errorf("blocklist %s: MaxBytes, MaxLines, Poll and Settle must not be negative", path)
	}
	cfg = cfg.withDefaults()
	return &File{cfg: cfg, label: strings.TrimPrefix(cfg.Name, namePrefix), listen: watchDir}, nil
}

func (cfg FileConfig) withDefaults() FileConfig {
	setDefault(&cfg.Name, namePrefix+filepath.Base(cfg.Path))
	setDefault(&cfg.Action, lookup.Ban)
	setDefault(&cfg.MaxBytes, defaultMaxBytes)
	setDefault(&cfg.MaxLines, defaultMaxLines)
	setDefault(&cfg.Poll, defaultPoll)
	setDefault(&cfg.Settle, defaultSettle)
	setDefault(&cfg.Logger, zap.NewNop())
	return cfg
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Name returns what the decisions are filed under. Their Origin is "lists:"
// and their Reason nothing but the list's name, less "list:". They have no end.
func (f *File) Name() string { return f.cfg.Name }

// Status says how the table stands to the file. It never grows stale: a copy
// protects as well on the second day as on the first, so a list that went
// missing shows in Err and is no reason to take a server out of service.
func (f *File) Status() lookup.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// Stats says what is in force.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Bad = append([]BadLine(nil), s.Bad...)
	return s
}

// note records the outcome of a look at the file: in step with it if err is
// nil. The log gets a line when that changes, not at every look.
func (f *File) note(err error, next time.Duration) {
	now := time.Now()
	f.mu.Lock()
	was := f.status.Err
	f.status.Next = now.Add(next)
	f.status.Err = err
	if err == nil {
		f.status.Synced = now
		f.status.Failures = 0
	} else {
		f.status.Failures++
	}
	f.mu.Unlock()

	switch {
	case err == nil && was != nil:
		f.cfg.Logger.Info("blocklist is in step again", zap.String("source", f.cfg.Name))
	case err != nil && (was == nil || was.Error() != err.Error()):
		f.cfg.Logger.Error("blocklist is not followed; the last good copy stays in force",
			zap.String("source", f.cfg.Name), zap.Error(err))
	}
}

// loaded records that what s describes is in force now.
func (f *File) loaded(s Stats, c lookup.Change) {
	f.mu.Lock()
	f.stats = s
	f.mu.Unlock()

	f.cfg.Logger.Info("blocklist read", zap.String("source", f.cfg.Name), zap.Int("entries", s.Entries),
		zap.Int("added", c.Added), zap.Int("removed", c.Removed))
	if s.Skipped > 0 {
		f.cfg.Logger.Warn("blocklist has bad lines; they are skipped", zap.String("source", f.cfg.Name),
			zap.Int("skipped", s.Skipped), zap.Stringers("first", s.Bad))
	}
}
