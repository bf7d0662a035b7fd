package lists

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	firstRetry    = 30 * time.Second // first pause after a temporary failure
	maxRetryAfter = 24 * time.Hour   // longest pause that a server may ask for
	// maxUnchanged is how long "not changed" is accepted, because caches on the way may
	// be wrong.
	maxUnchanged = 24 * time.Hour
	// enoughAnswers is how many similar answers in a row are needed to accept a much
	// smaller list.
	enoughAnswers = 3
)

// errShrank is the error of a much smaller list that is not accepted yet.
var errShrank = errors.New("shrank")

// A fetcher is the state of one Run.
type fetcher struct {
	keeper

	url     *URL
	backoff *backoff.ExponentialBackOff
	valid   validators // of the list in force
	whole   time.Time  // when the server sent that list
	held    *heldAnswer
	quiet   time.Duration // the pause that the server asked for with its last answer
}

// A heldAnswer is a much smaller list that is not accepted yet.
type heldAnswer struct {
	entries int       // in the last answer
	answers int       // in a row
	since   time.Time // the first
}

func newFetcher(u *URL, t *lookup.Table) *fetcher {
	return &fetcher{
		keeper: newKeeper(u.list, t),
		url:    u,
		backoff: &backoff.ExponentialBackOff{
			InitialInterval: firstRetry, Multiplier: 2,
			RandomizationFactor: backoff.DefaultRandomizationFactor, MaxInterval: u.interval,
		},
	}
}

// poll fetches the list, applies it if it is plausible, and returns the pause before
// the next fetch.
func (f *fetcher) poll(ctx context.Context) time.Duration {
	g, err := f.fetch(ctx)
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		return f.failed(err)
	case g.unchanged:
		f.renew()
		if !f.intact() { // some entries have expired or were deleted: fetch the whole list
			f.valid = validators{}
			return 0
		}
	default:
		if err := f.implausible(g.content); err != nil {
			return f.failed(err)
		}
		f.apply(g.content)
		f.valid, f.whole = g.valid, time.Now()
	}
	f.held, f.quiet = nil, 0
	f.backoff.Reset()
	pause := f.url.interval + rand.N(f.url.interval/10) //nolint:gosec // jitter is no secret
	f.note(nil, pause)
	return pause
}

// rest returns after pause, or when ctx ends. After Sync it returns earlier, but not
// before polite.
func (f *fetcher) rest(ctx context.Context, pause time.Duration, polite time.Time) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	due := time.Now().Add(pause)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-f.url.wake:
		}
		if polite.Before(due) {
			due = polite
			wait := max(0, time.Until(due))
			timer.Reset(wait)
			f.noteNext(wait)
		}
	}
}

// got is the result of a fetch.
type got struct {
	content
	valid     validators
	unchanged bool
}

// fetch fetches the list. Only a complete list replaces the last good copy.
func (f *fetcher) fetch(ctx context.Context) (got, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, maxFetch, errSlow)
	defer cancel()
	g, err := f.receive(ctx)
	switch {
	case err == nil:
	case errors.Is(context.Cause(ctx), errSlow):
		err = errSlow
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errSilence
	}
	return g, err
}

func (f *fetcher) receive(ctx context.Context) (got, error) {
	if f.url.pageSize > 0 {
		return f.receivePages(ctx)
	}
	a, err := f.url.get(ctx, f.url.at, f.known())
	if err != nil {
		return got{}, err
	}
	defer a.close()
	if a.unchanged {
		return got{unchanged: true}, nil
	}
	c, err := f.readText(ctx, a, a.resp)
	return got{content: c, valid: validatorsOf(a.resp.Header)}, err
}

func (f *fetcher) receivePages(ctx context.Context) (got, error) {
	p := &pages{open: func(page int) (*answer, error) {
		return f.url.get(ctx, pageOf(f.url.at, page, f.url.pageSize), validators{})
	}}
	defer p.close()
	if err := p.turn(); err != nil {
		return got{}, err
	}
	c, err := f.readText(ctx, p, p.cur.resp)
	return got{content: c}, err
}

// readText reads a list. It does not refuse a list because of the type text/html, which
// is PHP's default.
func (f *fetcher) readText(ctx context.Context, from io.Reader, resp *http.Response) (content, error) {
	c, err := f.read(ctx, from)
	if err == nil && isHTML(resp) && c.stats.Skipped > 0 {
		err = fmt.Errorf("%w; %v", errMarkup, c.stats.Bad[0])
	}
	return c, err
}

// known returns the validators of the list in force.
func (f *fetcher) known() validators {
	if time.Since(f.whole) >= maxUnchanged {
		return validators{}
	}
	return f.valid
}

// implausible returns an error if c, a complete list, is not accepted yet. A server that has
// lost its data, or has just started, sends a short or empty list in perfect form. That
// must not lift all bans, so the server must send it several times. Failures in between
// do not count.
func (f *fetcher) implausible(c content) error {
	had, shrank := f.shrank(c)
	if !shrank {
		return nil
	}
	if h := f.held; h == nil || c.isLess(h.entries) {
		f.held = &heldAnswer{since: time.Now()}
	}
	f.held.answers++
	f.held.entries = c.stats.Entries
	if f.held.answers >= enoughAnswers && time.Since(f.held.since) >= f.url.settle {
		return nil
	}
	return fmt.Errorf("%w from %d entries to %d: accepted after %d similar answers over %v",
		errShrank, had, c.stats.Entries, enoughAnswers, f.url.settle)
}

// final are the failures after which it makes no sense to ask again before the interval
// is over.
var final = []error{
	errShrank, errMarkup, errNoList, errTooLarge, errManyLines, errBomb, errEncoding, errRedirect, errNoPages,
	errBinary, errArray,
}

// failed records a failure and returns the pause after it.
func (f *fetcher) failed(err error) time.Duration {
	pause := f.backoff.NextBackOff()
	f.quiet = 0
	isFinal := slices.ContainsFunc(final, func(e error) bool { return errors.Is(err, e) })
	if r, ok := errors.AsType[*refusal](err); ok {
		isFinal = r.code < 500
		f.quiet = min(r.retryAfter, maxRetryAfter)
		pause = max(pause, f.quiet)
	}
	if isFinal {
		pause = max(pause, f.url.interval)
	}
	f.note(fmt.Errorf("fetching %s %s: %w", f.what, shown(f.url.at), err), pause)
	return pause
}
