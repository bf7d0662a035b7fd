package challenge

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// How a provider's failures are dealt with.
const (
	outage         = 30 * time.Second // for which the embedded challenge stands in
	tellInterval   = time.Minute
	askTimeout     = 10 * time.Second // for providers that do not bound their wait
	maxVerifying   = 128              // verifications at once,
	maxVerifyingOf = 4                // and of one network
)

// A hostedProvider asks a provider, never too many questions at once, and leaves
// it alone for a while when it fails.
type hostedProvider struct {
	Provider
	failed func(error) // may be nil

	mu     sync.Mutex
	back   time.Time // when it is asked again
	told   time.Time // when failed was
	asking map[network]int
	total  int
}

// up reports whether challenges are to be the provider's.
func (h *hostedProvider) up(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !now.Before(h.back)
}

// widget returns what the page shows, with the puzzle that it has to solve or nil.
func (h *hostedProvider) widget(puzzle []byte) *Widget {
	w := h.Widget()
	if puzzle != nil {
		w.Data = maps.Clone(w.Data) // which is the provider's
		if w.Data == nil {
			w.Data = map[string]string{}
		}
		w.Data["challenge"] = string(puzzle)
	}
	return &w
}

// ask has the provider judge a claim. Whatever it answers but a plain yes is a no;
// a failure turns the challenges that follow into embedded ones.
func (h *hostedProvider) ask(ctx context.Context, c Claim) error {
	if len(c.Response) > maxResponse || c.Response == "" {
		return errWrong
	}
	from := networkOf(c.Addr)
	if !h.enter(from) {
		return errBusy
	}
	defer h.leave(from)
	// A client that hangs up is no failure of the provider's.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	err := h.Verify(ctx, c)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrRefused):
		return errWrong
	default:
		h.fail(err, time.Now())
		return errUnavailable
	}
}

var errUnavailable = errors.New("the provider of the challenge cannot be asked; another challenge follows")

// enter reports whether one more question of a network may be asked now: anybody
// can send wrong answers faster than a provider refuses them.
func (h *hostedProvider) enter(from network) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.total >= maxVerifying || h.asking[from] >= maxVerifyingOf {
		return false
	}
	if h.asking == nil {
		h.asking = map[network]int{}
	}
	h.asking[from]++
	h.total++
	return true
}

func (h *hostedProvider) leave(from network) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total--
	if h.asking[from]--; h.asking[from] == 0 {
		delete(h.asking, from)
	}
}

// fail leaves the provider alone for a while, and tells so now and then.
func (h *hostedProvider) fail(err error, now time.Time) {
	h.mu.Lock()
	h.back = now.Add(outage)
	tell := h.failed != nil && now.Sub(h.told) >= tellInterval
	if tell {
		h.told = now
	}
	h.mu.Unlock()
	if tell {
		h.failed(err)
	}
}
