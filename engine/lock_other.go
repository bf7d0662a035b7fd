//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package engine

import "os"

// openLocked opens the file at path. This system has no locks: two processes with one
// snapshot overwrite it in turn.
func openLocked(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's path
}

// release removes the file.
func (l *fileLock) release() error {
	err := l.file.Close()
	_ = os.Remove(l.file.Name())
	return err
}
