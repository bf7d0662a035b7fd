package community

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// A health has the data for health checks and alarms.
type health struct {
	accepted, refused, braked atomic.Uint64

	mu       sync.Mutex
	follow   time.Time
	troubles map[string]time.Time // jobs that fail, and since when
	alarms   map[uint64]int       // of open cases: the last share of the time that an alarm was for
	open     int
	late     int
	overdue  int // by law
}

// openCases counts opened cases and returns the number of open ones: those of some minutes
// ago, plus those that this server opened since.
func (h *health) openCases(more int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open += more
	return h.open
}

func (h *health) followed(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.follow = now
}

// failed notes that a job fails, and reports whether it worked before.
func (h *health) failed(what string, now time.Time) (isNew bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.troubles == nil {
		h.troubles = map[string]time.Time{}
	}
	if _, known := h.troubles[what]; known {
		return false
	}
	h.troubles[what] = now
	return true
}

func (h *health) worked(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.troubles, what)
}

// A Health says whether a centre works. Its texts may be public: errors of a database name hosts,
// users and files, so only the log has them.
type Health struct {
	OK        bool
	Problems  []string  // why not
	Warnings  []string  // for a moderator
	Store     error     // why the store cannot write
	Retention time.Time // last complete run
	Followed  time.Time // last read of the store's changes
	Frozen    Freezing
	Open      int // cases
	Late      int // cases after their deadline
}

// lateRetention is the age of the last deletion at which the centre counts as failing.
const lateRetention = 26 * time.Hour

// Health says whether the centre works.
func (c *Centre) Health(ctx context.Context) (h Health) {
	h.Store = c.cfg.Store.Check(ctx)
	var last claim
	var founded time.Time
	if h.Store == nil {
		h.Store = c.view(ctx, "reading when old data was deleted", func(tx ReadTx) error {
			if err := getJSON(tx, settingFounded, &founded); err != nil {
				return err
			}
			return getJSON(tx, jobRetention, &last)
		})
	}
	h.Retention, h.Frozen = last.Done, c.Frozen()
	c.noteStore(ctx, h.Store)
	since := last.Done
	if since.IsZero() {
		since = founded
	}
	if now := c.now(); !since.IsZero() && now.Sub(since) > lateRetention {
		h.Problems = append(h.Problems, fmt.Sprintf("data that is too old was last deleted %s ago", now.Sub(since).Round(time.Hour)))
	}
	c.health.addTo(&h)
	if h.Frozen.On {
		h.Warnings = append(h.Warnings, "nothing is added to the list: "+h.Frozen.Reason)
	}
	h.OK = h.Store == nil && len(h.Problems) == 0
	return h
}

const checkingStore = "checking the store"

// noteStore notes the result of a check of the store, and logs the first failure.
func (c *Centre) noteStore(ctx context.Context, err error) {
	switch {
	case err == nil:
		c.health.worked(checkingStore)
	case ctx.Err() == nil && c.health.failed(checkingStore, c.now()):
		c.cfg.Log.Error(checkingStore, zap.Error(err))
	}
}

func (h *health) addTo(out *Health) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out.Followed, out.Open, out.Late = h.follow, h.open, h.late
	for _, what := range slices.Sorted(maps.Keys(h.troubles)) {
		out.Problems = append(out.Problems, fmt.Sprintf("%s fails since %s: see the log", what, h.troubles[what].Format(time.RFC3339)))
	}
	if h.late > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d cases are after their time", h.late))
	}
	if h.overdue > 0 {
		out.Problems = append(out.Problems, fmt.Sprintf("%d cases are open for longer than the law allows, a month", h.overdue))
	}
}
