package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// The kinds of allow lists in the status.
const (
	kindAllowFile = "allow file"
	kindAllowURL  = "allow url"
)

// privateRanges is a word of the option allow.
const privateRanges = "private_ranges"

// allowLists keeps the allow lists of files and URLs across reloads.
var allowLists = caddy.NewUsagePool()

// An allowance has the clients of an option allow, which are never stopped.
type allowance struct {
	ranges []netip.Prefix
	lists  []*allowList
}

// contains reports whether ip, which is normalized, is one of the clients.
func (a allowance) contains(ip netip.Addr) bool {
	return slices.ContainsFunc(a.ranges, func(p netip.Prefix) bool { return p.Contains(ip) }) ||
		slices.ContainsFunc(a.lists, func(l *allowList) bool { return l.Contains(ip) })
}

// and returns the clients of both.
func (a allowance) and(b allowance) allowance {
	return allowance{slices.Concat(a.ranges, b.ranges), slices.Concat(a.lists, b.lists)}
}

// forMiddleware returns the lists for the middleware.
func (a allowance) forMiddleware() []middleware.AllowList {
	all := make([]middleware.AllowList, len(a.lists))
	for i, l := range a.lists {
		all[i] = l
	}
	return all
}

// An allowList is the list of a file or URL. It lives while a config uses it.
type allowList struct {
	*lists.AllowList
	from string // the file or the URL
	kind string
	logs logSwitch

	once sync.Once // starts it
	stop context.CancelFunc
	done chan struct{}
}

// newAllowList returns the list of a file, which it reads, or of a URL.
func newAllowList(from string, l *zap.Logger) (*allowList, error) {
	a := &allowList{from: from, kind: kindAllowFile, stop: func() {}, done: make(chan struct{})}
	defer a.logs.use(l)()
	if isURL, _ := lists.IsURL(from); isURL {
		a.kind = kindAllowURL
	}
	var err error
	a.AllowList, err = lists.NewAllowList(lists.AllowConfig{List: from, Logger: a.logs.logger()})
	if err != nil {
		return nil, err
	}
	a.Load(context.Background())
	return a, nil
}

// start begins to follow the list, and logs to l until release is called.
func (a *allowList) start(l *zap.Logger) (release func()) {
	release = a.logs.use(l)
	a.once.Do(func() {
		ctx, stop := context.WithCancel(context.Background())
		a.stop = stop
		go func() {
			defer close(a.done)
			_ = a.Run(ctx) // it ends when ctx does
		}()
	})
	return release
}

// Destruct implements [caddy.Destructor].
func (a *allowList) Destruct() error {
	a.once.Do(func() { close(a.done) }) // it was never started
	a.stop()
	<-a.done
	return nil
}

// answer returns the state of the list.
func (a *allowList) answer(now time.Time) admin.Source {
	s := engine.SourceStats{Name: a.Name(), Status: a.Status(), Decisions: a.Len()}
	s.Ready = !s.Synced.IsZero()
	return admin.NewSource(&s, a.kind, now)
}

// takeAllow reads an option allow: addresses, ranges, the word private_ranges, files
// and URLs. Cleanup gives the lists back.
func (a *App) takeAllow(list []string, repl *caddy.Replacer) (allowance, error) {
	var all allowance
	for _, s := range list {
		s, err := repl.ReplaceOrErr(s, true, true)
		if err != nil {
			return all, err
		}
		isList, err := isAllowList(s)
		switch {
		case err != nil:
			return all, err
		case !isList:
			ranges, err := parseRanges(s)
			if err != nil {
				return all, err
			}
			all.ranges = append(all.ranges, ranges...)
			continue
		}
		l, err := a.takeAllowList(s)
		if err != nil {
			return all, err
		}
		all.lists = append(all.lists, l)
	}
	return all, nil
}

// isAllowList reports whether s names a file or a URL. The path of a file must be
// absolute or begin with a dot, so that a mistyped range does not count as a file.
func isAllowList(s string) (bool, error) {
	isURL, err := lists.IsURL(s)
	return isURL || filepath.IsAbs(s) || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../"), err
}

func parseRanges(s string) ([]netip.Prefix, error) {
	values := []string{s}
	if s == privateRanges {
		values = caddyhttp.PrivateRangesCIDR()
	}
	var all []netip.Prefix
	for _, v := range values {
		p, err := lookup.ParsePrefix(v)
		if err != nil {
			return nil, fmt.Errorf("%w: want one, %s, a URL, or the path of a file, absolute or with ./ before it", err, privateRanges)
		}
		all = append(all, p)
	}
	return all, nil
}

func (a *App) takeAllowList(from string) (*allowList, error) {
	if isURL, _ := lists.IsURL(from); !isURL {
		var err error
		if from, err = filepath.Abs(from); err != nil {
			return nil, err
		}
	}
	if i := slices.IndexFunc(a.allowLists, func(l *allowList) bool { return l.from == from }); i >= 0 {
		return a.allowLists[i], nil
	}
	v, _, err := allowLists.LoadOrNew(from, func() (caddy.Destructor, error) { return newAllowList(from, a.logger) })
	if err != nil {
		return nil, err
	}
	l := v.(*allowList)
	a.allowLists = append(a.allowLists, l)
	return l, nil
}

// startAllowLists begins to follow all lists, until release is called.
func (a *App) startAllowLists() (release func()) {
	var all []func()
	for _, l := range a.allowLists {
		all = append(all, l.start(a.logger))
	}
	return func() {
		for _, release := range all {
			release()
		}
	}
}

// giveAllowListsBack gives back the lists of takeAllowList.
func (a *App) giveAllowListsBack() error {
	var all []error
	for _, l := range a.allowLists {
		_, err := allowLists.Delete(l.from)
		all = append(all, err)
	}
	return errors.Join(all...)
}

// Interface guards
var (
	_ caddy.Destructor     = (*allowList)(nil)
	_ middleware.AllowList = (*allowList)(nil)
)
