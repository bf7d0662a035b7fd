package lists

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

var errNotRegular = errors.New("not a regular file")

// A reading is the result of one read of the file.
type reading struct {
	content
	before, after fs.FileInfo // before and after the read
}

// read reads the file. An error means that it is incomplete, or not a list.
func (fo *follower) read(ctx context.Context) (reading, error) {
	// Without O_NONBLOCK, opening a named pipe would wait for its writer.
	file, err := os.OpenFile(fo.file.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = file.Close() }() // only reads, so the error has no meaning
	before, err := file.Stat()
	if err != nil {
		return reading{}, err
	}
	r := reading{before: before}
	if !before.Mode().IsRegular() {
		return r, errNotRegular
	}
	r.content, err = fo.keeper.read(ctx, file)
	after, gone := file.Stat()
	if gone != nil {
		return r, errors.Join(err, gone)
	}
	r.after = after
	return r, err
}
