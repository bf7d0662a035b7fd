package lists

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// maxRatio is how many bytes may come out of one of gzip: addresses have
	// three or four, and a list of comments has reasons for a few more.
	maxRatio = 200
	// freeBytes is what may come out before the ratio counts.
	freeBytes = 1 << 20
)

var errBomb = errors.New("inflates beyond reason")

// An inflater undoes gzip, as long as what comes out is in proportion.
type inflater struct {
	packed counter
	zip    *gzip.Reader
	size   int64 // bytes that came out
}

// newInflater returns an inflater of from, of which it reads up to max bytes and a
// header or two.
func newInflater(from io.Reader, max int64) (*inflater, error) {
	z := &inflater{packed: counter{from: from, max: max + freeBytes}}
	var err error
	if z.zip, err = gzip.NewReader(&z.packed); err != nil {
		return nil, fmt.Errorf("inflating: %w", err)
	}
	return z, nil
}

func (z *inflater) Read(b []byte) (int, error) {
	n, err := z.zip.Read(b)
	if z.size += int64(n); z.size > freeBytes && z.size/maxRatio > z.packed.n {
		return 0, fmt.Errorf("%w: %d bytes out of %d", errBomb, z.size, z.packed.n)
	}
	return n, err
}

// unpacked returns a reader of the text in from, which is packed with gzip or is
// not: what a file is called says nothing.
func unpacked(from io.Reader, max int64) (io.Reader, error) {
	var magic [2]byte
	n, err := io.ReadFull(from, magic[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(magic[:n]), from)
	if magic != [2]byte{0x1f, 0x8b} {
		return whole, nil
	}
	return newInflater(whole, max)
}

// A counter counts what arrives, and ends what does not end by itself: gzip
// can go on for ever and inflate to nothing.
type counter struct {
	from   io.Reader
	n, max int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	if c.n += int64(n); c.n > c.max {
		return 0, fmt.Errorf("%w: more than %d bytes", errTooLarge, c.max)
	}
	return n, err
}
