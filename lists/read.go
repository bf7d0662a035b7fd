package lists

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"syscall"

	"github.com/tocsin-project/tocsin/lookup"
)

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("too large")
)

// A content is what one read of the file gave.
type content struct {
	before, after fs.FileInfo // around the read
	digest        uint64
	batch         *lookup.Batch
	stats         Stats
}

// read reads the file into a batch. The error means that it was not read to
// its end.
func (fo *follower) read(ctx context.Context) (content, error) {
	cfg := &fo.file.cfg
	// Without O_NONBLOCK, opening a named pipe would wait for its writer.
	file, err := os.OpenFile(cfg.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return content{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	before, err := file.Stat()
	if err != nil {
		return content{}, err
	}
	c := content{before: before, batch: fo.table.Batch(cfg.Name)}
	if !before.Mode().IsRegular() {
		return c, errNotRegular
	}
	in := stream{ctx: ctx, from: file, max: cfg.MaxBytes}
	in.hash.SetSeed(fo.seed)
	d := lookup.Decision{
		Action: cfg.Action,
		Origin: originPrefix + fo.file.label,
		Reason: fo.file.label,
	}
	p := parser{private: cfg.Private, maxLines: cfg.MaxLines}
	c.stats, err = p.parse(&in, func(prefix netip.Prefix) {
		d.Prefix = prefix
		c.batch.Add(d)
	})
	if err != nil {
		return c, err
	}
	c.digest = in.hash.Sum64()
	c.after, err = file.Stat()
	return c, err
}

// A stream reads a file, bounded in size and time, and sums it up.
type stream struct {
	ctx  context.Context
	from io.Reader
	size int64 // bytes read
	max  int64 // bytes that may be read
	hash maphash.Hash
}

// Read gives what the file gives, until ctx ends or there is too much of it.
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

// same reports whether a and b are of one file that has not been touched in
// between, as far as its directory entry tells.
func same(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) &&
		a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime())
}
