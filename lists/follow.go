package lists

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	// quiet is the time between an event and the look it leads to, and then
	// how long a changed file has to keep still before it is read.
	quiet = 250 * time.Millisecond
	// maxMoving is when a file that never keeps still is read all the same.
	maxMoving = 5 * time.Second
	// tick is the coarsest step of a file system's clock: a file changed less
	// than that ago can change again and look the same.
	tick = 2 * time.Second
)

// Run reads the file at once and keeps t in step with it until ctx ends, and
// returns ctx's error. A change shows in t within about a second where the
// file system sends events, else at the next poll.
func (f *File) Run(ctx context.Context, t *lookup.Table) error {
	fo := newFollower(f, t)
	w, err := f.listen(filepath.Dir(f.path))
	if err != nil {
		w = watch{arm: func() error { return err }}
	} else {
		defer func() { _ = w.close() }() // nothing left to lose
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.events:
		case err := <-w.errors:
			f.log.Debug("blocklist's watch lost events", zap.Error(err))
		case <-timer.C:
			fo.arm(w)
			wait := fo.look(ctx)
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

// A follower is the memory of one Run.
type follower struct {
	keeper

	file   *File
	deaf   error       // why no events come, if so
	seen   fs.FileInfo // the file at the last look
	moving time.Time   // since when it did not keep still; zero: it did
	last   verdict
	held   *hold
}

func newFollower(f *File, t *lookup.Table) *follower {
	fo := &follower{keeper: newKeeper(f.list, t), file: f}
	// As if it had been looked at before: the first read is not to wait for
	// the file to keep still. A missing file makes no difference.
	fo.seen, _ = os.Stat(f.path)
	return fo
}

// arm has w watch the directory, which may be a new one since the last look.
func (fo *follower) arm(w watch) {
	err := w.arm()
	// A directory that is missing shows in the look. What else there is, the
	// system's limit on watches mostly, costs only time: polling sees it all.
	if err != nil && fo.deaf == nil && !errors.Is(err, fs.ErrNotExist) {
		fo.log.Warn("blocklist is polled only", zap.Duration("poll", fo.file.poll), zap.Error(err))
	}
	fo.deaf = err
}

// A verdict is the outcome of reading a file, and stands while the file looks
// the same.
type verdict struct {
	info  fs.FileInfo
	err   error
	until time.Time // when to read it again all the same; zero: never
}

// A hold is a file that shrank and is not believed yet.
type hold struct {
	digest uint64
	until  time.Time
}

// look brings the table into step with the file and returns the time until it
// wants to look again.
func (fo *follower) look(ctx context.Context) time.Duration {
	info, err := os.Stat(fo.file.path)
	if err != nil {
		fo.held = nil
		return fo.conclude(verdict{err: fo.explain(err)})
	}
	if same(info, fo.last.info) && (fo.last.until.IsZero() || time.Now().Before(fo.last.until)) {
		return fo.note()
	}
	if fo.moves(info) {
		return quiet
	}
	return fo.load(ctx)
}

// moves reports whether the file is being written: it does not look as it did
// at the last look.
func (fo *follower) moves(info fs.FileInfo) bool {
	if same(info, fo.seen) {
		return false
	}
	fo.seen = info
	if fo.moving.IsZero() {
		fo.moving = time.Now()
	}
	return time.Since(fo.moving) < maxMoving
}

// load reads the file and puts it into force if it is to be believed.
func (fo *follower) load(ctx context.Context) time.Duration {
	r, err := fo.read(ctx)
	if ctx.Err() != nil {
		return fo.file.poll
	}
	if r.after != nil && !same(r.before, r.after) && fo.moves(r.after) {
		return quiet
	}
	if err != nil {
		// The last good copy stays: rather too much protection than none.
		fo.held = nil
		again := time.Now().Add(fo.file.poll)
		return fo.conclude(verdict{info: r.before, err: fo.explain(err), until: again})
	}
	if err := fo.doubt(r.content); err != nil {
		return fo.conclude(verdict{info: r.before, err: fo.explain(err), until: fo.held.until})
	}
	fo.held = nil
	fo.apply(r.content)
	v := verdict{info: r.before, until: fo.renewal}
	if age := time.Since(r.before.ModTime()); 0 <= age && age < tick {
		v.until = time.Now().Add(tick)
	}
	return fo.conclude(v)
}

// doubt returns why c, which was read to its end, is not believed yet, if so.
// Somebody may be writing it; time tells.
func (fo *follower) doubt(c content) error {
	had, shrank := fo.shrank(c)
	if !shrank {
		return nil
	}
	if fo.held == nil || fo.held.digest != c.digest {
		fo.held = &hold{digest: c.digest, until: time.Now().Add(fo.file.settle)}
	}
	if !time.Now().Before(fo.held.until) {
		return nil
	}
	return fmt.Errorf("shrank from %d entries to %d; to be believed once unchanged for %v",
		had, c.stats.Entries, fo.file.settle)
}

// conclude makes v the verdict on the file.
func (fo *follower) conclude(v verdict) time.Duration {
	fo.last = v
	fo.moving = time.Time{}
	return fo.note()
}

// note records the verdict and returns the time to the next look.
func (fo *follower) note() time.Duration {
	wait := fo.file.poll
	if until := fo.last.until; !until.IsZero() {
		wait = min(wait, time.Until(until))
	}
	fo.list.note(fo.last.err, wait)
	return wait
}

// explain says what was being done to which file when err happened.
func (fo *follower) explain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // it names the path too; once is enough
	}
	return fmt.Errorf("reading blocklist %s: %w", fo.file.path, err)
}
