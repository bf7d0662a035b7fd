package follow

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// An Event says that something happened in a directory.
type Event = fsnotify.Event

// A Watch signals that something happened in one of its directories. The kind of event
// does not matter, because the files are checked anyway.
type Watch struct {
	Events <-chan Event
	Errors <-chan error // usually lost events, so they count as events too
	Arm    func() error // watches the directories that exist now; called before each wait
	Close  func() error // stops the watch and waits for its goroutine
}

// Listen returns a watch of dirs, which begins with Arm. It watches directories, not
// files, because a watch of a file ends when the file is replaced by a rename, or by a
// symbolic link as in Kubernetes.
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
