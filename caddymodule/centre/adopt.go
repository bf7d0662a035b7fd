package centre

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A source fills a table from a list.
type source interface {
	Name() string
	Run(ctx context.Context, t *lookup.Table) error
	Status() lookup.Status
}

// newSource returns the source of a file or a URL.
func newSource(name, place string, log *zap.Logger) (source, error) {
	isURL, err := lists.IsURL(place)
	switch {
	case err != nil:
		return nil, err
	case isURL:
		return lists.NewURL(lists.URLConfig{URL: place, Name: name, Private: true, Coverage: 1, Logger: log})
	}
	return lists.NewFile(lists.FileConfig{Path: place, Name: name, Private: true, Coverage: 1, Logger: log})
}

const (
	// readingTime is the time limit for reading the lists at the start.
	readingTime = 10 * time.Second
	// adoptEvery is the interval of checks for changed lists.
	adoptEvery = 10 * time.Second

	// A change of the lists is refused if it exempts more than a fiftieth of the community's
	// list, or more new addresses than this: it could protect attackers.
	maxFreed     = 50
	maxNewBits   = 22 // in bits of addresses, of units for IPv6
	alwaysExempt = 10 // entries of the list that a change may always exempt
)

// start starts to read the lists, and waits until each was read or failed. An unreadable file
// is an error; a URL is tried again later.
func (c *classes) start(ctx context.Context) error {
	ctx, c.cancel = context.WithCancel(ctx)
	if c.places != nil {
		c.finished.Go(func() { _ = c.places.Run(ctx) }) // it ends only with ctx
	}
	for _, one := range c.lists() {
		for _, s := range one.sources {
			c.finished.Go(func() { _ = s.Run(ctx, &one.pending) })
		}
	}
	if err := c.waitForLists(ctx); err != nil {
		c.stop()
		return err
	}
	for _, one := range c.lists() {
		one.adopt()
	}
	c.finished.Go(func() { c.follow(ctx) })
	return nil
}

func (c *classes) stop() {
	c.cancel()
	c.finished.Wait()
}

// waitForLists returns when each list was read or failed.
func (c *classes) waitForLists(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readingTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting, err := c.unread()
		if !waiting || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			c.logger.Warn("some lists of addresses are not read yet: their addresses can be listed until they are")
			return nil
		case <-tick.C:
		}
	}
}

// unread reports whether a list was not read yet. It returns an error for an unreadable file.
func (c *classes) unread() (waiting bool, err error) {
	for _, one := range c.lists() {
		for i, s := range one.sources {
			st := s.Status()
			isURL, _ := lists.IsURL(one.places[i])
			if st.Err != nil && st.Synced.IsZero() && !isURL {
				return false, fmt.Errorf("%s: %w", one.name, st.Err)
			}
			waiting = waiting || st.Synced.IsZero() && st.Err == nil
		}
	}
	return waiting, nil
}

// follow adopts changes of the lists.
func (c *classes) follow(ctx context.Context) {
	tick := time.NewTicker(adoptEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, one := range c.lists() {
				c.review(one)
			}
		}
	}
}

// review adopts the changes of a class, unless they exempt too much.
func (c *classes) review(one *class) {
	if one.pending.Version() == one.version {
		return
	}
	if err := one.exemptsTooMuch(c.list()); err != nil {
		if !one.refused {
			c.logger.Error("refused a change of a list of addresses that are never listed: if it is right, restart the server",
				zap.String("list", one.name), zap.Error(err))
		}
		one.refused = true
		return
	}
	one.adopt()
}

// adopt puts the content of the lists into effect. IPv6 prefixes are widened to a /64.
func (c *class) adopt() {
	c.version, c.refused = c.pending.Version(), false
	next := new(lookup.Table)
	var all []lookup.Decision
	for d := range c.pending.All() {
		if d.Prefix.IsValid() {
			all = append(all, lookup.Decision{Prefix: widened(d.Prefix), Action: lookup.Ban})
		}
	}
	next.Replace(c.name, all)
	c.adopted.Store(next)
}

// widened returns the unit around a longer prefix.
func widened(p netip.Prefix) netip.Prefix {
	if p.Addr().Is6() && p.Bits() > 64 {
		p = netip.PrefixFrom(p.Addr(), 64).Masked()
	}
	return p
}

// exemptsTooMuch returns why the new content of the lists is refused.
func (c *class) exemptsTooMuch(l *community.List) error {
	if !c.exempt {
		return nil
	}
	old, freed, added := c.adopted.Load(), 0, uint64(0)
	for d := range c.pending.All() {
		if _, known := old.Lookup(d.Prefix.Addr()); d.Prefix.IsValid() && !known {
			added += size(widened(d.Prefix))
		}
	}
	if bits.Len64(added) > maxNewBits {
		return errors.New("it adds more than 4,194,304 addresses")
	}
	if l == nil {
		return nil
	}
	for _, e := range l.Entries {
		_, was := old.Lookup(e.Unit.Addr())
		if _, is := c.pending.Lookup(e.Unit.Addr()); is && !was {
			freed++
		}
	}
	if freed > alwaysExempt && freed*maxFreed > len(l.Entries) {
		return fmt.Errorf("it exempts %d of the %d entries of the list", freed, len(l.Entries))
	}
	return nil
}

// size returns the number of units in a prefix, at most 1<<40.
func size(p netip.Prefix) uint64 {
	width := 32
	if p.Addr().Is6() {
		width = 64
	}
	return 1 << min(40, max(0, width-p.Bits()))
}
