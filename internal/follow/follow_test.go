package follow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const poll = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a Run in a synctest bubble. The test creates the events and counts the
// checks.
type rig struct {
	t      *testing.T
	cfg    Config
	events chan Event
	errors chan error
	arming []error         // the results of Arm in turn; the last one repeats
	looks  []time.Duration // when they were, since the start
	closed int
	logs   *observer.ObservedLogs
}

func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		r := &rig{t: t, events: make(chan Event), errors: make(chan error), logs: logs}
		start := time.Now()
		r.cfg = Config{
			Look: func(context.Context) time.Duration {
				r.looks = append(r.looks, time.Since(start))
				return poll
			},
			Poll:   poll,
			Logger: zap.New(core),
			Deaf:   "polled only",
			Lost:   "events lost",
			Listen: func([]string) (Watch, error) {
				return Watch{
					Events: r.events,
					Errors: r.errors,
					Arm:    r.arm,
					Close:  func() error { r.closed++; return nil },
				}, nil
			},
		}
		test(r)
	})
}

func (r *rig) arm() error {
	if len(r.arming) == 0 {
		return nil
	}
	err := r.arming[0]
	if len(r.arming) > 1 {
		r.arming = r.arming[1:]
	}
	return err
}

// run runs until the end of the test, or until stop is called.
func (r *rig) run() (stop func()) {
	r.t.Helper()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(r.t.Context())
	go func() { done <- Run(ctx, r.cfg) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run returned %v; want the context's error", err)
		}
	}
	r.t.Cleanup(stop)
	synctest.Wait()
	return stop
}

// event signals a change and lets d pass.
func (r *rig) event(d time.Duration) {
	r.events <- Event{}
	pass(d)
}

// pass lets d pass and waits for all that happens until then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (r *rig) looked(want ...time.Duration) {
	r.t.Helper()
	if !slices.Equal(r.looks, want) {
		r.t.Errorf("looks at %v; want them at %v", r.looks, want)
	}
}

func TestTheFirstLookIsAtOnceAndTheNextWhenItIsAskedFor(t *testing.T) {
	inBubble(t, func(r *rig) {
		waits := []time.Duration{time.Second, time.Minute, 0, time.Hour}
		look := r.cfg.Look
		r.cfg.Look = func(ctx context.Context) time.Duration {
			look(ctx)
			wait := waits[0]
			waits = waits[1:]
			return wait
		}
		r.run()
		pass(time.Hour)
		r.looked(0, time.Second, 61*time.Second, 61*time.Second)
	})
}

func TestAnEventBringsTheNextLookNearer(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		pass(time.Second)
		r.event(Quiet)
		pass(poll)
		r.looked(0, time.Second+Quiet, time.Second+Quiet+poll)
	})
}

func TestALostEventIsAnEvent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.errors <- errors.New("queue overflow")
		pass(Quiet)
		r.looked(0, Quiet)
		if n := r.logs.FilterMessage("events lost").FilterLevelExact(zap.DebugLevel).Len(); n != 1 || r.logs.Len() != 1 {
			t.Errorf("the log says %v; want one line of lost events", r.logs.All())
		}
	})
}

func TestEventsNeverPutALookOff(t *testing.T) {
	for _, row := range []struct {
		name  string
		after time.Duration // the last check
		want  time.Duration
	}{
		{"that is nearer than the one they lead to", poll - Quiet/2, poll},
		{"that they have led to", 0, Quiet},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.run()
				pass(row.after)
				for range 10 {
					r.event(Quiet / 20)
				}
				pass(Quiet / 2)
				r.looked(0, row.want)
			})
		})
	}
}

func TestAnEventStormCostsFourLooksASecond(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		for range 10_000 {
			r.event(time.Millisecond)
		}
		if n := len(r.looks) - 1; n < 30 || n > 10*4 {
			t.Errorf("%d looks in ten seconds; want about forty", n)
		}
	})
}

func TestTheWatchIsArmedBeforeEachLook(t *testing.T) {
	inBubble(t, func(r *rig) {
		var order []string
		look, listen := r.cfg.Look, r.cfg.Listen
		r.cfg.Dirs = []string{"one", "two"}
		r.cfg.Listen = func(dirs []string) (Watch, error) {
			order = append(order, fmt.Sprint("listen to ", dirs))
			w, err := listen(dirs)
			w.Arm = func() error { order = append(order, "arm"); return nil }
			return w, err
		}
		r.cfg.Look = func(ctx context.Context) time.Duration { order = append(order, "look"); return look(ctx) }
		stop := r.run()
		pass(poll)
		if want := []string{"listen to [one two]", "arm", "look", "arm", "look"}; !slices.Equal(order, want) {
			t.Errorf("%q; want %q", order, want)
		}
		if r.closed != 0 {
			t.Error("the watch was closed before the end")
		}
		stop()
		if r.closed != 1 {
			t.Errorf("the watch was closed %d times; want once", r.closed)
		}
	})
}

func TestWithoutEventsThePollRemains(t *testing.T) {
	for _, row := range []struct {
		name     string
		none     error // of Listen; nil: there is a watch
		arming   error
		warnings int
	}{
		{"there is no watch", syscall.EMFILE, nil, 1},
		{"the watch takes no directory", nil, syscall.ENOSPC, 1},
		{"a missing directory is no reason to warn", nil, &fs.PathError{Op: "watch", Path: "gone", Err: fs.ErrNotExist}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.arming = []error{row.arming}
				if row.none != nil {
					r.cfg.Listen = func([]string) (Watch, error) { return Watch{}, row.none }
				}
				r.run()
				pass(2 * poll)
				r.looked(0, poll, 2*poll)
				warnings := r.logs.FilterMessage("polled only").FilterLevelExact(zap.WarnLevel).FilterField(zap.Duration("poll", poll))
				if warnings.Len() != row.warnings || r.logs.Len() != row.warnings {
					t.Errorf("the log says %v; want %d warnings", r.logs.All(), row.warnings)
				}
			})
		})
	}
}

func TestWhoWasDeafAndIsAgainSaysSoAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.arming = []error{syscall.ENOSPC, syscall.ENOSPC, nil, syscall.ENOSPC}
		r.run()
		pass(5 * poll)
		if n := r.logs.FilterMessage("polled only").Len(); n != 2 {
			t.Errorf("%d warnings; want 2", n)
		}
	})
}

// The tests from here on use the real watch, and so real time, with limits.

// follow runs with the real watch until the end of the test. It signals each check.
func follow(t *testing.T, dirs []string, look func() time.Duration) <-chan struct{} {
	t.Helper()
	looks := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	cfg := Config{Dirs: dirs, Logger: zap.NewNop(), Look: func(ctx context.Context) time.Duration {
		wait := look()
		select {
		case looks <- struct{}{}:
		case <-ctx.Done():
		}
		return wait
	}}
	go func() { done <- Run(ctx, cfg) }()
	t.Cleanup(func() { cancel(); <-done })
	return looks
}

func await(t *testing.T, looks <-chan struct{}) {
	t.Helper()
	select {
	case <-looks:
	case <-time.After(30 * time.Second):
		t.Fatal("no look in half a minute")
	}
}

func TestRealEvents(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(t *testing.T, dir string)
	}{
		{"a file is written in place", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "list"), "more") }},
		{"a file is replaced", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "new"), "other")
			do(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "list")))
		}},
		{"a file is removed", func(t *testing.T, dir string) { do(t, os.Remove(filepath.Join(dir, "list"))) }},
	} {
		for place := range 2 {
			t.Run(fmt.Sprintf("%s in directory %d", row.name, place), func(t *testing.T) {
				dirs := []string{t.TempDir(), t.TempDir()}
				write(t, filepath.Join(dirs[place], "list"), "some")
				looks := follow(t, dirs, func() time.Duration { return time.Hour })
				await(t, looks)
				row.change(t, dirs[place])
				await(t, looks)
			})
		}
	}
}

func TestADirectoryThatComesLaterIsWatched(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	n := 0
	looks := follow(t, []string{dir}, func() time.Duration {
		if n++; n > 1 {
			return time.Hour
		}
		do(t, os.Mkdir(dir, 0o700))
		return 0
	})
	await(t, looks)
	await(t, looks)
	write(t, filepath.Join(dir, "list"), "some")
	await(t, looks)
}
