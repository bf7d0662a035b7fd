package lists

import (
	"context"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const allowPrefix = "allow:"

// AllowConfig says which allow list to follow. Only List is needed.
type AllowConfig struct {
	// List is the path of a file, or a URL with http:// or https://.
	List string
	// Interval is the pause between two fetches of a URL, at least a minute.
	// Default: 1h.
	Interval time.Duration
	// Logger gets a line for each change of the list or of its state.
	// Default: none.
	Logger *zap.Logger
}

// An AllowList holds the addresses of clients that are never stopped, as a file or a
// server lists them. It is followed as blocklists are: a file is watched, a URL polled,
// and when that fails the last good copy stays. Two things differ. Private and other
// special ranges are welcome, and a list with one bad line is refused as a whole.
//
// It is safe for use by many goroutines, but for Load and Run, which are for one at
// a time.
type AllowList struct {
	*list

	table  lookup.Table
	url    *URL      // nil: it is a file
	file   *File     // nil: it is behind a URL
	reader *follower // of the file
}

// NewAllowList returns an AllowList at rest, which is empty.
func NewAllowList(cfg AllowConfig) (*AllowList, error) {
	isURL, err := IsURL(cfg.List)
	if err != nil {
		return nil, err
	}
	a := new(AllowList)
	if isURL {
		at, err := parseURL(cfg.List)
		if err != nil {
			return nil, err
		}
		a.url, err = NewURL(URLConfig{
			URL: cfg.List, Name: allowPrefix + defaultName(at)[len(namePrefix):], Interval: cfg.Interval,
			Private: true, Coverage: 1, Logger: cfg.Logger, allow: true,
		})
		if err != nil {
			return nil, err
		}
		a.list = a.url.list
		return a, nil
	}
	a.file, err = NewFile(FileConfig{
		Path: cfg.List, Name: allowPrefix + filepath.Base(cfg.List),
		Private: true, Coverage: 1, Logger: cfg.Logger, allow: true,
	})
	if err != nil {
		return nil, err
	}
	a.list, a.reader = a.file.list, newFollower(a.file, &a.table)
	return a, nil
}

// Contains reports whether ip, which is normalized, is on the list.
func (a *AllowList) Contains(ip netip.Addr) bool {
	_, ok := a.table.Lookup(ip)
	return ok
}

// Len returns how many addresses and ranges are in force.
func (a *AllowList) Len() int { return a.table.Count(a.name) }

// Load reads a file now, so that it holds from the first request on. It does nothing
// about a URL. Whether it went well, Status says.
func (a *AllowList) Load(ctx context.Context) {
	if a.file != nil {
		a.reader.look(ctx)
	}
}

// Run keeps the list in sync with the file or the server until ctx ends, and returns
// ctx's error.
func (a *AllowList) Run(ctx context.Context) error {
	if a.url != nil {
		return a.url.Run(ctx, &a.table)
	}
	return a.file.run(ctx, a.reader)
}
