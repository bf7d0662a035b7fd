package replay

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// A Judge judges recorded requests in recorded time, the way an engine judges
// those of a server.
type Judge interface {
	// Judge judges a request and the response to it. It keeps nothing of ev.
	Judge(ev *detect.Event) Outcome
}

// An Outcome is what became of a request.
type Outcome struct {
	Stopped lookup.Decision // in force when the request came: it would have been stopped; Action None: it went on
	Alerts  []engine.Record // what it led to
}

// maxDecisions is how many decisions a judge holds. Those that would be more are
// not made.
const maxDecisions = 100_000

// judge decides as [engine.Local] says, but that nobody's relapses count. It has
// no table: it asks about the client and the network around it.
type judge struct {
	detector engine.Detector
	cfg      engine.Local
	held     map[netip.Prefix]lookup.Decision
}

// NewJudge returns a judge that asks d.
func NewJudge(d engine.Detector, cfg engine.Local) Judge {
	cfg.Action = cmp.Or(cfg.Action, lookup.Ban)
	cfg.Duration = cmp.Or(cfg.Duration, 4*time.Hour)
	if cfg.Spare == nil {
		cfg.Spare = func(ip netip.Addr) bool { return !lookup.IsPublic(ip) }
	}
	return &judge{d, cfg, map[netip.Prefix]lookup.Decision{}}
}

func (j *judge) Judge(ev *detect.Event) (o Outcome) {
	if d, ok := j.held[clientOf(ev.Client)]; ok && !ev.Time.Before(d.Since) && ev.Time.Before(d.Until) {
		o.Stopped = d
		return o
	}
	for _, a := range append(j.detector.Request(ev), j.detector.Response(ev)...) {
		o.Alerts = append(o.Alerts, j.decide(a, ev.Time))
	}
	return o
}

func (j *judge) decide(a detect.Alert, now time.Time) engine.Record {
	r := engine.Record{Time: now, Alert: a, Spared: j.cfg.Spare(a.Client)}
	if r.Spared || !a.Remediation || len(j.held) >= maxDecisions {
		return r
	}
	r.Decision = lookup.Decision{
		Prefix: clientOf(a.Client), Action: cmp.Or(a.Action, j.cfg.Action), Source: engine.LocalSource,
		Reason: a.Scenario, Since: now, Until: now.Add(cmp.Or(a.Duration, j.cfg.Duration)),
	}
	j.held[r.Decision.Prefix] = r.Decision
	return r
}

// clientOf returns what counts as one client: an address, or 64 bits of IPv6.
func clientOf(ip netip.Addr) netip.Prefix {
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // of an address that is none there is none
	return p
}
