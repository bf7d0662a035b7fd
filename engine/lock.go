package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errHeld says that another process or engine has locked the file.
var errHeld = errors.New("another process has locked it")

// lockSuffix is added to the name of a snapshot for its lock file: the snapshot itself
// is replaced at each write, so it cannot be locked.
const lockSuffix = ".lock"

// lockTries is how often to try again if the lock file is removed meanwhile.
const lockTries = 3

// A fileLock is a file that one process at a time can lock. The system releases it at
// the end of the process. It never blocks.
type fileLock struct{ file *os.File }

// lockFile creates and locks the file at path. The error is errHeld if it is locked. On
// systems without such locks it always succeeds.
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
		_ = f.Close() // its last owner has removed the file, so this lock has no effect
	}
	return nil, fmt.Errorf("%s: %w", path, errHeld)
}

// isAt reports whether f is the file at path.
func isAt(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path) //nolint:gosec // the operator's path
	return err == nil && os.SameFile(mine, there)
}

// sign writes the process id into the file, for operators only.
func (l *fileLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return errors.Join(err, l.release())
	}
	if _, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return errors.Join(err, l.release())
	}
	return nil
}

// holder returns the process id in the lock file at path, or 0 if it is unknown.
func holder(path string) int {
	text, err := os.ReadFile(path)
	if err != nil || len(text) > 32 {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}
