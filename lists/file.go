package lists

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tocsin-project/tocsin/internal/follow"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// FileConfig says which file to follow, and how. Only Path is needed.
type FileConfig struct {
	// Path of the file. A relative one is resolved once, in NewFile.
	Path string
	// Name is the source of the decisions in the table, so it must be unique among
	// the sources of an engine. Default: "list:" and the file's base name.
	Name string
	// Action against the addresses listed. Default: lookup.Ban.
	Action lookup.Action
	// Duration is how long an entry holds once the file can no longer be read,
	// less up to a quarter, because ends are renewed only then. At least a minute
	// and four times Poll. Default: no end.
	Duration time.Duration
	// Private allows private, loopback, link-local, multicast and reserved
	// ranges. Without it, lines that overlap one are skipped as bad.
	Private bool
	// Coverage is the share of all addresses that the list may cover, counted apart for
	// IPv4 and IPv6. The widest ranges beyond that are not enforced, nor those that add
	// more than a fifth of this share at once: see [lookup.Batch.Bound]. Default: 0.05;
	// 1 sets no limit.
	Coverage float64
	// MaxBytes and MaxLines limit the file. A larger file is refused as a whole.
	// Defaults: 64 MiB and 2,000,000 lines.
	MaxBytes int64
	MaxLines int
	// Poll is the time between two checks of the file without an event: network
	// file systems send no events, nor does the target of a symbolic link in
	// another directory. Default: 30s.
	Poll time.Duration
	// Settle is how long a file that has lost more than half of its entries must
	// stay unchanged before it is accepted. Lists of up to sixteen entries are
	// accepted at once, unless none is left. So an operator who empties a list
	// waits that long. Default: 1m.
	Settle time.Duration
	// Logger gets a line for each change of the file or of its state.
	// Default: none.
	Logger *zap.Logger

	allow bool // it is an allow list
}

var errURL = errors.New("want the path of a file, not a URL")

const (
	defaultPoll   = 30 * time.Second
	defaultSettle = time.Minute
)

// A File is a blocklist in a file. It implements engine.Source. It is safe for use by
// many goroutines, but only one Run may be in progress.
type File struct {
	*list

	path   string
	poll   time.Duration
	settle time.Duration
	listen func(dirs []string) (follow.Watch, error) // only for tests
}

// NewFile returns a File. It does not read the file, so a missing file is not an error
// here: see [File.Status].
func NewFile(cfg FileConfig) (*File, error) {
	if cfg.Path == "" {
		return nil, errors.New("blocklist: no path: want the path of a file")
	}
	if isURL, err := IsURL(cfg.Path); isURL || err != nil {
		return nil, fmt.Errorf("blocklist: %w", cmp.Or(err, errURL))
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("blocklist %s: %w", cfg.Path, err)
	}
	setDefault(&cfg.Name, namePrefix+filepath.Base(path))
	setDefault(&cfg.Poll, defaultPoll)
	setDefault(&cfg.Settle, defaultSettle)
	if cfg.Poll < 0 || cfg.Settle < 0 {
		return nil, fmt.Errorf("blocklist %s: Poll or Settle is negative: want at least 0", path)
	}
	if cfg.Duration > 0 && cfg.Duration/renewals < cfg.Poll {
		return nil, fmt.Errorf("blocklist %s: duration %v: want at least %v, %d times the poll",
			path, cfg.Duration, renewals*cfg.Poll, renewals)
	}
	l, err := newList(options{
		name: cfg.Name, action: cfg.Action, duration: cfg.Duration, private: cfg.Private, coverage: cfg.Coverage,
		maxBytes: cfg.MaxBytes, maxLines: cfg.MaxLines, logger: cfg.Logger, allow: cfg.allow,
	})
	if err != nil {
		return nil, fmt.Errorf("blocklist %s: %w", path, err)
	}
	return &File{list: l, path: path, poll: cfg.Poll, settle: cfg.Settle}, nil
}

// Identity returns the path.
func (f *File) Identity() string { return f.path }

// ByOperator reports that the operator of this machine writes the list, so that its
// entries also apply to the machine's own addresses.
func (f *File) ByOperator() bool { return true }
