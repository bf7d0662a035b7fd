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

	probeInterval = 5 * time.Second // from one question of our own to the next
	probeTimeout  = 5 * time.Second
	maxDoubts     = 3 // networks that have to fail before a provider is in doubt
)

// probeResponse is a response that no widget gives. A provider that works refuses it.
const probeResponse = "tocsin-asks-whether-anybody-answers"

// A hostedProvider asks a provider, never too many questions at once, and leaves
// it alone for a while when it fails.
//
// What a visitor sends may make a provider fail for this one question. So a failure is
// the provider's own only if it fails at a question of ours too, in which no visitor
// has a say. Else it is the visitor's, who is refused as for any wrong response. Site
// key and secret that are no pair cannot be found out by a question of ours: until the
// first response was right, failures of three networks in a row count as well.
type hostedProvider struct {
	Provider
	failed func(error) // may be nil
	asked  *questions

	mu     sync.Mutex
	back   time.Time // when it is asked again
	told   time.Time // when failed was
	asking map[network]int
	total  int
	proved bool                 // a response was right
	doubts map[network]struct{} // whose questions failed before one was
	probe  *probe               // the last one; nil: there was none
}

// A probe is a question of our own.
type probe struct {
	done chan struct{} // closed when there is an answer
	at   time.Time     // when it was asked
	err  error         // nil: the provider works
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
	from, d := networkOf(c.Addr), digestOf(h.Name()+" "+c.Response)
	if !h.enter(from) {
		return errBusy
	}
	defer h.leave(from)
	if err := h.asked.begin(d, from, time.Now()); err != nil {
		return err
	}
	err := h.verify(ctx, c, askTimeout)
	switch {
	case err == nil:
		h.prove()
		h.asked.forgive(d, from, true)
		return nil
	case errors.Is(err, ErrRefused) || !h.isDown(ctx, c, err):
		return errWrong
	default:
		h.asked.forgive(d, from, false)
		return errUnavailable
	}
}

// verify asks the provider. A client that hangs up is no failure of the provider's.
func (h *hostedProvider) verify(ctx context.Context, c Claim, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return h.Verify(ctx, c)
}

// prove notes that a response was right: so the keys are a pair.
func (h *hostedProvider) prove() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.proved, h.doubts = true, nil
}

// isDown reports whether it is the provider's own failure that c could not be judged,
// and leaves it alone for a while then.
func (h *hostedProvider) isDown(ctx context.Context, c Claim, err error) bool {
	if failure := h.tryOut(ctx, c.Host); failure != nil {
		h.fail(failure, time.Now())
		return true
	}
	return h.isInDoubt(networkOf(c.Addr), err)
}

// isInDoubt notes that a question of a network has failed though the provider works,
// and reports whether that is more than the matter of a visitor.
func (h *hostedProvider) isInDoubt(from network, err error) bool {
	h.mu.Lock()
	if h.proved {
		h.mu.Unlock()
		return false
	}
	if h.doubts == nil {
		h.doubts = map[network]struct{}{}
	}
	h.doubts[from] = struct{}{}
	down := len(h.doubts) >= maxDoubts
	if down {
		h.doubts = nil
	}
	h.mu.Unlock()
	if down {
		h.fail(err, time.Now())
	} else {
		h.tell(err, time.Now())
	}
	return down
}

// tryOut asks a question of our own, and returns why the provider fails at it, nil if it
// does not. Whoever has cause for one meanwhile or soon after gets the same answer.
func (h *hostedProvider) tryOut(ctx context.Context, host string) error {
	h.mu.Lock()
	p, now := h.probe, time.Now()
	if p != nil && now.Sub(p.at) < probeInterval {
		h.mu.Unlock()
		<-p.done // which bounds its wait
		return p.err
	}
	p = &probe{done: make(chan struct{}), at: now, err: errUnavailable} // should it panic
	h.probe = p
	h.mu.Unlock()
	defer close(p.done)
	if p.err = h.verify(ctx, Claim{Response: probeResponse, Host: host}, probeTimeout); errors.Is(p.err, ErrRefused) {
		p.err = nil
	}
	return p.err
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

// fail leaves the provider alone for a while, and tells so.
func (h *hostedProvider) fail(err error, now time.Time) {
	h.mu.Lock()
	h.back = now.Add(outage)
	h.mu.Unlock()
	h.tell(err, now)
}

// tell tells of a failure, unless one was told of lately.
func (h *hostedProvider) tell(err error, now time.Time) {
	h.mu.Lock()
	tell := h.failed != nil && now.Sub(h.told) >= tellInterval
	if tell {
		h.told = now
	}
	h.mu.Unlock()
	if tell {
		h.failed(err)
	}
}
