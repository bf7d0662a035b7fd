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

// Detect says what was looked for and found, since the process began.
type Detect struct {
	Scenarios int               `json:"scenarios"`           // that are looked for
	Skipped   []string          `json:"skipped,omitempty"`   // what cannot run here, and why; what is for other logs comes last
	Foreign   int               `json:"foreign,omitempty"`   // how many of skipped are for other logs
	Events    uint64            `json:"events"`              // requests that scenarios were asked about
	Dropped   uint64            `json:"dropped"`             // responses that were not looked at, since too many waited
	Buckets   int               `json:"buckets"`             // clients and scenarios that something is counted of
	Bytes     int               `json:"bytes"`               // that these take
	Evicted   uint64            `json:"evicted"`             // of them forgotten for want of room
	Alerts    uint64            `json:"alerts"`              // since the engine was made, and so the next three
	Decided   uint64            `json:"decided"`             // that led to a decision here
	Guarded   uint64            `json:"guarded"`             // that led to a guard
	Spared    uint64            `json:"spared"`              // about clients that are spared
	Guards    int               `json:"guards"`              // that are up now
	Overflows map[string]uint64 `json:"overflows,omitempty"` // alerts by scenario
	Reporters []Reporter        `json:"reporters,omitempty"`
}

// Reporter says how telling a Local API of alerts goes.
type Reporter struct {
	Name    string    `json:"name"`
	Queued  int       `json:"queued"`  // alerts that wait
	Sent    uint64    `json:"sent"`    // and were taken
	Refused uint64    `json:"refused"` // and never will be
	Dropped uint64    `json:"dropped"` // that had to make room for others
	Last    time.Time `json:"last,omitzero"`
	Error   string    `json:"error,omitempty"` // why the last try failed
}

// Alerts lists the last alerts, the newest first.
type Alerts struct {
	Alerts []Alert `json:"alerts"`
}

// Alert is an alert and what became of it.
type Alert struct {
	Time     time.Time `json:"time"`
	Scenario string    `json:"scenario"`
	Target   string    `json:"target"` // address, or network of an IPv6 address
	Events   int       `json:"events"`
	Decision *Decision `json:"decision,omitempty"` // none: it was only told of
	Spared   bool      `json:"spared,omitempty"`   // nothing may be decided about the client
	Why      string    `json:"why,omitempty"`      // it is spared

	// What is guarded, if nobody is to be blamed: decision is about requests that meet it.
	Guard     string `json:"guard,omitempty"`
	Reflected bool   `json:"reflected,omitempty"` // other pages had the client's browser do it

	Requests []Request `json:"requests,omitempty"` // the last of them
}

// Request is what is kept of a request that led to an alert.
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

// guardOf says what is guarded because of an alert; nothing if nothing is.
func guardOf(r *engine.Record) string {
	switch {
	case !r.Guard:
		return ""
	case r.Alert.Guard == event.GuardPlace:
		return r.Alert.Place
	case r.Alert.Guard == event.GuardNetwork:
		return r.Alert.Prefix.String()
	}
	return "what other pages send"
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
	cmd.Flags().Int("limit", defaultAlerts, "How many alerts to show at most")
}

func (c *call) alerts() (int, error) {
	limit, err := c.Flags().GetInt("limit")
	if err != nil {
		return 0, err
	}
	if limit < 1 {
		return 0, errors.New("--limit: want a number above 0")
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

// write prints what a says below the status.
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

// maxSkippedRows is how many of the scenarios that were left out the command
// status shows. CrowdSec's hub has hundreds.
const maxSkippedRows = 20

// writeSkipped prints what was left out, but for what is for other logs.
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
