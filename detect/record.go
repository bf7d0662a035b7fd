package detect

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// A record has the stored facts of an event: see Context.
type record struct {
	used   bool
	time   int64
	status int

	text   []byte // method, target, query, host, user agent, rule and zones
	bounds [6]uint16
}

// The largest stored length of each text.
const (
	maxMethod = 32
	maxTarget = 512
	maxHost   = 256
	maxAgent  = 256
)

// record stores the event. If the bucket has enough events, it replaces the oldest.
func (b *bucket) record(p pouredEvent) {
	keep := min(p.rule.keep, p.bound.Events)
	if keep <= 0 {
		return
	}
	if len(b.events) < keep && b.at == len(b.events) {
		b.events = append(b.events, record{})
	}
	r := &b.events[b.at]
	b.at = (b.at + 1) % keep
	e := p.view.evt
	method, target, agent, rule, zones := e.Method, e.Target, e.UserAgent, "", ""
	if f := e.Finding; f != nil {
		method, target, agent, rule = f.Method, f.Target, f.UserAgent, f.Rule
		zones, _ = p.view.matchedZones()
	}
	r.used, r.time, r.status = true, p.now, e.Status
	path, query := withoutQuery(target, maxTarget), ""
	if rest := target[len(path):]; e.KeepQuery && len(rest) > 0 && rest[0] == '?' {
		query = rest[1:]
	}
	r.text = r.text[:0]
	for i, part := range [...]struct {
		text string
		most int
	}{{method, maxMethod}, {path, maxTarget}, {query, maxTarget}, {e.Host, maxHost}, {agent, maxAgent}, {rule, maxHost}, {zones, maxTarget}} {
		r.text = append(r.text, part.text[:min(len(part.text), part.most)]...)
		if i < len(r.bounds) {
			r.bounds[i] = uint16(len(r.text))
		}
	}
}

func withoutQuery(target string, limit int) string {
	target = target[:min(len(target), limit)]
	for i := range len(target) {
		if target[i] == '?' {
			return target[:i]
		}
	}
	return target
}

// context returns the stored events, the oldest first.
func (b *bucket) context() []event.Context {
	var all []event.Context
	for i := range b.events {
		r := &b.events[(b.at+i)%len(b.events)]
		if !r.used {
			continue
		}
		text, m, t, q, h := string(r.text), r.bounds[0], r.bounds[1], r.bounds[2], r.bounds[3]
		all = append(all, event.Context{
			Time:      time.Unix(0, r.time).UTC(),
			Method:    text[:m],
			Target:    text[m:t],
			Query:     text[t:q],
			Host:      text[q:h],
			Status:    r.status,
			UserAgent: text[h:r.bounds[4]],
			Rule:      text[r.bounds[4]:r.bounds[5]],
			Zones:     text[r.bounds[5]:],
		})
	}
	return all
}

// alert returns the alert for a bucket that overflows.
func (p pouredEvent) alert(b *bucket) event.Alert {
	s := p.rule.scenario
	guarded := p.target()
	a := event.Alert{
		Scenario: s.name, Version: s.version, Hash: s.hash,
		Client: p.view.evt.Client, Prefix: guarded.network,
		Reflected: p.rule.reflects(p.view), Mild: s.mild && !s.ordered || b.unmarked || s.forgiven && p.view.isTroubled(), Guard: s.guard, Place: guarded.place, Places: slices.Clone(b.places),
		Start: time.Unix(0, b.first).UTC(), Stop: time.Unix(0, p.now).UTC(),
		Count: b.count, Capacity: s.capacity, Leak: s.leak,
		Remediation: s.remediation, Action: s.action, Duration: s.duration, Ordered: s.ordered,
		Simulated: s.simulated,
		Labels:    maps.Clone(s.labels),
		Context:   b.context(),
	}
	a.Message = fmt.Sprintf("%s met %s: %d events in %s", a.Client, a.Scenario, a.Count, a.Stop.Sub(a.Start))
	return a
}
