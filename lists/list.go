package lists

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	namePrefix      = "list:"
	originPrefix    = "lists:"
	defaultMaxBytes = 64 << 20
	defaultMaxLines = 2_000_000
	// minDuration makes sure that entries do not expire between two checks of their
	// list.
	minDuration = time.Minute
)

// options are the settings that files and URLs share.
type options struct {
	name     string
	action   lookup.Action
	duration time.Duration
	private  bool
	coverage float64
	maxBytes int64
	maxLines int
	logger   *zap.Logger
	allow    bool // it is an allow list, which one bad line makes invalid
}

// A list is the common part of files and URLs: name, action and state.
type list struct {
	name     string
	what     string          // blocklist or allow list
	entry    lookup.Decision // the decision of an entry, without prefix and end
	duration time.Duration   // how long an entry lasts; 0: without end
	parser   parser
	coverage float64
	maxBytes int64
	log      *zap.Logger
	wake     chan struct{} // has one element after Sync
	asked    atomic.Bool   // Sync was called: the next check reads the list again

	mu     sync.Mutex
	status lookup.Status
	stats  Stats
	kind   string // of the current failures; "": none
}

// newList checks o and fills in the defaults, except the name.
func newList(o options) (*list, error) {
	switch {
	case o.action > lookup.Ban:
		return nil, fmt.Errorf("unknown %v: want ban, captcha or throttle", o.action)
	case o.coverage < 0 || o.coverage > 1:
		return nil, fmt.Errorf("coverage %v: want a share above 0 and at most 1", o.coverage)
	case o.maxBytes < 0 || o.maxLines < 0:
		return nil, errors.New("MaxBytes or MaxLines is negative: want at least 0")
	case o.duration != 0 && o.duration < minDuration:
		return nil, fmt.Errorf("duration %v: want at least %v, or none", o.duration, minDuration)
	}
	setDefault(&o.action, lookup.Ban)
	setDefault(&o.coverage, lookup.DefaultCoverage)
	setDefault(&o.maxBytes, defaultMaxBytes)
	setDefault(&o.maxLines, defaultMaxLines)
	setDefault(&o.logger, zap.NewNop())
	label := strings.TrimPrefix(o.name, namePrefix)
	return &list{
		name:     o.name,
		what:     o.what(),
		entry:    lookup.Decision{Action: o.action, Origin: originPrefix + label, Reason: label},
		duration: o.duration,
		parser:   parser{private: o.private, whole: o.allow, maxLines: o.maxLines},
		coverage: o.coverage,
		maxBytes: o.maxBytes,
		log:      o.logger.With(zap.String("source", o.name)),
		wake:     make(chan struct{}, 1),
		// A list server that is down for days must not make this server unready,
		// because the old list still protects. The status is stale only when the
		// entries have expired.
		status: lookup.Status{Stale: o.duration},
	}, nil
}

func (o options) what() string {
	if o.allow {
		return "allow list"
	}
	return "blocklist"
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Name returns the source of the decisions. Their Origin is "lists:" and the name
// without "list:", their Reason only that name.
func (l *list) Name() string { return l.name }

// Status returns the state of the list. It becomes stale when the entries expire, so
// without a Duration never. Err and Failures show an unreachable list, but as long as
// the last good copy protects, the server stays ready.
func (l *list) Status() lookup.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Sync makes Run read the list now, also without a change. It does not wait. Several
// calls before the read count as one. It does not accept a much smaller list earlier.
// It asks a server not earlier than a minute after the last request, and not before the
// end of its Retry-After.
func (l *list) Sync() {
	l.asked.Store(true)
	select {
	case l.wake <- struct{}{}:
	default: // a sync is requested already
	}
}

// Stats returns the counts of the list in force.
func (l *list) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Bad = append([]BadLine(nil), s.Bad...)
	return s
}

// note records the result of a check: in sync if err is nil. The log gets a line when
// the result changes, not at every check, with the number of entries that stay in
// force.
func (l *list) note(err error, next time.Duration, inForce int) {
	now, kind := time.Now(), kindOf(err)
	l.mu.Lock()
	was, failures := l.kind, l.status.Failures
	l.kind = kind
	l.status.Next = now.Add(next)
	l.status.Err = err
	if err == nil {
		l.status.Synced = now
		l.status.Failures = 0
	} else {
		l.status.Failures++
		l.status.Failed++
	}
	l.mu.Unlock()

	switch {
	case err == nil && was != "":
		l.log.Info(l.what+" is in sync again", zap.Int("failures", failures))
	case err != nil && was != kind && inForce == 0:
		l.log.Error(l.what+" cannot be used, and there is no earlier copy: none of its entries is in force", zap.Error(err))
	case err != nil && was != kind:
		l.log.Error(l.what+" cannot be read: the last good copy stays in force", zap.Error(err), zap.Int("entries", inForce))
	}
}

// kindOf returns a name for failures like err, or "" for none, because the texts of the
// same failure may differ a little each time.
func kindOf(err error) string {
	var refused *refusal
	var op *net.OpError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return "status " + strconv.Itoa(refused.code)
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error() // without the local port
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut short"
	}
	return err.Error()
}

// noteNext records the time of the next check.
func (l *list) noteNext(next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Next = time.Now().Add(next)
}

// loaded records that the list with the stats s is in force now.
func (l *list) loaded(s Stats, c lookup.Change) {
	l.mu.Lock()
	l.stats, l.status.Held = s, s.Held
	l.mu.Unlock()

	l.log.Info(l.what+" read", zap.Int("entries", s.Entries), zap.Int("added", c.Added), zap.Int("removed", c.Removed))
	if s.Held > 0 {
		l.log.Error("the widest ranges of the blocklist are not enforced, because with them it would cover too many addresses, "+
			"or too many new ones at once: raise the option coverage if you want that",
			zap.Int("ranges", s.Held), zap.Float64("coverage", l.coverage))
	}
	if s.Entries == 0 {
		l.log.Warn(l.what + " is empty: it has no effect")
	}
	if s.Skipped > 0 {
		l.log.Warn("the blocklist has bad lines: they are skipped", zap.Int("skipped", s.Skipped), zap.Stringers("first", s.Bad))
	}
}
