package lists

import (
	"fmt"

	"github.com/fsnotify/fsnotify"
)

// A watch tells that something happened in a directory. What it was does not
// matter: the file is looked at anyhow.
type watch struct {
	events <-chan fsnotify.Event
	errors <-chan error // lost events, mostly, so these are events too
	arm    func() error // watches the directory that has its path now; to be called again and again
	close  func() error // stops the watch and waits for its goroutine
}

// watchDir watches dir, not the file in it: a file that is replaced by rename,
// or by a symbolic link higher up as in Kubernetes, would be lost sight of.
func watchDir(dir string) (watch, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return watch{}, fmt.Errorf("watching %s: %w", dir, err)
	}
	return watch{
		events: w.Events,
		errors: w.Errors,
		arm:    func() error { return w.Add(dir) },
		close:  w.Close,
	}, nil
}
