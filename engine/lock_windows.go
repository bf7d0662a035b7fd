package engine

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// sharingViolation is what Windows says of a file that somebody else has open.
const sharingViolation = syscall.Errno(32)

// openLocked opens the file at path so that others can read it and nobody else can
// open it to write until it is closed, which is what a lock is here.
func openLocked(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		err = errHeld
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return os.NewFile(uintptr(h), path), nil
}

// release gives up the lock and removes the file, in this order: an open file cannot
// be removed. One that somebody has opened meanwhile stays.
func (l *fileLock) release() error {
	err := l.file.Close()
	_ = os.Remove(l.file.Name())
	return err
}
