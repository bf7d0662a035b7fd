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
// which are personal data, so only its owner may read it. Who writes it has a lock.
type snapshotFile struct {
	path string

	// written is when it was written last. It is not under mu, since Stats must
	// not wait for a disk.
	written atomic.Pointer[time.Time]

	mu      sync.Mutex
	lock    *fileLock    // nil: not held
	told    bool         // that another process has it
	version uint64       // of the table when it was written or read last
	synced  []SourceSync // as it was written last
}

// restore fills the table from the first of the snapshots that can be read, and
// returns what that says about sources. One that is missing is nothing to speak of;
// one that cannot be used is left where it is until the next is written, and the
// engine starts with an empty table.
func (e *Engine) restore(paths []string) []SourceSync {
	for i, path := range paths {
		if i > 0 && IsSnapshotHeld(path) {
			continue // it belongs to an engine that runs
		}
		synced, err := e.read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			e.logger.Error("starting without the snapshot", zap.String("path", path), zap.Error(err))
		default:
			e.logger.Info("enforcing the snapshot until the sources answer",
				zap.String("path", path), zap.Int("decisions", e.table.Len()))
			return synced
		}
	}
	return nil
}

// read fills the table from the snapshot at path. A sync of long ago does not count.
func (e *Engine) read(path string) ([]SourceSync, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	synced, err := readSnapshot(f, e.table)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	var recent []SourceSync
	for _, s := range synced {
		// A snapshot stands in for as long as a sync would: from now on.
		if s.counts = e.born; e.born.Sub(s.At) < maxCarried {
			recent = append(recent, s)
		}
	}
	return recent, nil
}

// claim locks the snapshot, if it is not, and says so once if somebody else has it.
// An engine of this process has it for a moment after another took over from it.
func (s *snapshotFile) claim(log *zap.Logger) error {
	if s.lock != nil {
		return nil
	}
	at := s.path + lockSuffix
	lock, err := lockFile(at)
	if !errors.Is(err, errHeld) {
		s.lock = lock
		return err
	}
	if pid := holder(at); !s.told && pid != os.Getpid() {
		s.told = true
		log.Warn("another process keeps its decisions in this snapshot, so this one does not write it: "+
			"give each a data folder or a snapshot of its own", zap.String("path", s.path), zap.Int("pid", pid))
	}
	return err
}

// claim has the snapshot locked from the start. That it cannot be written is said
// when it is to be.
func (e *Engine) claim() {
	s := &e.snapshot
	if s.path == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.claim(e.logger)
}

// unclaim gives up the lock.
func (e *Engine) unclaim() error {
	s := &e.snapshot
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	defer func() { s.lock = nil }()
	return s.lock.release()
}

// save writes the snapshot if there is something new to it and nobody else writes it.
func (e *Engine) save() error {
	s := &e.snapshot
	if s.path == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version, synced := e.table.Version(), e.Syncs()
	if version == s.version && !isMoved(s.synced, synced) {
		return nil
	}
	err := s.claim(e.logger)
	if errors.Is(err, errHeld) {
		return nil
	}
	if err == nil {
		err = writeFile(s.path, e.table, synced)
	}
	if err != nil {
		return fmt.Errorf("saving snapshot: %w", err)
	}
	now := time.Now()
	s.version, s.synced = version, synced
	s.written.Store(&now)
	return nil
}

// writeFile puts the table into a file beside path and moves it there, so that
// path always is a whole snapshot, old or new.
func writeFile(path string, table *lookup.Table, synced []SourceSync) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // readable by its owner alone
	if err != nil {
		return err
	}
	err = writeSnapshot(f, table, synced)
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

// IsSnapshotHeld reports whether an engine that runs, of this process or of another,
// writes the snapshot at path.
func IsSnapshotHeld(path string) bool {
	if _, err := os.Stat(path + lockSuffix); err != nil {
		return false
	}
	lock, err := lockFile(path + lockSuffix)
	if err != nil {
		return errors.Is(err, errHeld)
	}
	_ = lock.release()
	return false
}

// RemoveSnapshot removes the snapshot at path unless an engine that runs writes it,
// and reports whether it did.
func RemoveSnapshot(path string) (bool, error) {
	lock, err := lockFile(path + lockSuffix)
	if errors.Is(err, errHeld) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("removing snapshot: %w", err)
	}
	if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err == nil, errors.Join(err, lock.release())
}
