package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/internal/files"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// A snapshotFile keeps a table over a restart. It contains addresses, which are
// personal data, so only its owner may read it. Its writer holds a lock.
type snapshotFile struct {
	path string

	// written is when it was last written. It is not under mu, because Stats must not
	// wait for a disk.
	written atomic.Pointer[time.Time]

	mu         sync.Mutex
	lock       *fileLock    // nil: not held
	lockLogged bool         // it was logged that another process has the lock
	version    uint64       // of the table at the last write or read
	synced     []SourceSync // at the last write
}

// restore fills the table from the first readable snapshot, and returns the syncs of
// its sources. It ignores missing files. A damaged file stays until the next write, and
// the engine starts with an empty table.
func (e *Engine) restore(paths []string) []SourceSync {
	for i, path := range paths {
		if i > 0 && IsSnapshotHeld(path) {
			continue // a running engine uses it
		}
		synced, err := e.read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			e.logger.Error("the snapshot cannot be read: starting without it", zap.String("path", path), zap.Error(err))
		default:
			e.logger.Info("the decisions of the snapshot are in force until the sources answer",
				zap.String("path", path), zap.Int("decisions", e.table.Len()))
			return synced
		}
	}
	return nil
}

// read fills the table from the snapshot at path. Old syncs do not count.
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
		// A snapshot counts like a sync that happens now.
		if s.counts = e.born; e.born.Sub(s.At) < maxCarried {
			recent = append(recent, s)
		}
	}
	return recent, nil
}

// claim locks the snapshot, unless it is locked already. If another process has the
// lock, it logs that once. After a reload the previous engine of this process still has
// it for a moment.
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
	if pid := holder(at); !s.lockLogged && pid != os.Getpid() {
		s.lockLogged = true
		log.Warn("another process writes this snapshot, so this one does not: "+
			"give each process its own data folder, or its own file with the option snapshot", zap.String("path", s.path), zap.Int("pid", pid))
	}
	return err
}

// claim locks the snapshot at the start. Other errors are logged at the first write.
func (e *Engine) claim() {
	s := &e.snapshot
	if s.path == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.claim(e.logger)
}

// unclaim releases the lock.
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

// save writes the snapshot if something has changed and no other process writes it. Until ctx
// ends it makes way for requests; see gentleWriter.
func (e *Engine) save(ctx context.Context) error {
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
		err = writeFile(ctx, s.path, e.table, synced)
	}
	if err != nil {
		return fmt.Errorf("saving snapshot: %w", err)
	}
	now := time.Now()
	s.version, s.synced = version, synced
	s.written.Store(&now)
	return nil
}

// writeFile replaces the snapshot at path.
func writeFile(ctx context.Context, path string, table *lookup.Table, synced []SourceSync) error {
	return files.Replace(path, func(w io.Writer) error { return writeSnapshot(gentleWriter{w, ctx.Done()}, table, synced) })
}

// Writing the snapshot takes at most one part in saveShare of the time, but the next write comes
// after maxSave at the latest. A snapshot of a million decisions has 25 MB. A disk that writes it each minute
// writes 36 GB a day, and requests wait for the disk's share of the processor.
const (
	saveShare = 200
	maxSave   = 10 * time.Minute
)

// saveAfter returns the time from the start of a write that took this long to the next one.
func saveAfter(took time.Duration) time.Duration { return min(saveShare*took, maxSave) }

// A gentleWriter pauses for a millisecond after each write, until done. A table writes blocks
// with some thousand decisions, which takes about half a millisecond of CPU. A million
// decisions without a pause would make the requests on the same core wait for 0.4 s.
type gentleWriter struct {
	w    io.Writer
	done <-chan struct{}
}

func (g gentleWriter) Write(p []byte) (int, error) {
	n, err := g.w.Write(p)
	select {
	case <-g.done:
	case <-time.After(time.Millisecond):
	}
	return n, err
}

// IsSnapshotHeld reports whether a running engine, of this process or another, writes
// the snapshot at path.
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

// RemoveSnapshot removes the snapshot at path unless a running engine writes it, and
// reports whether it did.
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
