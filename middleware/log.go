package middleware

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxLogged is how much of a field that the client fills goes into the log.
const maxLogged = 256

// A requested is what the log says of a request. The query is left out: it may hold
// what should not be in a log.
type requested struct{ method, host, path string }

// logStop writes the one line about a request that is stopped.
func (m *Middleware) logStop(r *http.Request, s *Stop) {
	msg := "request stopped"
	if m.dryRun {
		msg = "request would be stopped"
	}
	m.logLine(msg, s, requested{r.Method, r.Host, r.URL.Path}, zap.Int("status", s.Status))
}

// logLine writes a line about s: at level info, or at level debug if the client has
// had its quota.
func (m *Middleware) logLine(msg string, s *Stop, r requested, more ...zap.Field) {
	if !m.log.Core().Enabled(zapcore.InfoLevel) {
		return
	}
	ok, left := m.quota.take(s)
	if left.requests > 0 {
		m.logLeftOut(&left)
	}
	level := zapcore.DebugLevel
	if ok {
		level = zapcore.InfoLevel
	}
	ce := m.log.Check(level, msg)
	if ce == nil {
		return
	}
	d := &s.Decision
	ce.Write(append([]zap.Field{
		zap.Stringer("action", d.Action),
		zap.String("origin", d.Origin),
		zap.String("reason", d.Reason),
		zap.String("source", d.Source),
		m.target(d),
		m.logIP.addr("client", s.Client),
		zap.String("method", clip(r.method)),
		zap.String("host", clip(r.host)),
		zap.String("uri", clip(r.path)),
		zap.String("ref", s.Ref),
		zap.Bool("dry_run", m.dryRun),
	}, more...)...)
}

// Flush sums up in the log the stopped requests that have no line of their own yet. Who
// ends a Middleware calls it; else what came last of a flood is not told.
func (m *Middleware) Flush() {
	if left := m.quota.end(time.Now()); left.requests > 0 {
		m.logLeftOut(&left)
	}
}

// target returns the field that tells what d is about.
func (m *Middleware) target(d *lookup.Decision) zap.Field {
	switch {
	case d.Country != "":
		return zap.String("country", d.Country)
	case d.AS != 0:
		return zap.Uint32("as", d.AS)
	}
	return m.logIP.prefix("prefix", d.Prefix)
}

// logLeftOut sums up the requests that have no line of their own.
func (m *Middleware) logLeftOut(left *leftOut) {
	ce := m.log.Check(zapcore.InfoLevel, "stopped requests left out of the log")
	if ce == nil {
		return
	}
	fields := []zap.Field{
		zap.Uint64("requests", left.requests),
		zap.Time("since", left.since),
		zap.Bool("dry_run", m.dryRun),
	}
	if left.clients > 0 {
		fields = append(fields, zap.Int("clients", left.clients),
			m.logIP.addr("loudest", left.loudest), zap.Uint64("loudest_requests", left.most))
	}
	if left.rest.requests > 0 {
		fields = append(fields, zap.Uint64("other_clients_requests", left.rest.requests), zap.String("ref", left.rest.ref))
	}
	ce.Write(fields...)
}

// warnUnknown says that the client of r could not be told.
func (m *Middleware) warnUnknown(r *http.Request) {
	if !m.unknown.due() {
		return
	}
	ce := m.log.Check(zapcore.WarnLevel, "client address unknown, request let through")
	if ce == nil {
		return
	}
	// It can be the client's own, where a header is looked for in vain.
	remote := zap.String("remote_addr", clip(r.RemoteAddr))
	if m.logIP != LogIPFull {
		remote = m.logIP.addr("remote_addr", parseHost(r.RemoteAddr))
	}
	ce.Write(
		remote,
		zap.String("host", clip(r.Host)),
		zap.Uint64("requests", m.counters.Snapshot().UnknownClient),
	)
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
