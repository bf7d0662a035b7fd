package follow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Same reports whether a and b show the same, unchanged file, as far as the directory
// entry says. It is false if one of them is nil.
func Same(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) &&
		a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime())
}

// Still detects whether a file changes between two checks. The zero Still has not seen
// the file yet.
type Still struct {
	Seen   fs.FileInfo // the file at the last check
	moving time.Time   // since when it has been changing; zero: it is not
}

// Moves reports whether the file is still being written: it differs from the last
// check. A nil info means that it changed while it was read, so the next check also
// counts as a change. After MaxMoving it returns false anyway.
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

// Rest ends a change of the file: it was read, or need not be.
func (s *Still) Rest() { s.moving = time.Time{} }

// Explain returns err with the text that what was being read from path.
func Explain(what, path string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // its path is the same, and once is enough
	}
	return fmt.Errorf("reading %s %s: %w", what, path, err)
}
