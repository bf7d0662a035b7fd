package lapi

import (
	"errors"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	patience  = 3           // questions in a row without an answer, until fewer are asked
	livePause = time.Second // between two questions from then on

	singlePause = time.Minute // between two lines about single failures
)

var errPaused = errors.New("the local API does not answer, and is left alone for a moment")

// LiveStats says what a Live has seen since it was made.
type LiveStats struct {
	Questions  uint64    // questions sent
	Failures   uint64    // those without an answer, or with one that is broken
	Paused     uint64    // questions not sent, because others had found no answer
	Unanswered uint64    // lookups that Failure stood in for
	Rows       Rows      // what was in the answers
	Allowlist  Allowlist // what may not be stopped
	Usage      Usage     // what CrowdSec was told
	Cache      lookup.CacheStats
}

// Status says how the source stands: Synced is when the API last answered, and
// being asked on demand it is never out of step.
func (l *Live) Status() lookup.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Stats returns what Status has no room for.
func (l *Live) Stats() LiveStats {
	cache := l.cache.Stats()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Unanswered, s.Cache = l.unsaid.Load(), cache
	return s
}

// admit returns an error while the API is left alone.
func (l *Live) admit() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status.Failures >= patience {
		now := time.Now()
		if now.Before(l.status.Next) {
			l.stats.Paused++
			return errPaused
		}
		l.status.Next = now.Add(livePause)
	}
	l.stats.Questions++
	return nil
}

// note notes how a question went. The log has when the API ceases to answer, why, and
// when it answers again; of failures between answers one line a minute, with how many
// there were, which comes with an answer.
func (l *Live) note(err error, rows Rows) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Rows.add(rows)
	if err == nil {
		if l.failing != "" {
			l.log.Info("the local API answers again", zap.Int("failures", l.status.Failures))
			l.failing = ""
		}
		l.tellSingle()
		l.status = lookup.Status{Synced: time.Now(), Failed: l.status.Failed, Held: int(l.stats.Rows.TooWide)}
		return
	}
	l.stats.Failures++
	l.status.Failures++
	l.status.Failed++
	l.status.Err = err
	if l.status.Failures < patience {
		l.single++
		return
	}
	l.single = 0 // they are part of what is said now
	kind, after := kindOf(err)
	l.status.Next = time.Now().Add(max(livePause, min(after, maxRetryAfter)))
	if kind != l.failing {
		l.failing = kind
		l.log.Error("the local API does not answer", zap.Error(err), zap.Stringer("clients_get", l.cfg.Failure))
	}
}

// tellSingle tells of questions without an answer between others that have one, if there
// are any and it is time to. The caller holds mu.
func (l *Live) tellSingle() {
	now := time.Now()
	if l.single == 0 || now.Before(l.nextSingle) {
		return
	}
	l.log.Warn("questions to the local API found no answer", zap.Int("questions", l.single), zap.Error(l.status.Err),
		zap.Stringer("clients_get", l.cfg.Failure))
	l.single, l.nextSingle = 0, now.Add(singlePause)
}
