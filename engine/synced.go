package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	// maxCarried is for how long a sync of an earlier process counts: what was decided
	// before is over, mostly.
	maxCarried = 7 * 24 * time.Hour
	// maxMoved is by how much a time in the snapshot may be off.
	maxMoved = 10 * time.Minute
)

// A Lasting source is one of which the snapshot keeps what matters, so that it need
// not be read anew to judge by it: the clients in packages lapi and lists are such.
// Any other has to be in sync once in each process.
type Lasting interface {
	Source
	// Identity says what the source reads, such as its URL and what it asks for. A
	// source of the same name that reads something else was never in sync.
	Identity() string
}

// A SourceSync says when a source was last in sync with a table.
type SourceSync struct {
	Name     string    `json:"name"`
	Identity string    `json:"identity"` // hash of what it reads; empty: any
	At       time.Time `json:"synced"`

	counts time.Time // from when its age is counted
}

// identity returns a short hash of what s reads, and whether it is lasting. It is a
// hash since a URL can hold a secret, and the snapshot is a file.
func identity(s Source) (string, bool) {
	l, ok := s.(Lasting)
	if !ok {
		return "", false
	}
	sum := sha256.Sum256([]byte(l.Name() + "\x00" + l.Identity()))
	return hex.EncodeToString(sum[:8]), true
}

// carry takes over what is known about the sources from before.
func (e *Engine) carry(before []SourceSync) {
	e.carried = map[string]SourceSync{}
	for _, s := range e.sources {
		id, ok := identity(s)
		if !ok {
			continue
		}
		i := slices.IndexFunc(before, func(b SourceSync) bool {
			return b.Name == s.Name() && (b.Identity == id || b.Identity == "")
		})
		if i < 0 || before[i].At.IsZero() {
			continue
		}
		was := before[i]
		was.Identity = id
		if was.counts.IsZero() {
			was.counts = was.At
		}
		e.carried[was.Name] = was
	}
}

// Syncs returns which sources were in sync with the table, by themselves or by what
// is known from before.
func (e *Engine) Syncs() []SourceSync {
	var all []SourceSync
	for _, s := range e.sources {
		id, ok := identity(s)
		if !ok {
			continue
		}
		one := SourceSync{Name: s.Name(), Identity: id, At: s.Status().Synced}
		if one.counts = one.At; one.At.IsZero() {
			one = e.carried[s.Name()]
		}
		if !one.At.IsZero() {
			all = append(all, one)
		}
	}
	return all
}

// Synced reports whether every source was in sync once: since the start, or, if it is
// [Lasting], by what the snapshot or the engine before says about this very source.
// It stays true when a source falls behind later. Live sources do not count.
func (e *Engine) Synced() bool {
	return !slices.ContainsFunc(e.sources, func(s Source) bool {
		return s.Status().Synced.IsZero() && e.carried[s.Name()].At.IsZero()
	})
}

// ready reports whether a source was in sync recently enough.
func (e *Engine) ready(name string, s lookup.Status, now time.Time) bool {
	if s.Synced.IsZero() {
		s.Synced = e.carried[name].counts
	}
	return s.Ready(now)
}

// isMoved reports whether what is known about syncs has changed so much that it is to
// be saved.
func isMoved(was, is []SourceSync) bool {
	return !slices.EqualFunc(was, is, func(a, b SourceSync) bool {
		return a.Name == b.Name && a.Identity == b.Identity && b.At.Sub(a.At).Abs() < maxMoved
	})
}
