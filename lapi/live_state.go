package lapi

import (
	"errors"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	patience  = 3           // failed questions in a row before the pause
	livePause = time.Second // between two questions in the pause

	singlePause = time.Minute // between two log lines about single failures
)

var errPaused = errors.New("the local API does not answer, so questions are paused for a second")

// LiveStats are the counts of a Live since its start.
type LiveStats struct {
	Questions  uint64    // questions sent
	Failures   uint64    // those without an answer, or with a malformed one
	Paused     uint64    // questions not sent, because others before them failed
	Unanswered uint64    // lookups that Failure answered
	Rows       Rows      // the rows of the answers
	Allowlist  Allowlist // the state of the allowlists
	Usage      Usage     // the state of the usage reports
	Cache      lookup.CacheStats
}

// Status returns the state of the source. Synced is the time of the last answer. A live
// source is never out of sync.
func (l *Live) Status() lookup.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// Stats returns the details that Status lacks.
func (l *Live) Stats() LiveStats {
	cache := l.cache.Stats()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Unanswered, s.Cache = l.unsaid.Load(), cache
	return s
}

// admit returns an error while questions are paused.
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

// note records the result of a question. It logs when the API stops answering, why, and
// when it answers again. Single failures between answers get one line a minute with
// their number, at the next answer.
func (l *Live) note(err error, rows Rows) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Rows.add(rows)
	if err == nil {
		if l.failing != "" {
			l.log.Info("the local API answers again", zap.Int("failures", l.status.Failures))
			l.failing = ""
		}
		l.logSingle()
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
	l.single = 0 // this line covers them
	kind, after := kindOf(err)
	l.status.Next = time.Now().Add(max(livePause, min(after, maxRetryAfter)))
	if kind != l.failing {
		l.failing = kind
		l.log.Error("the local API does not answer", zap.Error(err), zap.Stringer("clients_get", l.cfg.Failure))
	}
}

// logSingle logs failed questions between answered ones, if there are any and the
// pause is over. The caller holds mu.
func (l *Live) logSingle() {
	now := time.Now()
	if l.single == 0 || now.Before(l.nextSingle) {
		return
	}
	l.log.Warn("the local API did not answer some questions", zap.Int("questions", l.single), zap.Error(l.status.Err),
		zap.Stringer("clients_get", l.cfg.Failure))
	l.single, l.nextSingle = 0, now.Add(singlePause)
}
