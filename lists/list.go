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
	// minDuration keeps entries from ending between two looks at their list.
	minDuration = time.Minute
)

// options are what the configurations of files and URLs have in common.
type options struct {
	name     string
	action   lookup.Action
	duration time.Duration
	private  bool
	coverage float64
	maxBytes int64
	maxLines int
	logger   *zap.Logger
	allow    bool // it is an allow list, which is taken as a whole or not at all
}

// A list is what files and URLs have in common: a name, what its entries ask
// for, and how it stands.
type list struct {
	name     string
	what     string          // blocklist or allow list
	entry    lookup.Decision // what an entry becomes, but for its prefix and its end
	duration time.Duration   // how long it holds; 0: without end
	parser   parser
	coverage float64
	maxBytes int64
	log      *zap.Logger
	wake     chan struct{} // holds one element once Sync was called
	asked    atomic.Bool   // what is known of the list does not count at the next look: Sync was called

	mu     sync.Mutex
	status lookup.Status
	stats  Stats
	kind   string // of the failures up to now; "": none
}

// newList checks what o has in it and fills in the defaults, but for the name.
func newList(o options) (*list, error) {
	switch {
	case o.action > lookup.Ban:
		return nil, fmt.Errorf("unknown %v", o.action)
	case o.coverage < 0 || o.coverage > 1:
		return nil, fmt.Errorf("coverage %v: want a share above 0, up to 1", o.coverage)
	case o.maxBytes < 0 || o.maxLines < 0:
		return nil, errors.New("MaxBytes and MaxLines must not be negative")
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
		// A third party's server that is down for days must not take ours out of
		// service, and its list protects as well on the second day as on the
		// first. Only once the entries have ended, protection is gone.
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

// Name returns what the decisions are filed under. Their Origin is "lists:"
// and their Reason nothing but the list's name, less "list:".
func (l *list) Name() string { return l.name }

// Status says how the table stands to the list. It grows stale when the entries
// end, so without a Duration never: a list that is out of reach shows in Err and
// Failures, and as long as its last good copy protects it is no reason to take a
// server out of service.
func (l *list) Status() lookup.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Sync makes a Run under way read the list now, even if nothing tells of a change.
// It does not wait, and calls that come before the list is read are one. A list
// that shrank is not believed any sooner by it, and a server is asked no sooner
// than it wants to be: a minute after the last question, and when the time has
// passed that it said to be left alone for.
func (l *list) Sync() {
	l.asked.Store(true)
	select {
	case l.wake <- struct{}{}:
	default: // it is asked for already
	}
}

// Stats says what is in force.
func (l *list) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Bad = append([]BadLine(nil), s.Bad...)
	return s
}

// note records the outcome of a look at the list: in sync with it if err is
// nil. The log gets a line when that changes, not at every look. It says how many
// entries are in force, in spite of err.
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
		l.log.Info(l.what+" is in step again", zap.Int("failures", failures))
	case err != nil && was != kind && inForce == 0:
		l.log.Error(l.what+" cannot be used, and there is no last good copy: none of its entries is in force", zap.Error(err))
	case err != nil && was != kind:
		l.log.Error(l.what+" is not followed; the last good copy stays in force", zap.Error(err), zap.Int("entries", inForce))
	}
}

// kindOf returns a name for failures like err, "" for none: what is the same
// trouble to an operator may read a little different each time.
func kindOf(err error) string {
	var refused *refusal
	var op *net.OpError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return "status " + strconv.Itoa(refused.code)
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error() // without our own port
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut short"
	}
	return err.Error()
}

// noteNext records when the next look is due.
func (l *list) noteNext(next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Next = time.Now().Add(next)
}

// loaded records that what s describes is in force now.
func (l *list) loaded(s Stats, c lookup.Change) {
	l.mu.Lock()
	l.stats, l.status.Held = s, s.Held
	l.mu.Unlock()

	l.log.Info(l.what+" read", zap.Int("entries", s.Entries), zap.Int("added", c.Added), zap.Int("removed", c.Removed))
	if s.Held > 0 {
		l.log.Error("the widest ranges of the blocklist are not enforced, since with them it would cover too many addresses, "+
			"or too many more at once: allow it with the option coverage if that is meant",
			zap.Int("ranges", s.Held), zap.Float64("coverage", l.coverage))
	}
	if s.Entries == 0 {
		l.log.Warn(l.what + " is empty: it has no effect")
	}
	if s.Skipped > 0 {
		l.log.Warn("blocklist has bad lines; they are skipped", zap.Int("skipped", s.Skipped), zap.Stringers("first", s.Bad))
	}
}
