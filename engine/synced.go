package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	// maxCarried is how long a sync of an earlier process counts. Most older decisions
	// have ended.
	maxCarried = 7 * 24 * time.Hour
	// maxMoved is how old a time in the snapshot may be before it is written again.
	maxMoved = 10 * time.Minute
)

// A Lasting source has all its data in the snapshot, so that its decisions are complete
// without a new sync: the clients in packages lapi and lists are such. All other
// sources must sync once in each process.
type Lasting interface {
	Source
	// Identity identifies the data that the source reads, such as its URL and filters.
	// A source with the same name and other data was never in sync.
	Identity() string
}

// A SourceSync says when a source was last in sync with a table.
type SourceSync struct {
	Name     string    `json:"name"`
	Identity string    `json:"identity"` // hash of [Lasting].Identity; empty: any
	At       time.Time `json:"synced"`

	counts time.Time // the start of its age
}

// identity returns a short hash of the identity of s, and whether s is lasting. It is a
// hash, because a URL may contain a secret, and the snapshot is a file.
func identity(s Source) (string, bool) {
	l, ok := s.(Lasting)
	if !ok {
		return "", false
	}
	sum := sha256.Sum256([]byte(l.Name() + "\x00" + l.Identity()))
	return hex.EncodeToString(sum[:8]), true
}

// carry takes over the earlier syncs of the sources.
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

// Syncs returns the sources that were in sync with the table, in this engine or before
// it.
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
// [Lasting], before it according to the snapshot or the previous engine. It stays true
// when a source is late afterwards. Live sources do not count.
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

// isMoved reports whether the syncs have changed enough to save them.
func isMoved(was, is []SourceSync) bool {
	return !slices.EqualFunc(was, is, func(a, b SourceSync) bool {
		return a.Name == b.Name && a.Identity == b.Identity && b.At.Sub(a.At).Abs() < maxMoved
	})
}
