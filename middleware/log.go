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

// maxLogged limits the log fields with data of the client.
const maxLogged = 256

// A resultLog counts and logs the results of requests.
type resultLog struct {
	dryRun   bool
	counters *Counters
	log      *zap.Logger
	logIP    LogIP
	quota    quota   // limits lines about stopped requests
	matches  quota   // limits lines about what inspectors found
	warned   sampler // limits warnings about unknown addresses
}

// processed counts a checked request. With an unknown address it passes, because a
// mistake in the setup must not close the site. It is logged, so that operators see the
// mistake.
func (j *resultLog) processed(r *http.Request, client netip.Addr) {
	n := j.counters.next()
	if client.IsValid() {
		n.processed[family(client)].Add(1)
		return
	}
	n.unknown.Add(1)
	j.warnUnknown(r)
}

// allowed counts a request that passes because of an allow list.
func (j *resultLog) allowed(v *Visit) {
	n := j.counters.next()
	if v == nil {
		n.allowed.Add(1)
		return
	}
	v.note(nil, func() { n.allowed.Add(1) })
}

// stopped counts and logs that r is stopped, or would be without the dry run.
func (j *resultLog) stopped(r *http.Request, s *Stop) {
	j.counters.stop(s, j.dryRun)
	j.logStop(r, s)
}

// passed counts a request that passes because it has a pass.
func (j *resultLog) passed(s *Stop) { j.of(s).passed[family(s.Client)].Add(1) }

// solved counts a challenge that was solved.
func (j *resultLog) solved(s *Stop) { j.of(s).solved[family(s.Client)].Add(1) }

// ended counts and logs a request that was ended while it was served.
func (j *resultLog) ended(s *Stop, asked requested) {
	j.of(s).ended[family(s.Client)].Add(1)
	j.logLine("connection ended", s, &asked, j.dryRun)
}

func (j *resultLog) of(s *Stop) *originCounters { return j.counters.origin.of(&s.Decision) }

// A requested is the part of a request that is logged. It has no query, which may
// contain secrets.
type requested struct{ method, host, path string }

func (r *requested) fields() []zap.Field {
	if r == nil {
		return nil // a connection that was closed before any request
	}
	return []zap.Field{zap.String("method", clip(r.method)), zap.String("host", clip(r.host)), zap.String("uri", clip(r.path))}
}

// logStop writes the log line of a stopped request.
func (j *resultLog) logStop(r *http.Request, s *Stop) {
	msg := "request stopped"
	if j.dryRun {
		msg = "request would be stopped"
	}
	j.logLine(msg, s, &requested{r.Method, r.Host, r.URL.Path}, j.dryRun, zap.Int("status", s.Status))
}

// logLine writes a line about s, at level info, or at level debug if the client's quota
// is used up.
func (j *resultLog) logLine(msg string, s *Stop, r *requested, dryRun bool, more ...zap.Field) {
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

// Flush logs a summary of the stopped requests without a line of their own. Call it
// when you stop using the Middleware. Otherwise the end of a flood is missing in the
// log.
func (m *Middleware) Flush() { m.results.flush() }

func (j *resultLog) flush() {
	if left := j.matches.end(time.Now()); left.requests > 0 {
		j.logMatchesLeftOut(&left)
	}
	if left := j.quota.end(time.Now()); left.requests > 0 {
		j.logLeftOut(&left)
	}
}

// target returns the log field with the target of d.
func (j *resultLog) target(d *lookup.Decision) zap.Field {
	switch {
	case d.Country != "":
		return zap.String("country", d.Country)
	case d.AS != 0:
		return zap.Uint32("as", d.AS)
	}
	return j.logIP.prefix("prefix", d.Prefix)
}

// logLeftOut logs a summary of the requests without a line of their own.
func (j *resultLog) logLeftOut(left *leftOut) {
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

// warnUnknown warns that the client of r is unknown.
func (j *resultLog) warnUnknown(r *http.Request) {
	if !j.warned.due() {
		return
	}
	ce := j.log.Check(zapcore.WarnLevel, "the client's address is unknown: the request passes")
	if ce == nil {
		return
	}
	// If only a header is missing, this may be the client's address.
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

// A sampler limits events that a client could use to flood the log: the first passes,
// then at most one a minute.
type sampler struct {
	born time.Time
	next *atomic.Int64 // when the next is due, in nanoseconds after born
}

func newSampler() sampler { return sampler{time.Now(), new(atomic.Int64)} }

// due reports whether an event passes. Of several callers at once, it does for one.
func (s *sampler) due() bool {
	now, next := int64(time.Since(s.born)), s.next.Load()
	return now >= next && s.next.CompareAndSwap(next, now+int64(time.Minute))
}
