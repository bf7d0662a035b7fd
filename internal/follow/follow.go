// Package follow answers: has a file changed? It says when to check files, whether one
// has changed, and whether it is still being written. The caller reads and checks the
// contents.
//
// # When
//
// [Run] calls Look at once, then soon after each event in the directories of the files.
// It also calls it when the time is over that the last Look returned, and at each Wake.
// An event only says that something happened, not what. Events cause at most four
// checks a second.
//
// # What happens on failure
//
// Without events, or if some are lost, polling continues, and a change is seen later.
// The log gets one warning, not one for each check. A missing directory is watched
// after the first check that finds it.
package follow

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"go.uber.org/zap"
)

const (
	// Quiet is the time between an event and the check. It is also how long a changed
	// file must stay unchanged before it is read.
	Quiet = 250 * time.Millisecond
	// MaxMoving is how long a file may keep changing before it is read anyway.
	MaxMoving = 5 * time.Second
)

// Config says what to follow. Dirs, Look, Poll and Logger are required.
type Config struct {
	// Dirs are the directories of the files. They need not exist.
	Dirs []string
	// Look checks the files and returns the time until the next check without an event.
	// Calls never overlap.
	Look func(ctx context.Context) time.Duration
	// Poll is the usual value of that time. Only the warning uses it.
	Poll time.Duration
	// Wake causes a check at once. Default: none.
	Wake <-chan struct{}
	// Logger gets the lines Deaf and Lost.
	Logger *zap.Logger
	// Deaf is the warning that there are no events, such as "blocklist is polled only".
	Deaf string
	// Lost is the line, at debug level, that some events were lost.
	Lost string
	// Listen replaces the system's events in tests. Default: [Listen].
	Listen func(dirs []string) (Watch, error)
}

// Run checks the files until ctx ends, and returns ctx's error.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Listen == nil {
		cfg.Listen = Listen
	}
	w, err := cfg.Listen(cfg.Dirs)
	if err != nil {
		w = Watch{Arm: func() error { return err }}
	} else {
		defer func() { _ = w.Close() }() // the watch is not used any more
	}
	deaf := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-cfg.Wake:
			timer.Reset(0)
			due = time.Now()
			continue
		case <-w.Events:
		case err := <-w.Errors:
			cfg.Logger.Debug(cfg.Lost, zap.Error(err))
		case <-timer.C:
			deaf = cfg.arm(w, deaf)
			wait := cfg.Look(ctx)
			timer.Reset(wait)
			due = time.Now().Add(wait)
			continue
		}
		// Events can only make the next check earlier. So a busy directory causes at
		// most four checks a second and cannot delay one.
		if soon := time.Now().Add(Quiet); soon.Before(due) {
			timer.Reset(Quiet)
			due = soon
		}
	}
}

// arm makes w watch the directories, which may be new since the last check, and reports
// whether there will be no events.
func (cfg *Config) arm(w Watch, deaf bool) bool {
	err := w.Arm()
	// Look reports a missing directory itself. With other errors, usually the system's
	// limit on watches, polling still finds all changes.
	if err != nil && !deaf && !errors.Is(err, fs.ErrNotExist) {
		cfg.Logger.Warn(cfg.Deaf, zap.Duration("poll", cfg.Poll), zap.Error(err))
	}
	return err != nil
}
