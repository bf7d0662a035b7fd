package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	defaultAlerts = 20
	maxAlerts     = 1000
)

// Detect has the counts of detection since the start of the process.
type Detect struct {
	Scenarios int               `json:"scenarios"`           // number of running scenarios
	Skipped   []string          `json:"skipped,omitempty"`   // scenarios that cannot run here, with the reason; those for other logs come last
	Foreign   int               `json:"foreign,omitempty"`   // number of skipped that are for other logs
	Events    uint64            `json:"events"`              // requests that scenarios judged
	Dropped   uint64            `json:"dropped"`             // responses that were not judged, because too many waited
	Buckets   int               `json:"buckets"`             // buckets: one for a client and a scenario
	Bytes     int               `json:"bytes"`               // memory of the buckets
	Evicted   uint64            `json:"evicted"`             // buckets dropped because of their limit
	Alerts    uint64            `json:"alerts"`              // since the start of the engine, like the next three
	Decided   uint64            `json:"decided"`             // alerts with a local decision
	Guarded   uint64            `json:"guarded"`             // alerts with a guard
	Spared    uint64            `json:"spared"`              // alerts about exempt clients
	Guards    int               `json:"guards"`              // guards in force
	Overflows map[string]uint64 `json:"overflows,omitempty"` // alerts by scenario
	Reporters []Reporter        `json:"reporters,omitempty"`
}

// Reporter is the state of the reports to one receiver.
type Reporter struct {
	Name    string    `json:"name"`
	Queued  int       `json:"queued"`  // waiting alerts
	Sent    uint64    `json:"sent"`    // accepted alerts
	Refused uint64    `json:"refused"` // permanently refused alerts
	Dropped uint64    `json:"dropped"` // alerts dropped because the queue was full
	Last    time.Time `json:"last,omitzero"`
	Error   string    `json:"error,omitempty"` // of the last try
}

// Alerts lists the latest alerts, the newest first.
type Alerts struct {
	Alerts []Alert `json:"alerts"`
}

// Alert is an alert with its consequences.
type Alert struct {
	Time     time.Time `json:"time"`
	Scenario string    `json:"scenario"`
	Target   string    `json:"target"` // address, or network of an IPv6 address
	Events   int       `json:"events"`
	Decision *Decision `json:"decision,omitempty"` // none: it was only reported
	Spared   bool      `json:"spared,omitempty"`   // the client is exempt
	Why      string    `json:"why,omitempty"`      // the reason why it is exempt

	// The target of the guard, if there is one: then decision is about requests that it
	// stops.
	Guard     string `json:"guard,omitempty"`
	Reflected bool   `json:"reflected,omitempty"` // pages of other sites caused the requests

	Requests []Request `json:"requests,omitempty"` // the latest ones
}

// Request has the stored fields of a request that raised an alert.
type Request struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Host      string    `json:"host"`
	Path      string    `json:"path"`
	Status    int       `json:"status,omitempty"`
	UserAgent string    `json:"user_agent"`
}

func serveAlerts(a App, w http.ResponseWriter, _ *http.Request, query url.Values) error {
	limit := defaultAlerts
	if s := query.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxAlerts {
			return apiError(http.StatusBadRequest, fmt.Errorf("parameter limit: %.64q: want a number from 1 to %d", s, maxAlerts))
		}
		limit = n
	}
	answer := Alerts{Alerts: []Alert{}}
	for _, r := range slices.Backward(a.Engine().Alerts()) {
		if len(answer.Alerts) == limit {
			break
		}
		answer.Alerts = append(answer.Alerts, newAlert(&r))
	}
	return send(w, http.StatusOK, answer)
}

func newAlert(r *engine.Record) Alert {
	a := Alert{
		Time: InSeconds(r.Time), Scenario: r.Alert.Scenario, Target: targetOf(&r.Alert),
		Events: r.Alert.Count, Spared: r.Spared, Why: r.Why,
		Guard: guardOf(r), Reflected: r.Alert.Reflected,
	}
	if r.Decision.Action != lookup.None {
		d := NewDecision(&r.Decision)
		a.Decision = &d
	}
	for _, c := range r.Alert.Context {
		a.Requests = append(a.Requests, Request{InSeconds(c.Time), c.Method, c.Host, c.Target, c.Status, c.UserAgent})
	}
	return a
}

// guardOf returns the target of the guard for an alert, or "".
func guardOf(r *engine.Record) string {
	switch {
	case !r.Guard:
		return ""
	case r.Alert.Guard == event.GuardPlace:
		return r.Alert.Place
	case r.Alert.Guard == event.GuardNetwork:
		return r.Alert.Prefix.String()
	}
	return "cross-site requests"
}

func targetOf(a *event.Alert) string {
	if a.Guard == event.GuardPlace {
		return "many"
	}
	if a.Prefix.IsValid() && !a.Prefix.IsSingleIP() {
		return a.Prefix.String()
	}
	return a.Client.String()
}

func alertsFlags(cmd *cobra.Command) {
	cmd.Flags().Int("limit", defaultAlerts, "Maximum number of alerts to show")
}

func (c *call) alerts() (int, error) {
	limit, err := c.Flags().GetInt("limit")
	if err != nil {
		return 0, err
	}
	if limit < 1 {
		return 0, errors.New("--limit: must be greater than 0")
	}
	var a Alerts
	if err := c.ask(http.MethodGet, "/tocsin/alerts", url.Values{"limit": {strconv.Itoa(limit)}}, &a); err != nil {
		return 0, err
	}
	return 0, c.print(a.write)
}

func (a *Alerts) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		t.row("TIME", "CLIENT", "SCENARIO", "REQUESTS", "DECISION", "LAST REQUEST")
		for _, al := range a.Alerts {
			decision := "-"
			switch {
			case al.Spared:
				decision = "spared: " + al.Why
			case al.Guard != "":
				decision = "guard on " + al.Guard + ", ends " + t.in(al.Decision.Until, "never")
			case al.Decision != nil:
				decision = al.Decision.Action + ", ends " + t.in(al.Decision.Until, "never")
			}
			last := ""
			if n := len(al.Requests); n > 0 {
				last = al.Requests[n-1].Method + " " + al.Requests[n-1].Path
			}
			t.row(t.ago(al.Time), al.Target, al.Scenario, al.Events, decision, last)
		}
	})
}

// write prints a in the status.
func (a *Detect) write(t table) {
	t.row()
	t.row("DETECT", "EVENTS", "ALERTS", "DECIDED", "GUARDS NOW", "SPARED", "SKIPPED SCENARIOS", "DROPPED EVENTS")
	t.row(fmt.Sprintf("%d scenarios", a.Scenarios), a.Events, a.Alerts, a.Decided, a.Guards, a.Spared, len(a.Skipped), a.Dropped)
	a.writeSkipped(t)
	if len(a.Reporters) > 0 {
		t.row()
		t.row("REPORT TO", "SENT", "QUEUED", "REFUSED", "DROPPED", "LAST", "LAST ERROR")
		for _, r := range a.Reporters {
			t.row(r.Name, r.Sent, r.Queued, r.Refused, r.Dropped, t.ago(r.Last), r.Error)
		}
	}
	if len(a.Overflows) > 0 {
		t.counts("SCENARIO", "ALERTS", a.Overflows)
	}
}

// maxSkippedRows is how many skipped scenarios the command status shows. CrowdSec's hub
// has hundreds.
const maxSkippedRows = 20

// writeSkipped prints the skipped scenarios, except those for other logs.
func (a *Detect) writeSkipped(t table) {
	rows := a.Skipped[:max(len(a.Skipped)-a.Foreign, 0)]
	if len(rows) == 0 {
		return
	}
	t.row()
	t.row("SKIPPED")
	for i, s := range rows {
		if i == maxSkippedRows {
			t.row(fmt.Sprintf("and %d more: see --json", len(rows)-i))
			return
		}
		t.row(s)
	}
}
