package geo

import (
	"errors"
	"fmt"

	"github.com/fsnotify/fsnotify"
)

// A watch tells that something happened in one of some directories. What it
// was does not matter: the files are looked at anyhow.
type watch struct {
	events <-chan fsnotify.Event
	errors <-chan error // lost events, mostly, so these are events too
	arm    func() error // watches the directories that have their paths now; to be called again and again
	close  func() error // stops the watch and waits for its goroutine
}

// watchDirs watches dirs, not the files in them: a file that is replaced by
// rename, as updaters do it, would be lost sight of.
func watchDirs(dirs []string) (watch, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return watch{}, fmt.Errorf("watching %q: %w", dirs, err)
	}
	arm := func() error {
		var all []error
		for _, dir := range dirs {
			all = append(all, w.Add(dir))
		}
		return errors.Join(all...)
	}
	return watch{events: w.Events, errors: w.Errors, arm: arm, close: w.Close}, nil
}
