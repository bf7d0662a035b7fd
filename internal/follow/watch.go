package follow

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// An Event says that something happened in a directory.
type Event = fsnotify.Event

// A Watch tells that something happened in one of some directories. What it
// was does not matter: the files are looked at anyhow.
type Watch struct {
	Events <-chan Event
	Errors <-chan error // lost events, mostly, so these are events too
	Arm    func() error // watches the directories that have their paths now; to be called again and again
	Close  func() error // stops the watch and waits for its goroutine
}

// Listen watches dirs, once armed, and not the files in them: a file that is
// replaced by rename, as updaters do it, or by a symbolic link higher up, as
// in Kubernetes, would be lost sight of.
func Listen(dirs []string) (Watch, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return Watch{}, fmt.Errorf("watching %s: %w", strings.Join(dirs, ", "), err)
	}
	arm := func() error {
		var all []error
		for _, dir := range dirs {
			all = append(all, w.Add(dir))
		}
		return errors.Join(all...)
	}
	return Watch{Events: w.Events, Errors: w.Errors, Arm: arm, Close: w.Close}, nil
}
