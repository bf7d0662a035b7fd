package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxLogged is how much of a field that the client fills goes into the log.
const maxLogged = 256

// A notes counts and logs what becomes of requests.
type notes struct {
	dryRun   bool
	counters *Counters
	log      *zap.Logger
	logIP    LogIP
	quota    quota   // of lines about stopped requests
	warned   sampler // of clients without an address
}

// processed counts a request that is checked. Without a client's address it passes:
// there is nothing to judge by, and a mistake in the setup must neither close the site
// nor stay unseen.
func (j *notes) processed(r *http.Request, client netip.Addr) {
	n := j.counters.next()
	if client.IsValid() {
		n.processed[family(client)].Add(1)
		return
	}
	n.unknown.Add(1)
	j.warnUnknown(r)
}

// allowed counts a request that passes because of an allow list.
func (j *notes) allowed(v *Visit) {
	n := j.counters.next()
	if v == nil {
		n.allowed.Add(1)
		return
	}
	v.note(nil, func() { n.allowed.Add(1) })
}

// stopped counts and logs that r is stopped, or would be.
func (j *notes) stopped(r *http.Request, s *Stop) {
	j.counters.stop(s, j.dryRun)
	j.logStop(r, s)
}

// passed counts a request that passes because it has a pass.
func (j *notes) passed(s *Stop) { j.of(s).passed[family(s.Client)].Add(1) }

// solved counts a challenge that was solved.
func (j *notes) solved(s *Stop) { j.of(s).solved[family(s.Client)].Add(1) }

// ended counts and logs that a request was ended while it was served.
func (j *notes) ended(s *Stop, asked requested) {
	j.of(s).ended[family(s.Client)].Add(1)
	j.logLine("connection ended", s, &asked, j.dryRun)
}

func (j *notes) of(s *Stop) *originCounters { return j.counters.origin.of(&s.Decision) }

// A requested is what the log says of a request. The query is left out: it may hold
// what should not be in a log.
type requested struct{ method, host, path string }

func (r *requested) fields() []zap.Field {
	if r == nil {
		return nil // a connection that is closed before there is one
	}
	return []zap.Field{zap.String("method", clip(r.method)), zap.String("host", clip(r.host)), zap.String("uri", clip(r.path))}
}

// logStop writes the one line about a request that is stopped.
func (j *notes) logStop(r *http.Request, s *Stop) {
	msg := "request stopped"
	if j.dryRun {
		msg = "request would be stopped"
	}
	j.logLine(msg, s, &requested{r.Method, r.Host, r.URL.Path}, j.dryRun, zap.Int("status", s.Status))
}

// logLine writes a line about s: at level info, or at level debug if the client has
// had its quota.
func (j *notes) logLine(msg string, s *Stop, r *requested, dryRun bool, more ...zap.Field) {
	if !j.log.Core().Enabled(zapcore.InfoLevel) {
		return
	}
	ok, left := j.quota.take(s)
	if left.requests > 0 {
		j.logLeftOut(&left)
	}
	level := zapcore.DebugLevel
	if ok {
		level = zapcore.InfoLevel
	}
	ce := j.log.Check(level, msg)
	if ce == nil {
		return
	}
	d := &s.Decision
	ce.Write(slices.Concat([]zap.Field{
		zap.Stringer("action", d.Action),
		zap.String("origin", d.Origin),
		zap.String("reason", d.Reason),
		zap.String("source", d.Source),
		j.target(d),
		j.logIP.addr("client", s.Client),
	}, r.fields(), []zap.Field{zap.String("ref", s.Ref), zap.Bool("dry_run", dryRun)}, more)...)
}

// Flush sums up in the log the stopped requests that have no line of their own yet. Who
// ends a Middleware calls it; else what came last of a flood is not told.
func (m *Middleware) Flush() { m.notes.flush() }

func (j *notes) flush() {
	if left := j.quota.end(time.Now()); left.requests > 0 {
		j.logLeftOut(&left)
	}
}

// target returns the field that tells what d is about.
func (j *notes) target(d *lookup.Decision) zap.Field {
	switch {
	case d.Country != "":
		return zap.String("country", d.Country)
	case d.AS != 0:
		return zap.Uint32("as", d.AS)
	}
	return j.logIP.prefix("prefix", d.Prefix)
}

// logLeftOut sums up the requests that have no line of their own.
func (j *notes) logLeftOut(left *leftOut) {
	ce := j.log.Check(zapcore.InfoLevel, "stopped requests left out of the log")
	if ce == nil {
		return
	}
	fields := []zap.Field{
		zap.Uint64("requests", left.requests),
		zap.Time("since", left.since),
		zap.Bool("dry_run", j.dryRun),
	}
	if left.clients > 0 {
		fields = append(fields, zap.Int("clients", left.clients),
			j.logIP.addr("loudest", left.loudest), zap.Uint64("loudest_requests", left.most))
	}
	if left.rest.requests > 0 {
		fields = append(fields, zap.Uint64("other_clients_requests", left.rest.requests), zap.String("ref", left.rest.ref))
	}
	ce.Write(fields...)
}

// warnUnknown says that the client of r could not be told.
func (j *notes) warnUnknown(r *http.Request) {
	if !j.warned.due() {
		return
	}
	ce := j.log.Check(zapcore.WarnLevel, "client address unknown, request let through")
	if ce == nil {
		return
	}
	// It can be the client's own, where a header is looked for in vain.
	remote := zap.String("remote_addr", clip(r.RemoteAddr))
	if j.logIP != LogIPFull {
		remote = j.logIP.addr("remote_addr", parseHost(r.RemoteAddr))
	}
	ce.Write(
		remote,
		zap.String("host", clip(r.Host)),
		zap.Uint64("requests", j.counters.Snapshot().UnknownClient),
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
