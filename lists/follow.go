package lists

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tocsin-project/tocsin/internal/follow"
	"github.com/tocsin-project/tocsin/lookup"
)

// tick is the coarsest resolution of file times: a file that changed less than that ago
// can change again without a new time.
const tick = 2 * time.Second

// Run reads the file at once and keeps t in sync with it until ctx ends, and returns
// ctx's error. A change is applied within about a second if the file system sends
// events, otherwise at the next poll.
func (f *File) Run(ctx context.Context, t *lookup.Table) error {
	return f.run(ctx, newFollower(f, t))
}

// run checks the file with fo until ctx ends.
func (f *File) run(ctx context.Context, fo *follower) error {
	return follow.Run(ctx, follow.Config{
		Dirs:   []string{filepath.Dir(f.path)},
		Look:   fo.look,
		Poll:   f.poll,
		Wake:   f.wake,
		Logger: f.log,
		Deaf:   f.what + " is polled only",
		Lost:   f.what + ": its watch lost events",
		Listen: f.listen,
	})
}

// A follower is the state of one Run.
type follower struct {
	keeper

	file  *File
	still follow.Still
	last  verdict
	held  *hold
}

func newFollower(f *File, t *lookup.Table) *follower {
	fo := &follower{keeper: newKeeper(f.list, t), file: f}
	// As after an earlier check, so that the first read does not wait until the file is
	// unchanged for a while. A missing file makes no difference.
	fo.still.Seen, _ = os.Stat(f.path)
	return fo
}

// A verdict is the result of reading a file. It is valid while the file does not
// change.
type verdict struct {
	info  fs.FileInfo
	err   error
	until time.Time // when to read it again anyway; zero: never
}

// A hold is a much smaller file that is not accepted yet.
type hold struct {
	digest uint64
	until  time.Time
}

// look updates the table from the file and returns the time until the next check.
func (fo *follower) look(ctx context.Context) time.Duration {
	if fo.file.asked.Swap(false) {
		fo.last = verdict{}
	}
	info, err := os.Stat(fo.file.path)
	if err != nil {
		fo.held = nil
		return fo.conclude(verdict{err: fo.explain(err)})
	}
	if follow.Same(info, fo.last.info) && (fo.last.until.IsZero() || time.Now().Before(fo.last.until)) {
		return fo.note()
	}
	if fo.still.Moves(info) {
		return follow.Quiet
	}
	return fo.load(ctx)
}

// load reads the file and applies it if it is plausible.
func (fo *follower) load(ctx context.Context) time.Duration {
	r, err := fo.read(ctx)
	if ctx.Err() != nil {
		return fo.file.poll
	}
	if r.after != nil && !follow.Same(r.before, r.after) && fo.still.Moves(r.after) {
		return follow.Quiet
	}
	if err != nil {
		// The last good copy stays: too much protection is better than none.
		fo.held = nil
		again := time.Now().Add(fo.file.poll)
		return fo.conclude(verdict{info: r.before, err: fo.explain(err), until: again})
	}
	if err := fo.implausible(r.content); err != nil {
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

// implausible returns an error if c, which was read completely, is not accepted yet, because
// another program may still be writing it.
func (fo *follower) implausible(c content) error {
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
	return fmt.Errorf("shrank from %d entries to %d: accepted after %v without a change",
		had, c.stats.Entries, fo.file.settle)
}

// conclude stores v as the verdict on the file.
func (fo *follower) conclude(v verdict) time.Duration {
	fo.last = v
	fo.still.Rest()
	return fo.note()
}

// note records the verdict and returns the time until the next check.
func (fo *follower) note() time.Duration {
	wait := fo.file.poll
	if until := fo.last.until; !until.IsZero() {
		wait = min(wait, time.Until(until))
	}
	fo.keeper.note(fo.last.err, wait)
	return wait
}

// explain adds the file and the operation to err.
func (fo *follower) explain(err error) error {
	return follow.Explain(fo.what, fo.file.path, err)
}
