package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A snapshotFile is where a table is kept over a restart. It holds addresses,
// which are personal data, so only its owner may read it.
type snapshotFile struct {
	path string

	// written is when it was written last. It is not under mu, since Stats must
	// not wait for a disk.
	written atomic.Pointer[time.Time]

	mu      sync.Mutex
	version uint64 // of the table when it was written or read last
}

// restore reads the snapshot and reports whether the table holds it now. One
// that is missing is nothing to speak of; one that cannot be used is left where
// it is until the next is written, and the engine starts with an empty table.
func (e *Engine) restore() bool {
	path := e.snapshot.path
	if path == "" {
		return false
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err == nil {
		_, err = e.table.ReadFrom(f)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		e.logger.Error("starting without the snapshot", zap.String("path", path), zap.Error(err))
		return false
	}
	e.logger.Info("enforcing the snapshot until the sources answer",
		zap.String("path", path), zap.Int("decisions", e.table.Len()))
	return true
}

// save writes the snapshot if the table has changed since the last one.
func (e *Engine) save() error {
	s := &e.snapshot
	if s.path == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version := e.table.Version()
	if version == s.version {
		return nil
	}
	if err := writeFile(s.path, e.table); err != nil {
		return fmt.Errorf("saving snapshot: %w", err)
	}
	now := time.Now()
	s.version = version
	s.written.Store(&now)
	return nil
}

// writeFile puts the table into a file beside path and moves it there, so that
// path always is a whole snapshot, old or new.
func writeFile(path string, table *lookup.Table) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // readable by its owner alone
	if err != nil {
		return err
	}
	_, err = table.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
