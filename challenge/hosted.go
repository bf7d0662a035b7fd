package challenge

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// The limits for a provider, and for its failures.
const (
	outage         = 30 * time.Second // how long the embedded challenge replaces a failed provider
	reportInterval = time.Minute
	askTimeout     = 10 * time.Second // for providers that do not limit their wait
	maxVerifying   = 128              // verifications at the same time
	maxVerifyingOf = 4                // of one network at the same time
	maxVerifyingIn = 16               // of one area at the same time

	probeInterval  = 5 * time.Second // between two test requests
	probeTimeout   = 5 * time.Second
	maxFailedEarly = 3 // networks whose requests must fail before the provider counts as failed
)

// probeResponse is a response that no widget creates. A working provider refuses it.
const probeResponse = "tocsin-asks-whether-anybody-answers"

// A hostedProvider sends a limited number of requests to a provider. After a failure it
// pauses, and the embedded challenge replaces the provider.
//
// A visitor's response may make the provider fail for this one request. So the provider
// counts as failed only if it also fails at a test request without any visitor's data.
// Otherwise the failure is the visitor's, and the answer is refused like a wrong one. A
// test request cannot show that site key and secret do not match. So until the first
// right response, failures of three networks in a row count too.
type hostedProvider struct {
	Provider
	onFailure func(error) // optional
	asked     *questions

	mu          sync.Mutex
	pausedUntil time.Time // when the provider is asked again
	reported    time.Time // when failed was last called
	asking      map[network]int
	areas       map[area]int // the number in asking by area
	total       int
	proved      bool                 // a response was accepted: site key and secret match
	failedEarly map[network]struct{} // networks whose requests failed before the first right response
	probe       *probe               // the latest; nil: none yet
}

// A probe is a test request, without a visitor's data.
type probe struct {
	done chan struct{} // closed when the result is known
	at   time.Time     // when it was sent
	err  error         // nil: the provider works
}

// up reports whether new challenges use the provider.
func (h *hostedProvider) up(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !now.Before(h.pausedUntil)
}

// widget returns the widget for the page. It gets the puzzle, if that is not nil.
func (h *hostedProvider) widget(puzzle []byte) *Widget {
	w := h.Widget()
	if puzzle != nil {
		w.Data = maps.Clone(w.Data) // the original belongs to the provider
		if w.Data == nil {
			w.Data = map[string]string{}
		}
		w.Data["challenge"] = string(puzzle)
	}
	return &w
}

// ask lets the provider verify a claim. Only a clear yes is a yes. After a failure, the
// next challenges are embedded ones.
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

// verify asks the provider. A client that disconnects is not a failure of the provider.
func (h *hostedProvider) verify(ctx context.Context, c Claim, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return h.Verify(ctx, c)
}

// prove records that a response was right, which shows that site key and secret match.
func (h *hostedProvider) prove() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.proved, h.failedEarly = true, nil
}

// isDown reports whether the error is the provider's own failure, and then pauses the
// provider.
func (h *hostedProvider) isDown(ctx context.Context, c Claim, err error) bool {
	if failure := h.test(ctx, c.Host); failure != nil {
		h.fail(failure, time.Now())
		return true
	}
	return h.failsEarly(networkOf(c.Addr), err)
}

// failsEarly records that a request of a network failed although the test request
// succeeded. It reports whether enough networks failed to blame the provider.
func (h *hostedProvider) failsEarly(from network, err error) bool {
	h.mu.Lock()
	if h.proved {
		h.mu.Unlock()
		return false
	}
	if h.failedEarly == nil {
		h.failedEarly = map[network]struct{}{}
	}
	h.failedEarly[from] = struct{}{}
	down := len(h.failedEarly) >= maxFailedEarly
	if down {
		h.failedEarly = nil
	}
	h.mu.Unlock()
	if down {
		h.fail(err, time.Now())
	} else {
		h.report(err, time.Now())
	}
	return down
}

// test sends a test request and returns its error. Calls at the same time, or soon
// after, share one test request.
func (h *hostedProvider) test(ctx context.Context, host string) error {
	h.mu.Lock()
	p, now := h.probe, time.Now()
	if p != nil && now.Sub(p.at) < probeInterval {
		h.mu.Unlock()
		<-p.done // its wait is limited
		return p.err
	}
	p = &probe{done: make(chan struct{}), at: now, err: errUnavailable} // the result if the provider panics
	h.probe = p
	h.mu.Unlock()
	defer close(p.done)
	if p.err = h.verify(ctx, Claim{Response: probeResponse, Host: host}, probeTimeout); errors.Is(p.err, ErrRefused) {
		p.err = nil
	}
	return p.err
}

var errUnavailable = errors.New("the challenge provider does not answer: reload the page for another challenge")

// enter reports whether another request for a network may start now. The limit is
// necessary, because a client can send wrong answers faster than a provider refuses
// them.
func (h *hostedProvider) enter(from network) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.total >= maxVerifying || h.asking[from] >= maxVerifyingOf || h.areas[from.area()] >= maxVerifyingIn {
		return false
	}
	if h.asking == nil {
		h.asking, h.areas = map[network]int{}, map[area]int{}
	}
	h.asking[from]++
	h.areas[from.area()]++
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
	if h.areas[from.area()]--; h.areas[from.area()] == 0 {
		delete(h.areas, from.area())
	}
}

// fail pauses the provider and reports the error.
func (h *hostedProvider) fail(err error, now time.Time) {
	h.mu.Lock()
	h.pausedUntil = now.Add(outage)
	h.mu.Unlock()
	h.report(err, now)
}

// report reports a failure, at most once a minute.
func (h *hostedProvider) report(err error, now time.Time) {
	h.mu.Lock()
	tell := h.onFailure != nil && now.Sub(h.reported) >= reportInterval
	if tell {
		h.reported = now
	}
	h.mu.Unlock()
	if tell {
		h.onFailure(err)
	}
}
