// Package follow answers: has a file changed? It says when to look at files,
// whether one looks as it did, and whether it keeps still. What is in the
// files, and whether that is to be believed, is up to who asks.
//
// # When
//
// [Run] has its caller look at once, then soon after every event in the
// directories of the files, and in any case when the time is up that the
// caller named at the last look, or when it asks for it. An event says only that it is worth looking,
// never what has happened. However many there are, they cost four looks a
// second at most.
//
// # What happens on failure
//
// Without events, or with some lost, polling remains, and a change is seen
// later. There is one warning in the log, not one for each look. A directory
// that is missing is watched from the first look on that finds it there.
package follow

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"go.uber.org/zap"
)

const (
	// Quiet is the time between an event and the look it leads to, and then
	// how long a changed file has to keep still before it is read.
	Quiet = 250 * time.Millisecond
	// MaxMoving is when a file that never keeps still is read all the same.
	MaxMoving = 5 * time.Second
)

// Config says what to follow. Dirs, Look, Poll and Logger are needed.
type Config struct {
	// Dirs are the directories that the files are in. They need not exist.
	Dirs []string
	// Look looks at the files and returns the time until it wants to look
	// again if there is no event. It is never called twice at once.
	Look func(ctx context.Context) time.Duration
	// Poll is that time as a rule. It is for the warning only.
	Poll time.Duration
	// Wake has it look at once, whatever the time and Quiet. Default: nobody does.
	Wake <-chan struct{}
	// Logger gets Deaf and Lost.
	Logger *zap.Logger
	// Deaf is the warning that no events come, such as "blocklist is polled
	// only".
	Deaf string
	// Lost is the line, at debug level, that some events did not come.
	Lost string
	// Listen takes the place of the system's events in tests. Default: [Listen].
	Listen func(dirs []string) (Watch, error)
}

// Run looks at once and then whenever it is time, until ctx ends, and returns
// ctx's error.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Listen == nil {
		cfg.Listen = Listen
	}
	w, err := cfg.Listen(cfg.Dirs)
	if err != nil {
		w = Watch{Arm: func() error { return err }}
	} else {
		defer func() { _ = w.Close() }() // nothing left to lose
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
		// Events bring the next look nearer and never put it off, so a busy
		// directory costs four looks a second at most and starves nobody.
		if soon := time.Now().Add(Quiet); soon.Before(due) {
			timer.Reset(Quiet)
			due = soon
		}
	}
}

// arm has w watch the directories, which may be new ones since the last look,
// and reports whether there will be no events.
func (cfg *Config) arm(w Watch, deaf bool) bool {
	err := w.Arm()
	// A directory that is missing shows in the look. What else there is, the
	// system's limit on watches mostly, costs only time: polling sees it all.
	if err != nil && !deaf && !errors.Is(err, fs.ErrNotExist) {
		cfg.Logger.Warn(cfg.Deaf, zap.Duration("poll", cfg.Poll), zap.Error(err))
	}
	return err != nil
}
