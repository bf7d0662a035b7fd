package lapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const decisionPath = "/v1/decisions/" // followed by an ID

// An Alert is an alert that a machine has sent and the server has accepted.
type Alert struct {
	ID      int
	Machine string
	JSON    []byte // as it came
}

// Alerts returns the alerts accepted so far, the oldest first.
func (h *Handler) Alerts() []Alert {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.alerts)
}

// requiredInAlert are the keys that an alert must have, in the order in which
// the server misses them.
var requiredInAlert = []string{
	"capacity", "events", "events_count", "leakspeed", "message", "scenario", "scenario_hash",
	"scenario_version", "simulated", "source", "start_at", "stop_at",
}

// An alert has the fields of an alert that the fake uses.
type alert struct {
	Scenario    string
	Simulated   bool
	Remediation bool
	StopAt      string `json:"stop_at"`
	Source      struct{ Scope, Value string }
	Decisions   []struct{ Origin, Type, Scope, Value, Duration, Scenario string }

	// The following fields only need the right type.
	Capacity    int32
	EventsCount int32 `json:"events_count"`
	Leakspeed   string
	Message     string
	Meta        []meta
	Events      []struct {
		Timestamp string
		Meta      []meta
	}
}

type meta struct{ Key, Value string }

func (h *Handler) pushAlerts(w http.ResponseWriter, r *http.Request, machine string) {
	var in []json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		message(w, http.StatusBadRequest, err.Error())
		return
	}
	if missing := missingInAlerts(in); len(missing) > 0 {
		// The client is at fault, but the server answers 500 all the same.
		message(w, http.StatusInternalServerError, "validation failure list:\n"+strings.Join(missing, "\n"))
		return
	}
	h.takeAlerts(w, in, machine)
}

// takeAlerts stores alerts and their decisions, all or none, and answers with the ids.
func (h *Handler) takeAlerts(w http.ResponseWriter, in []json.RawMessage, machine string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.stampLocked()
	ids := []string{}
	var rows []Decision
	var taken []Alert
	for _, raw := range in {
		var a alert
		if err := json.Unmarshal(raw, &a); err != nil {
			message(w, http.StatusBadRequest, err.Error())
			return
		}
		ds, keep, err := h.judgeLocked(a, now)
		if err != nil { // then the whole batch is rolled back
			message(w, http.StatusInternalServerError, h.rolledBack(machine)+err.Error())
			return
		}
		if !keep {
			continue
		}
		id := h.nextAlert + len(taken) + 1
		taken = append(taken, Alert{ID: id, Machine: machine, JSON: bytes.Clone(raw)})
		ids = append(ids, strconv.Itoa(id))
		rows = append(rows, ds...)
	}
	h.nextAlert += len(taken)
	h.alerts = append(h.alerts, taken...)
	for _, d := range rows {
		h.insertLocked(d, now, now)
	}
	writeJSON(w, http.StatusCreated, ids)
}

// rolledBack is the beginning of the error about an alert of which nothing is stored.
func (h *Handler) rolledBack(machine string) string {
	if h.gen == Old {
		return "unable to create alerts: "
	}
	return fmt.Sprintf("machine \"%s\": building decisions for alert 00000000-0000-4000-8000-000000000000: creating alert decisions: ", machine)
}

func missingInAlerts(in []json.RawMessage) []string {
	var missing []string
	for i, raw := range in {
		var keys map[string]json.RawMessage
		_ = json.Unmarshal(raw, &keys) // no object has no keys
		for _, k := range requiredInAlert {
			if v := keys[k]; len(v) == 0 || string(v) == "null" {
				missing = append(missing, fmt.Sprintf("%d.%s in body is required", i, k))
			}
		}
	}
	return missing
}

// judgeLocked returns the decisions that a leads to and whether it is kept.
func (h *Handler) judgeLocked(a alert, now time.Time) (ds []Decision, keep bool, err error) {
	stop, parseErr := time.Parse(time.RFC3339, a.StopAt)
	if parseErr != nil {
		stop = now
	}
	for _, d := range a.Decisions {
		length, err := parseDuration(d.Duration)
		if err != nil {
			return nil, false, fmt.Errorf("decision duration '%s'%s: %w: unable to parse duration", d.Duration, blank(h.gen), err)
		}
		if _, ok := parsePrefix(d.Value); !ok && (d.Scope == "Ip" || d.Scope == "Range") {
			if h.gen == Old {
				return nil, false, fmt.Errorf("invalid addr/range %s : invalid address: unable to parse duration", d.Value)
			}
			continue
		}
		ds = append(ds, Decision{
			Origin: d.Origin, Scenario: d.Scenario, Scope: d.Scope, Type: d.Type, Value: d.Value,
			Duration: stop.Add(length).Sub(now), Simulated: a.Simulated,
		})
	}
	if len(a.Decisions) > 0 {
		return ds, len(ds) > 0, nil
	}
	scope := canonicalScope(a.Source.Scope)
	addressed := scope == "Ip" || scope == "Range"
	p, valid := parsePrefix(a.Source.Value)
	if addressed && (!valid || slices.ContainsFunc(h.allowed, p.Overlaps)) {
		return nil, false, nil
	}
	if a.Remediation && addressed {
		ds = append(ds, Decision{
			Origin: "crowdsec", Scenario: a.Scenario, Scope: scope, Value: a.Source.Value,
			Duration: stop.Add(defaultDuration).Sub(now), Simulated: a.Simulated,
		})
	}
	return ds, true, nil
}

// parseDuration also accepts days, which the server reads but never writes.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	return time.ParseDuration(s)
}

// endDecisions serves DELETE /v1/decisions.
func (h *Handler) endDecisions(w http.ResponseWriter, r *http.Request, _ string) {
	q := r.URL.Query()
	f, err := parseFilter(q, h.Generation())
	if err == nil && q.Has("scope") {
		err = fmt.Errorf("'scope' doesn't exist: invalid filter")
	}
	if err != nil {
		message(w, http.StatusInternalServerError, err.Error())
		return
	}
	f.scopes = list(q.Get("scopes")) // here compared as it stands
	f.origins, f.scenario, f.simulated = list(q.Get("origin")), q.Get("scenario"), true
	ended(w, h.endInForce(f.match))
}

// endDecision serves DELETE /v1/decisions/{id}.
func (h *Handler) endDecision(w http.ResponseWriter, r *http.Request, _ string) {
	arg := strings.TrimPrefix(r.URL.Path, decisionPath)
	id, err := strconv.ParseInt(arg, 10, 64)
	if err != nil {
		message(w, http.StatusBadRequest, "decision_id must be valid integer")
		return
	}
	if !h.DeleteID(id) {
		message(w, http.StatusInternalServerError, fmt.Sprintf("decision with id '%d' doesn't exist: unable to delete", id))
		return
	}
	ended(w, 1)
}

func ended(w http.ResponseWriter, n int) {
	writeJSON(w, http.StatusOK, map[string]string{"nbDeleted": strconv.Itoa(n)})
}
