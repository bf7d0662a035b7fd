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

// AllowConfig says which allow list to follow. Only List is required.
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

// An AllowList holds the addresses of clients that are never stopped, from a file or a
// URL. It is followed like a blocklist: a file is watched, a URL is polled, and after a
// failure the last good copy stays. There are two differences: private and other
// special ranges are accepted, and one bad line makes the whole list invalid.
//
// It is safe for use by many goroutines, but Load and Run must not run at the same
// time.
type AllowList struct {
	*list

	table  lookup.Table
	url    *URL      // nil: the list is a file
	file   *File     // nil: the list is at a URL
	reader *follower // of the file
}

// NewAllowList returns an empty AllowList. It reads nothing yet.
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

// Len returns the number of addresses and ranges in force.
func (a *AllowList) Len() int { return a.table.Count(a.name) }

// Load reads a file now, so that it applies from the first request on. For a URL it
// does nothing. Status has the result.
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
