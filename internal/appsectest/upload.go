package appsectest

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// An Upload is a body of a length that costs no memory.
type Upload struct{ at, size int64 }

// NewUpload returns a body of so many bytes, always the same.
func NewUpload(size int64) *Upload { return &Upload{size: size} }

// Read implements [io.Reader].
func (u *Upload) Read(b []byte) (int, error) {
	if u.at == u.size {
		return 0, io.EOF
	}
	n := min(int64(len(b)), u.size-u.at)
	for i := range b[:n] {
		b[i] = byte((u.at + int64(i)) % 251)
	}
	u.at += n
	return int(n), nil
}

// Sum reads r to its end, and returns what tells it from all others: its length, its
// SHA-256, and the error that it ended with.
func Sum(r io.Reader) string {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%d bytes, %x, %v", n, h.Sum(nil), err)
}
