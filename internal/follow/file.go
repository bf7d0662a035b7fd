package follow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Same reports whether a and b are of one file that has not been touched in
// between, as far as its directory entry tells. Nil is the same as nothing.
func Same(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) &&
		a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime())
}

// Still tells whether a file keeps still, from one look at it to the next. The
// zero Still has not seen the file yet.
type Still struct {
	Seen   fs.FileInfo // the file at the last look
	moving time.Time   // since when it did not keep still; zero: it did
}

// Moves reports whether the file is being written: it does not look as it did
// at the last look. A nil info stands for a file that changed while it was
// read: whatever it looks like next, it moved. After MaxMoving the answer is no
// all the same.
func (s *Still) Moves(info fs.FileInfo) bool {
	if Same(info, s.Seen) {
		return false
	}
	s.Seen = info
	if s.moving.IsZero() {
		s.moving = time.Now()
	}
	return time.Since(s.moving) < MaxMoving
}

// Rest ends the move that the file was on: it was read, or need not be.
func (s *Still) Rest() { s.moving = time.Time{} }

// Explain says that err happened while what was read from path.
func Explain(what, path string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // it names the path too; once is enough
	}
	return fmt.Errorf("reading %s %s: %w", what, path, err)
}
