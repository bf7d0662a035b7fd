package community

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A health has the data for health checks and alarms.
type health struct {
	accepted, refused, braked atomic.Uint64

	mu       sync.Mutex
	follow   time.Time
	troubles map[string]trouble
	alarms   map[uint64]int // of open cases: the last share of the time that an alarm was for
	open     int
	late     int
	overdue  int // by law
}

// A trouble is a job that fails, and since when.
type trouble struct {
	err   error
	since time.Time
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

func (h *health) failed(what string, err error, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.troubles == nil {
		h.troubles = map[string]trouble{}
	}
	since := now
	if t, known := h.troubles[what]; known {
		since = t.since
	}
	h.troubles[what] = trouble{err, since}
}

func (h *health) worked(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.troubles, what)
}

// A Health says whether a centre works.
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
	if h.Store != nil {
		h.Problems = append(h.Problems, "the store: "+h.Store.Error())
	}
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
	h.OK = len(h.Problems) == 0
	return h
}

func (h *health) addTo(out *Health) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out.Followed, out.Open, out.Late = h.follow, h.open, h.late
	for what, t := range h.troubles {
		out.Problems = append(out.Problems, fmt.Sprintf("%s, since %s: %s", what, t.since.Format(time.RFC3339), t.err))
	}
	if h.late > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d cases are after their time", h.late))
	}
	if h.overdue > 0 {
		out.Problems = append(out.Problems, fmt.Sprintf("%d cases are open for longer than the law allows, a month", h.overdue))
	}
}

// Figures are for pages and metrics.
type Figures struct {
	Totals
	Established       int   // clusters
	Ban, Captcha      int   // entries of the list
	Appeals, Upheld   int64 // of the last year
	MedianDecision    time.Duration
	Quarantined       int
	BrakeTrips        uint64 // units whose reporters were merged because they report the same units, since the start
	Accepted, Refused uint64 // signals since the start
}

// maxFigures is the limit of cases that are counted.
const maxFigures = 10_000

// Figures returns the figures of the community.
func (c *Centre) Figures(ctx context.Context) (f Figures, err error) {
	err = c.view(ctx, "counting", func(tx ReadTx) (err error) {
		if f.Totals, err = tx.Totals(); err != nil {
			return err
		}
		cases, err := tx.Cases(true, maxFigures)
		f.countCases(cases)
		return err
	})
	s := c.state.standing.Load()
	f.Established = s.established
	for _, standing := range s.of {
		if standing.State == consensus.Quarantined {
			f.Quarantined++
		}
	}
	for _, e := range c.List().Entries {
		if e.Action == consensus.Ban {
			f.Ban++
		} else {
			f.Captcha++
		}
	}
	f.BrakeTrips, f.Accepted, f.Refused = c.health.braked.Load(), c.health.accepted.Load(), c.health.refused.Load()
	return f, err
}
