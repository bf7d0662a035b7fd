package community

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

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

// A figuresCache keeps figures for a minute: they can take long to count, and anybody may ask.
type figuresCache struct {
	mu    sync.Mutex
	until time.Time
	last  Figures
	err   error
}

const (
	figuresLife = time.Minute
	failureLife = 5 * time.Second // of an error
	// countingTime is how long the store has to count. It does not depend on the one who asks,
	// who may disconnect while others wait.
	countingTime = 10 * time.Second
)

// Figures returns the figures of the community, at most a minute old. One call counts, and the
// others wait for it.
func (c *Centre) Figures() (Figures, error) {
	k := &c.figures
	k.mu.Lock()
	defer k.mu.Unlock()
	now := c.now()
	if now.Before(k.until) {
		return k.last, k.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), countingTime)
	defer cancel()
	k.last, k.err = c.count(ctx)
	k.until = now.Add(figuresLife)
	if k.err != nil {
		k.until = now.Add(failureLife)
	}
	return k.last, k.err
}

// count counts the figures.
func (c *Centre) count(ctx context.Context) (f Figures, err error) {
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

// countCases counts appeals, and how long decisions take.
func (f *Figures) countCases(cases []Case) {
	var times []time.Duration
	for _, k := range cases {
		if k.Kind != Appeal {
			continue
		}
		f.Appeals++
		if k.State == Upheld {
			f.Upheld++
		}
		if !k.Decided.IsZero() {
			times = append(times, k.Decided.Sub(k.Opened))
		}
	}
	if len(times) > 0 {
		slices.Sort(times)
		f.MedianDecision = times[len(times)/2]
	}
}
