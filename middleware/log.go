package middleware

import (
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxLogged is how much of a field that the client fills goes into the log.
const maxLogged = 256

// logStop writes the one line about a request that is stopped. The query is
// left out: it may hold what should not be in a log.
func (m *Middleware) logStop(r *http.Request, s *Stop) {
	msg := "request stopped"
	if m.dryRun {
		msg = "request would be stopped"
	}
	ce := m.log.Check(zapcore.InfoLevel, msg)
	if ce == nil {
		return
	}
	d := &s.Decision
	ce.Write(
		zap.Stringer("action", d.Action),
		zap.String("origin", d.Origin),
		zap.String("reason", d.Reason),
		zap.String("source", d.Source),
		zap.Stringer("prefix", d.Prefix),
		zap.Stringer("client", s.Client),
		zap.String("method", clip(r.Method)),
		zap.String("host", clip(r.Host)),
		zap.String("uri", clip(r.URL.Path)),
		zap.Int("status", s.Status),
		zap.String("ref", s.Ref),
		zap.Bool("dry_run", m.dryRun),
	)
}

// warnUnknown says that the client of r could not be told.
func (m *Middleware) warnUnknown(r *http.Request) {
	if !m.unknown.due() {
		return
	}
	if ce := m.log.Check(zapcore.WarnLevel, "client address unknown, request let through"); ce != nil {
		ce.Write(
			zap.String("remote_addr", clip(r.RemoteAddr)),
			zap.String("host", clip(r.Host)),
			zap.Uint64("requests", m.counters.Snapshot().UnknownClient),
		)
	}
}

func clip(s string) string {
	if len(s) > maxLogged {
		return s[:maxLogged] + "…"
	}
	return s
}

// A sampler thins out what a client could otherwise flood the log with: to
// once, and then at most once a minute.
type sampler struct {
	born time.Time
	next *atomic.Int64 // nanoseconds after born from which on the next is due
}

func newSampler() sampler { return sampler{time.Now(), new(atomic.Int64)} }

// due reports whether it is time again. Of several callers at once, it is so
// for one.
func (s *sampler) due() bool {
	now, next := int64(time.Since(s.born)), s.next.Load()
	return now >= next && s.next.CompareAndSwap(next, now+int64(time.Minute))
}
