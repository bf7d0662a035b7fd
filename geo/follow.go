package geo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	// quiet is the time between an event and the look it leads to, and then
	// how long a changed file has to keep still before it is read.
	quiet = 250 * time.Millisecond
	// maxMoving is when a file that never keeps still is tried all the same.
	maxMoving = 5 * time.Second
)

// Run follows the files until ctx ends, and returns ctx's error. A change is in
// force within about a second where the file system sends events, else after
// the next poll.
func (d *DB) Run(ctx context.Context) error {
	w, err := d.listen(d.dirs())
	if err != nil {
		w = watch{arm: func() error { return err }}
	} else {
		defer func() { _ = w.close() }() // nothing left to lose
	}
	deaf := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.events:
		case err := <-w.errors:
			d.cfg.Logger.Debug("geo databases' watch lost events", zap.Error(err))
		case <-timer.C:
			deaf = d.arm(w, deaf)
			wait := d.look()
			timer.Reset(wait)
			due = time.Now().Add(wait)
			continue
		}
		// Events bring the next look nearer and never put it off, so a busy
		// directory costs four looks a second at most and starves nobody.
		if soon := time.Now().Add(quiet); soon.Before(due) {
			timer.Reset(quiet)
			due = soon
		}
	}
}

func (d *DB) dirs() []string {
	var dirs []string
	for _, f := range d.files {
		dirs = append(dirs, filepath.Dir(f.path))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// arm has w watch the directories, which may be new ones since the last look,
// and reports whether there will be no events.
func (d *DB) arm(w watch, deaf bool) bool {
	err := w.arm()
	// A directory that is missing shows in the look. What else there is, the
	// system's limit on watches mostly, costs only time: polling sees it all.
	if err != nil && !deaf && !errors.Is(err, fs.ErrNotExist) {
		d.cfg.Logger.Warn("geo databases are polled only", zap.Duration("poll", d.cfg.Poll), zap.Error(err))
	}
	return err != nil
}

// look brings the databases into step with their files and returns the time
// until it wants to look again.
func (d *DB) look() time.Duration {
	wait := d.cfg.Poll
	var all []error
	for _, f := range d.files {
		if d.follow(f) {
			wait = min(wait, quiet)
		}
		all = append(all, f.err)
	}
	d.note(errors.Join(all...), wait)
	return wait
}

// A follower is what Run remembers of a file.
type follower struct {
	path  string
	place int         // among the databases
	last  fs.FileInfo // the file that is in force, or was found to be of no use

	seen   fs.FileInfo // the file at the last look
	moving time.Time   // since when it did not keep still; zero: it did
	err    error       // why it is not followed; nil: it is
	retry  time.Time   // when to read a file of no use again
}

// follow looks at one file and reports whether it has to be looked at again
// soon.
func (d *DB) follow(f *follower) (soon bool) {
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		// It counts as changed when it comes back, even if it is the same.
		d.conclude(f, nil, err)
		return false
	case same(info, f.last) && (f.err == nil || time.Now().Before(f.retry)):
		f.moving = time.Time{}
		if damage := d.damage(f); damage != nil && f.err == nil {
			d.conclude(f, info, damage)
		}
		return false
	case f.moves(info):
		return true
	}
	return d.load(f, info)
}

// moves reports whether the file is being written: it does not look as it did
// at the last look.
func (f *follower) moves(info fs.FileInfo) bool {
	if same(info, f.seen) {
		return false
	}
	f.seen = info
	if f.moving.IsZero() {
		f.moving = time.Now()
	}
	return time.Since(f.moving) < maxMoving
}

// load reads the file and puts it into force if it is a database.
func (d *DB) load(f *follower, info fs.FileInfo) (soon bool) {
	c, err := read(f.path, d.cfg.MaxBytes)
	if errors.Is(err, errMoving) && (f.moving.IsZero() || time.Since(f.moving) < maxMoving) {
		f.seen = nil
		return true
	}
	if err != nil {
		d.conclude(f, info, err)
		return false
	}
	if !bytes.Equal(c.raw, (*d.cur.Load())[f.place].raw) {
		db, err := open(c.raw)
		if err != nil {
			d.conclude(f, c.info, err)
			return false
		}
		d.put(f.place, db)
		meta := &db.reader.Metadata
		d.cfg.Logger.Info("geo database read", zap.String("path", f.path),
			zap.String("type", meta.DatabaseType), zap.Time("built", meta.BuildTime()))
	}
	d.conclude(f, c.info, d.damage(f))
	return false
}

// damage returns what is wrong with the database in force, as far as lookups
// have met with it. It stays in force until there is a better one, for most of
// it may be sound.
func (d *DB) damage(f *follower) error {
	if err := (*d.cur.Load())[f.place].damage.Load(); err != nil {
		return fmt.Errorf("damaged: %w", *err)
	}
	return nil
}

// conclude ends the look at a file that looks like info, with what is wrong with
// it, if anything. The log gets a line when that changes, not at every look.
func (d *DB) conclude(f *follower, info fs.FileInfo, err error) {
	was := f.err
	f.last, f.seen, f.moving, f.err = info, info, time.Time{}, nil
	if err != nil {
		f.err = explain(f.path, err)
		f.retry = time.Now().Add(d.cfg.Poll)
	}
	switch {
	case err == nil && was != nil:
		d.cfg.Logger.Info("geo database is in step again", zap.String("path", f.path))
	case err != nil && (was == nil || was.Error() != f.err.Error()):
		d.cfg.Logger.Error("geo database is out of step; the last good copy stays in force",
			zap.String("path", f.path), zap.Error(f.err))
	}
}

// explain says what was being done to which file when err happened.
func explain(path string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // it names the path too; once is enough
	}
	return fmt.Errorf("reading geo database %s: %w", path, err)
}
