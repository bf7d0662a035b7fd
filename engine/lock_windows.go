package engine

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// sharingViolation is the error for a file that another process has open.
const sharingViolation = syscall.Errno(32)

// openLocked opens the file at path. Until it is closed, others can read it but not
// open it for writing: that is the lock.
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

// release releases the lock and then removes the file, because an open file cannot be
// removed. If another process has opened it meanwhile, it stays.
func (l *fileLock) release() error {
	err := l.file.Close()
	_ = os.Remove(l.file.Name())
	return err
}
