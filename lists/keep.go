package lists

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	// fewEntries is the size up to which a list is probably edited by hand, and may
	// shrink at once.
	fewEntries = 16
	// The ends of the entries are moved after 1/renewals of Duration. Each time the
	// whole list is written to the table.
	renewals = 4
)

var (
	errTooLarge = errors.New("too large")
	errNoList   = errors.New("not a blocklist: no line is a valid entry")
)

// A keeper keeps a table in sync with a list. It is the state of one Run.
type keeper struct {
	*list

	table   *lookup.Table
	seed    maphash.Seed
	inForce *uint64   // digest of the list in force; nil: none yet
	count   int       // its number of decisions in the table
	renewal time.Time // when their ends are moved next; zero: they have no end
}

func newKeeper(l *list, t *lookup.Table) keeper {
	return keeper{list: l, table: t, seed: maphash.MakeSeed()}
}

// A content is a completely read list that is not in force yet.
type content struct {
	digest uint64
	batch  *lookup.Batch
	stats  Stats
}

// read reads a list. An error means that it is incomplete, or not a list.
func (k *keeper) read(ctx context.Context, from io.Reader) (content, error) {
	c := content{batch: k.table.Batch(k.name).Gently().Bound(k.coverage)}
	text, err := unpacked(from, k.maxBytes)
	if err != nil {
		return c, err
	}
	in := stream{ctx: ctx, from: text, max: k.maxBytes}
	in.hash.SetSeed(k.seed)
	d := k.entry
	d.Until = k.end()
	c.stats, err = k.parser.parse(&in, func(prefix netip.Prefix) {
		d.Prefix = prefix
		c.batch.Add(d)
	})
	if err == nil && c.stats.Entries == 0 && c.stats.Skipped > 0 {
		err = fmt.Errorf("%w; %v", errNoList, c.stats.Bad[0])
	}
	c.digest = in.hash.Sum64()
	return c, err
}

// note records the result of a check of the list.
func (k *keeper) note(err error, next time.Duration) {
	k.list.note(err, next, k.table.Count(k.name))
}

// end returns the end of an entry that is on the list now.
func (k *keeper) end() time.Time {
	if k.duration == 0 {
		return time.Time{}
	}
	return time.Now().Add(k.duration)
}

// shrank reports whether c is so much smaller than the list in the table that a full
// disk, an unfinished write or a broken server is the likely cause. It also returns the
// number of decisions in the table.
func (k *keeper) shrank(c content) (int, bool) {
	had := k.table.Count(k.name)
	if k.duration > 0 && c.isLess(had) {
		k.table.Expire(time.Now()) // expired entries must not count as missing
		had = k.table.Count(k.name)
	}
	return had, c.isLess(had)
}

func (c content) isLess(had int) bool {
	return 2*c.stats.Entries < had && (had > fewEntries || c.stats.Entries == 0)
}

// apply applies c, unless it is in force already.
func (k *keeper) apply(c content) {
	now := time.Now()
	isNew := k.inForce == nil || *k.inForce != c.digest || !k.intact()
	if !isNew && (k.renewal.IsZero() || now.Before(k.renewal)) {
		return
	}
	change := c.batch.Replace()
	c.stats.Held = change.Held
	k.inForce, k.count = &c.digest, k.table.Count(k.name)
	k.renewed(now)
	if isNew {
		k.loaded(c.stats, change)
	}
	if change.Held > 0 {
		k.inForce = nil // ranges that are held back now may fit at the next read
	}
}

// intact reports whether the table still has all decisions of the list.
func (k *keeper) intact() bool {
	if k.duration > 0 {
		k.table.Expire(time.Now())
	}
	return k.table.Count(k.name) == k.count
}

// renew moves the ends of all decisions of the list, as if it had been read again.
func (k *keeper) renew() {
	if k.duration == 0 {
		return
	}
	now, until := time.Now(), k.end()
	b := k.table.Batch(k.name).Gently()
	for d := range k.table.All() {
		if d.Source == k.name {
			d.Until = until
			b.Add(d)
		}
	}
	b.Update()
	k.renewed(now)
}

func (k *keeper) renewed(now time.Time) {
	if k.duration > 0 {
		k.renewal = now.Add(k.duration / renewals)
	}
}

// A stream reads a list with limits of size and time, and computes its digest.
type stream struct {
	ctx  context.Context
	from io.Reader
	size int64 // bytes read
	max  int64 // bytes that may be read
	hash maphash.Hash
}

// Read reads from the list, until ctx ends or the limit is reached.
func (s *stream) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.from.Read(b)
	if s.size += int64(n); s.size > s.max {
		return 0, fmt.Errorf("%w: want at most %d bytes", errTooLarge, s.max)
	}
	_, _ = s.hash.Write(b[:n]) // never fails
	return n, err
}
