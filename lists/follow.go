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

// tick is the coarsest step of a file system's clock: a file changed less than
// that ago can change again and look the same.
const tick = 2 * time.Second

// Run reads the file at once and keeps t in sync with it until ctx ends, and
// returns ctx's error. A change shows in t within about a second where the
// file system sends events, else at the next poll.
func (f *File) Run(ctx context.Context, t *lookup.Table) error {
	return f.run(ctx, newFollower(f, t))
}

// run has fo look at the file until ctx ends.
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

// A follower is the memory of one Run.
type follower struct {
	keeper

	file  *File
	still follow.Still
	last  verdict
	held  *hold
}

func newFollower(f *File, t *lookup.Table) *follower {
	fo := &follower{keeper: newKeeper(f.list, t), file: f}
	// As if it had been looked at before: the first read is not to wait for
	// the file to keep still. A missing file makes no difference.
	fo.still.Seen, _ = os.Stat(f.path)
	return fo
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

// load reads the file and puts it into force if it is to be believed.
func (fo *follower) load(ctx context.Context) time.Duration {
	r, err := fo.read(ctx)
	if ctx.Err() != nil {
		return fo.file.poll
	}
	if r.after != nil && !follow.Same(r.before, r.after) && fo.still.Moves(r.after) {
		return follow.Quiet
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
	fo.still.Rest()
	return fo.note()
}

// note records the verdict and returns the time to the next look.
func (fo *follower) note() time.Duration {
	wait := fo.file.poll
	if until := fo.last.until; !until.IsZero() {
		wait = min(wait, time.Until(until))
	}
	fo.keeper.note(fo.last.err, wait)
	return wait
}

// explain says what was being done to which file when err happened.
func (fo *follower) explain(err error) error {
	return follow.Explain(fo.what, fo.file.path, err)
}
