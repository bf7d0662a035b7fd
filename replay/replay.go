// Package replay answers one question: which clients of a log would tocsin have stopped?
//
// It reads requests from logs, runs the scenarios in recorded time, and reports which
// clients would have been stopped, by which scenario, and at which request.
//
// # Logs
//
// A [Reader] understands Caddy's access log in JSON, the common and the combined
// log of Apache and nginx, with the name of a virtual host before it or without,
// and two kinds of recordings in JSON lines, which have bodies, too: traces, with
// t, m, u, s, h, b, rh and ip, and flows, with client, t, method, uri, status,
// headers, body, ua, host, location and auth. Files may be compressed with gzip, and
// may mix all of these.
//
// Every byte of a log is hostile. A line counts up to 64 KiB. A line without a request is
// skipped, counted, and named by file and line.
//
// # What a log does not contain
//
// An access log has no bodies, so scenarios and the WAF do not see forms. A common or combined log
// has only two headers, and no host unless it comes first. It does not say whether a
// request used TLS, so each counts as sent over TLS: a server without TLS only challenges
// browsers where a replay of its log may show a ban. Caddy's log shows TLS in request>tls;
// a request without that field used plain HTTP. Caddy writes REDACTED for credentials
// and cookies: such a field is present, but empty. [Report.Redacted] counts them. Caddy's
// option log_credentials logs them.
package replay

import (
	"context"
	"net/netip"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// Config says how requests are judged. Only Judge is required. The functions must not keep
// the events that they get.
type Config struct {
	Judge Judge

	// Allow reports whether a client is never stopped, so its requests are not checked.
	// Default: no client.
	Allow func(ip netip.Addr) bool
	// Spare reports whether no decision is made about a client: the same as Spare of
	// [engine.Local]. Default: clients in private networks.
	Spare func(ip netip.Addr) bool
	// Describe completes an event before it is judged. Default: none.
	Describe func(ev *event.Event)
	// Inspect adds the findings of the WAF's rules to an event. Default: no WAF.
	Inspect func(ev *event.Event)
	// Progress is called from time to time. Default: none.
	Progress func()
}

// between is how many requests are judged between two calls of Progress and checks of ctx.
const between = 4096

// Run judges all requests of r and returns what would have happened. If ctx ends, it returns
// the result so far.
func Run(ctx context.Context, r *Reader, cfg Config) (*Report, error) {
	if cfg.Spare == nil {
		cfg.Spare = func(ip netip.Addr) bool { return !lookup.IsPublic(ip) }
	}
	t := newBuilder()
	n := 0
	for e := range r.All() {
		if n++; n%between == 0 {
			if ctx.Err() != nil {
				break
			}
			if cfg.Progress != nil {
				cfg.Progress()
			}
		}
		t.take(e, cfg)
		recycle(e)
	}
	return t.report(r), ctx.Err()
}

// take judges a request.
func (t *builder) take(e *Entry, cfg Config) {
	c := t.count(e)
	if cfg.Allow != nil && cfg.Allow(e.Client) {
		t.Allowed++
		return
	}
	if cfg.Spare(e.Client) {
		t.Spared++
	}
	if cfg.Describe != nil {
		cfg.Describe(&e.Event)
	}
	if cfg.Inspect != nil {
		cfg.Inspect(&e.Event)
	}
	o := cfg.Judge.Judge(&e.Event)
	t.found(c, o.Found)
	if o.Stopped.Action != lookup.None {
		t.stopped(e, c, &o.Stopped)
	}
	for i := range o.Alerts {
		t.alerted(e, c, &o.Alerts[i])
	}
}
