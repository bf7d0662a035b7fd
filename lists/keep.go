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
	// fewEntries is the size up to which a list is edited by hand and may
	// shrink at will.
	fewEntries = 16
	// renewals is in how many parts a Duration falls: after the first one, the
	// ends of the entries are moved. Each time costs a write of the whole list.
	renewals = 4
)

var (
	errTooLarge = errors.New("too large")
	errNoList   = errors.New("not a blocklist: no line of it is an entry")
)

// A keeper keeps a table in sync with a list. It is the memory of one Run.
type keeper struct {
	*list

	table   *lookup.Table
	seed    maphash.Seed
	inForce *uint64   // digest of what is; nil: nothing yet
	count   int       // decisions in the table once it was
	renewal time.Time // when their ends are to be moved; zero: they have none
}

func newKeeper(l *list, t *lookup.Table) keeper {
	return keeper{list: l, table: t, seed: maphash.MakeSeed()}
}

// A content is a list that was read to its end, and is not in force yet.
type content struct {
	digest uint64
	batch  *lookup.Batch
	stats  Stats
}

// read reads a list. The error means that it was not read to its end, or is no
// list.
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

// note records the outcome of a look at the list.
func (k *keeper) note(err error, next time.Duration) {
	k.list.note(err, next, k.table.Count(k.name))
}

// end returns when an entry ends that was on the list just now.
func (k *keeper) end() time.Time {
	if k.duration == 0 {
		return time.Time{}
	}
	return time.Now().Add(k.duration)
}

// shrank reports whether c is so much less than what the table holds that a
// full disk, a writer at work or a broken server is likelier than intent, and
// returns how many decisions that is.
func (k *keeper) shrank(c content) (int, bool) {
	had := k.table.Count(k.name)
	if k.duration > 0 && c.isLess(had) {
		k.table.Expire(time.Now()) // what has ended is no loss
		had = k.table.Count(k.name)
	}
	return had, c.isLess(had)
}

func (c content) isLess(had int) bool {
	return 2*c.stats.Entries < had && (had > fewEntries || c.stats.Entries == 0)
}

// apply puts c into force, unless it is.
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
		k.inForce = nil // what is held back can fit the next time that the list is read
	}
}

// intact reports whether the table still holds all that was put into it.
func (k *keeper) intact() bool {
	if k.duration > 0 {
		k.table.Expire(time.Now())
	}
	return k.table.Count(k.name) == k.count
}

// renew moves the ends of all that the table holds of the list, as if that had
// been read again.
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

// A stream reads a list, bounded in size and time, and sums it up.
type stream struct {
	ctx  context.Context
	from io.Reader
	size int64 // bytes read
	max  int64 // bytes that may be read
	hash maphash.Hash
}

// Read gives what the list gives, until ctx ends or there is too much of it.
func (s *stream) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.from.Read(b)
	if s.size += int64(n); s.size > s.max {
		return 0, fmt.Errorf("%w: at most %d bytes are read", errTooLarge, s.max)
	}
	_, _ = s.hash.Write(b[:n]) // never fails
	return n, err
}
