package replay

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	maxVerdicts = 10  // of one client
	maxText     = 512 // bytes of what clients send
)

// othersName stands for all clients, or scenarios, that are not told apart.
const othersName = "other"

// bounds say how much a builder remembers.
type bounds struct {
	clients   int // that are told apart; those on top share what is known of them
	offenders int // that are listed
	scenarios int // that are told apart
}

// A builder is a report in the making.
type builder struct {
	Report
	room      bounds
	latest    time.Time // end of a request so far
	clients   map[netip.Prefix]*client
	others    client // all that are not told apart
	scenarios map[string]*Scenario
	rules     map[string]*Rule
}

// A client is what is known about one.
type client struct {
	requests int
	alerts   []*Scenario // each once
	row      *Offender   // nil: it was not stopped
	rules    []*Rule     // each once
}

func newBuilder() *builder {
	return &builder{
		room:    bounds{clients: 1 << 20, offenders: 100_000, scenarios: 1000},
		Report:  Report{Offenders: []*Offender{}, Scenarios: []*Scenario{}},
		clients: map[netip.Prefix]*client{}, scenarios: map[string]*Scenario{}, rules: map[string]*Rule{},
	}
}

// count takes note of a request, and returns whose it is.
func (t *builder) count(e *Entry) *client {
	t.Requests++
	if t.From.IsZero() || e.Time.Before(t.From) {
		t.From = e.Time
	}
	if e.Time.After(t.To) {
		t.To = e.Time
	}
	if end := e.end(); end.After(t.latest) {
		t.latest = end
	} else if t.latest.Sub(end) > time.Minute {
		t.Backwards++
	}
	if len(e.Body) > 0 {
		t.Bodies++
	}
	who := event.ClientOf(e.Client)
	c := t.clients[who]
	switch {
	case c != nil:
	case len(t.clients) < t.room.clients:
		c = new(client)
		t.clients[who] = c
	default:
		c, t.Crowded = &t.others, true
	}
	c.requests++
	return c
}

// stopped takes note of a request that would have been stopped.
func (t *builder) stopped(e *Entry, c *client, d *lookup.Decision) {
	t.Stopped++
	t.scenario(d.Reason).Stopped++
	t.row(e, c, d).After++
}

// found takes note of what rules have found in a request.
func (t *builder) found(c *client, all []event.Finding) {
	for i := range all {
		f := &all[i]
		r := t.rules[f.Rule]
		if r == nil {
			r = &Rule{Name: clip(f.Rule)} // the config bounds how many there are
			t.rules[f.Rule] = r
		}
		if !slices.Contains(c.rules, r) {
			c.rules = append(c.rules, r)
			r.Clients++
		}
		if !f.Stopped {
			r.Observed++
			continue
		}
		r.Stopped++
		t.Stopped++
	}
}

// alerted takes note of an alert that a request has given cause for.
func (t *builder) alerted(e *Entry, c *client, r *engine.Record) {
	s := t.scenario(r.Alert.Scenario)
	s.Alerts++
	if !slices.Contains(c.alerts, s) {
		c.alerts = append(c.alerts, s)
		s.Clients++
	}
	switch d := &r.Decision; {
	case r.Spared || r.Crawler:
		s.Spared++
	case d.Action == lookup.None:
	default:
		if d.Action == lookup.Ban {
			s.Bans++
		} else {
			s.Challenges++
		}
		t.row(e, c, d).add(e, d, s.Name)
	}
}

func (t *builder) scenario(name string) *Scenario {
	s := t.scenarios[name]
	if s == nil && len(t.scenarios) >= t.room.scenarios {
		name = othersName
		s = t.scenarios[name]
	}
	if s == nil {
		s = &Scenario{Name: clip(name)}
		t.scenarios[name] = s
	}
	return s
}

// row returns the row of a client that d is about, which the request is the first
// cause for if there is none.
func (t *builder) row(e *Entry, c *client, d *lookup.Decision) *Offender {
	if c.row == nil {
		c.row = &Offender{
			Client: e.Client.String(), Scenario: clip(d.Reason), Time: e.Time, At: e.Place(),
			Request: requestOf(e), Before: c.requests, UserAgent: clip(e.UserAgent),
		}
		if who := event.ClientOf(e.Client); c == &t.others {
			c.row.Client = othersName
		} else if !who.IsSingleIP() {
			c.row.Client = who.String()
		}
		if len(t.Offenders) < t.room.offenders {
			t.Offenders = append(t.Offenders, c.row)
		} else {
			t.Unlisted++
		}
	}
	t.strengthen(c.row, d.Action)
	return c.row
}

// strengthen has a client counted by the strongest decision about it.
func (t *builder) strengthen(o *Offender, a lookup.Action) {
	if a <= o.action {
		return
	}
	if o.action == lookup.None {
		t.Challenged++
	}
	if a == lookup.Ban {
		t.Challenged--
		t.Banned++
	}
	o.action, o.Action = a, a.String()
}

// add takes note of a decision about a client.
func (o *Offender) add(e *Entry, d *lookup.Decision, scenario string) {
	if len(o.Verdicts) < maxVerdicts {
		o.Verdicts = append(o.Verdicts, Verdict{e.Time, e.Place(), d.Action.String(), scenario, d.Target(), d.Until})
	}
}

// report returns what was found out.
func (t *builder) report(r *Reader) *Report {
	rep := &t.Report
	rep.Clients = len(t.clients)
	rep.Skipped, rep.Redacted = r.Skipped(), r.Redacted()
	most := func(a, b *Scenario) int {
		return cmp.Or(cmp.Compare(b.Stopped, a.Stopped), cmp.Compare(b.Alerts, a.Alerts), cmp.Compare(a.Name, b.Name))
	}
	rep.Scenarios = slices.SortedFunc(maps.Values(t.scenarios), most)
	if rep.Scenarios == nil {
		rep.Scenarios = []*Scenario{}
	}
	mostRule := func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(b.Stopped, a.Stopped), cmp.Compare(b.Observed, a.Observed), cmp.Compare(a.Name, b.Name))
	}
	rep.Rules = slices.SortedFunc(maps.Values(t.rules), mostRule)
	return rep
}

// requestOf returns the method and the path of a request. The query may hold what
// should not be in a report.
func requestOf(e *Entry) string {
	if e.Event.Line != "" {
		return clip(e.Event.Line)
	}
	path, _, _ := strings.Cut(e.Target, "?")
	return clip(e.Method + " " + path)
}

// clip returns a copy of what is worth keeping of a text.
func clip(s string) string {
	return strings.ToValidUTF8(strings.Clone(s[:min(len(s), maxText)]), "\ufffd")
}
