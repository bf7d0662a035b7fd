package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errHeld is that of a file that somebody else has locked.
var errHeld = errors.New("another process holds it")

// lockSuffix follows the name of a snapshot in that of the file which is locked: the
// snapshot itself is replaced each time.
const lockSuffix = ".lock"

// lockTries is how often a lock is sought of which the file is taken away meanwhile.
const lockTries = 3

// A fileLock is a file that one process at a time can have. It falls free with
// the process, however that ends, and never blocks.
type fileLock struct{ file *os.File }

// lockFile locks the file at path, which it creates. The error is errHeld if
// somebody has it. Where the system has no such locks, everybody gets it.
func lockFile(path string) (*fileLock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { //nolint:gosec // the operator's path
		return nil, err
	}
	for range lockTries {
		f, err := openLocked(path)
		if err != nil {
			return nil, err
		}
		if isAt(f, path) {
			l := &fileLock{f}
			return l, l.sign()
		}
		_ = f.Close() // whoever had it has removed the file: the lock is on nothing
	}
	return nil, fmt.Errorf("%s: %w", path, errHeld)
}

// isAt reports whether f is what stands at path.
func isAt(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path) //nolint:gosec // the operator's path
	return err == nil && os.SameFile(mine, there)
}

// sign writes the owner into the file. That helps operators, and nothing else
// depends on it.
func (l *fileLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return errors.Join(err, l.release())
	}
	if _, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return errors.Join(err, l.release())
	}
	return nil
}

// holder returns the process that has the lock at path, 0 if that is not known.
func holder(path string) int {
	text, err := os.ReadFile(path)
	if err != nil || len(text) > 32 {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}
