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

	"github.com/tocsin-project/tocsin/internal/follow"
	"go.uber.org/zap"
)

// Run follows the files until ctx ends, and returns ctx's error. A change is applied
// within about a second if the file system sends events, otherwise after the next poll.
func (d *DB) Run(ctx context.Context) error {
	return follow.Run(ctx, follow.Config{
		Dirs:   d.dirs(),
		Look:   func(context.Context) time.Duration { return d.look() },
		Poll:   d.cfg.Poll,
		Logger: d.cfg.Logger,
		Deaf:   "geo databases are polled only",
		Lost:   "geo databases' watch lost events",
		Listen: d.listen,
	})
}

func (d *DB) dirs() []string {
	var dirs []string
	for _, f := range d.files {
		dirs = append(dirs, filepath.Dir(f.path))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// look updates the databases from their files and returns the time until the next
// check.
func (d *DB) look() time.Duration {
	wait := d.cfg.Poll
	var all []error
	for _, f := range d.files {
		if d.follow(f) {
			wait = min(wait, follow.Quiet)
		}
		all = append(all, f.err)
	}
	d.note(errors.Join(all...), wait)
	return wait
}

// A follower is the state of Run for a file.
type follower struct {
	path  string
	place int         // index among the databases
	last  fs.FileInfo // the file that is in use, or that was found unusable

	still follow.Still
	err   error     // of the last check; nil: it is in sync
	retry time.Time // when to read an unusable file again
}

// follow checks one file and reports whether it must be checked again soon.
func (d *DB) follow(f *follower) (soon bool) {
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		// When it exists again, it counts as changed even if it is the same.
		d.conclude(f, nil, err)
		return false
	case follow.Same(info, f.last) && (f.err == nil || time.Now().Before(f.retry)):
		f.still.Rest()
		if damage := d.damage(f); damage != nil && f.err == nil {
			d.conclude(f, info, damage)
		}
		return false
	case f.still.Moves(info):
		return true
	}
	return d.load(f, info)
}

// load reads the file and uses it if it is a database.
func (d *DB) load(f *follower, info fs.FileInfo) (soon bool) {
	c, err := read(f.path, d.cfg.MaxBytes)
	if errors.Is(err, errMoving) && f.still.Moves(nil) {
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

// damage returns the error of the database in use, if lookups have found one. The
// database stays in use until there is a better one, because most of it may be intact.
func (d *DB) damage(f *follower) error {
	if err := (*d.cur.Load())[f.place].damage.Load(); err != nil {
		return fmt.Errorf("damaged: %w", *err)
	}
	return nil
}

// conclude ends the check of a file with its info and error. The log gets a line when
// the error changes, not at every check.
func (d *DB) conclude(f *follower, info fs.FileInfo, err error) {
	was := f.err
	f.last, f.still, f.err = info, follow.Still{Seen: info}, nil
	if err != nil {
		f.err = explain(f.path, err)
		f.retry = time.Now().Add(d.cfg.Poll)
	}
	switch {
	case err == nil && was != nil:
		d.cfg.Logger.Info("the geo database is usable again", zap.String("path", f.path))
	case err != nil && (was == nil || was.Error() != f.err.Error()) && (*d.cur.Load())[f.place].raw == nil:
		d.cfg.Logger.Error("the geo database cannot be used, and there is no earlier copy: no address has a place",
			zap.String("path", f.path), zap.Error(f.err))
	case err != nil && (was == nil || was.Error() != f.err.Error()):
		d.cfg.Logger.Error("the geo database cannot be read: the last good copy stays in use",
			zap.String("path", f.path), zap.Error(f.err))
	}
}

// explain adds the file and the operation to err.
func explain(path string, err error) error {
	return follow.Explain("geo database", path, err)
}
