package lists

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// maxRatio is the largest accepted gzip ratio: addresses have three or four, and
	// lists with comments a little more.
	maxRatio = 200
	// freeBytes is the decompressed size from which on the ratio counts.
	freeBytes = 1 << 20
)

var errBomb = errors.New("it decompresses to too many bytes")

// An inflater decompresses gzip, up to maxRatio.
type inflater struct {
	packed counter
	zip    *gzip.Reader
	size   int64 // decompressed bytes
}

// newInflater returns an inflater of from, of which it reads at most max bytes and a
// few headers.
func newInflater(from io.Reader, max int64) (*inflater, error) {
	z := &inflater{packed: counter{from: from, max: max + freeBytes}}
	var err error
	if z.zip, err = gzip.NewReader(&z.packed); err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
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

// unpacked returns a reader of the text in from, plain or gzip. It checks the content,
// not the file's name.
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

// A counter counts the received bytes and limits them, because an endless gzip stream
// can decompress to nothing.
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
