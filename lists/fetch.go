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
	firstRetry    = 30 * time.Second // first pause after a failure that may pass
	maxRetryAfter = 24 * time.Hour   // longest pause that a server may ask for
	// maxUnchanged is for how long a server is believed that nothing has changed:
	// caches in between err.
	maxUnchanged = 24 * time.Hour
	// convincingly is how many answers in a row it takes to believe a loss.
	convincingly = 3
)

// errShrank is that of a list which is not believed.
var errShrank = errors.New("shrank")

// A fetcher is the memory of one Run.
type fetcher struct {
	keeper

	url     *URL
	backoff *backoff.ExponentialBackOff
	valid   validators // of what is in force
	whole   time.Time  // when that was sent
	held    *heldAnswer
	quiet   time.Duration // that the server asked for with its last answer
}

// A heldAnswer is a list that shrank and is not believed yet.
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

// poll fetches the list, puts it into force if it is to be believed, and
// returns the pause up to the next fetch.
func (f *fetcher) poll(ctx context.Context) time.Duration {
	g, err := f.fetch(ctx)
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		return f.failed(err)
	case g.unchanged:
		f.renew()
		if !f.intact() { // some have ended, or were taken back: ask for all
			f.valid = validators{}
			return 0
		}
	default:
		if err := f.doubt(g.content); err != nil {
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

// rest returns after pause, or when ctx ends. Once Sync was called it returns
// sooner, but not before polite.
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

// got is what a fetch gives.
type got struct {
	content
	valid     validators
	unchanged bool
}

// fetch fetches the list. The last good copy is given up for nothing but a list
// that was read to its end.
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

// readText reads a list. PHP calls everything HTML unless told otherwise, so
// that alone is no reason to refuse one.
func (f *fetcher) readText(ctx context.Context, from io.Reader, resp *http.Response) (content, error) {
	c, err := f.read(ctx, from)
	if err == nil && isHTML(resp) && c.stats.Skipped > 0 {
		err = fmt.Errorf("%w; %v", errMarkup, c.stats.Bad[0])
	}
	return c, err
}

// known returns the validators to ask with: those of the list in force.
func (f *fetcher) known() validators {
	if time.Since(f.whole) >= maxUnchanged {
		return validators{}
	}
	return f.valid
}

// doubt returns why c, which was read to its end, is not believed yet, if so.
// A server that has lost its data, or has just been started and has none yet,
// sends a short list or an empty one in perfect form. That must not let
// everybody in, so the server has to stand by it. Failures in between say
// nothing about the list.
func (f *fetcher) doubt(c content) error {
	had, shrank := f.shrank(c)
	if !shrank {
		return nil
	}
	if h := f.held; h == nil || c.isLess(h.entries) {
		f.held = &heldAnswer{since: time.Now()}
	}
	f.held.answers++
	f.held.entries = c.stats.Entries
	if f.held.answers >= convincingly && time.Since(f.held.since) >= f.url.settle {
		return nil
	}
	return fmt.Errorf("%w from %d entries to %d; to be believed once %d answers over %v say so",
		errShrank, had, c.stats.Entries, convincingly, f.url.settle)
}

// final are the failures that are the server's last word: to ask again before
// the interval is over would be no use, and rude.
var final = []error{
	errShrank, errMarkup, errNoList, errTooLarge, errManyLines, errBomb, errEncoding, errRedirect, errNoPages,
	errBinary, errArray,
}

// failed notes a failure and returns the pause after it.
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
