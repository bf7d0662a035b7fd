package lapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	alertsPath    = "/v1/alerts"
	heartbeatPath = "/v1/heartbeat"
	maxPush       = 50               // alerts at once: the API stores that many in one transaction
	pushTimeout   = 30 * time.Second // CrowdSec 1.4.6 under load takes a second for them
	maxPushAnswer = 64 << 10         // bytes of a list of ids
	maxHeartbeat  = 4 << 10

	// A busy database of the API fails at random, also in the middle of a batch. So an
	// alert counts as the cause only after maxFailed pushes in a row, if it fails tries
	// times alone, and for at most maxSuspects alerts in a row.
	maxFailed   = 5
	tries       = 3
	tryAgain    = 300 * time.Millisecond
	maxSuspects = 3
)

// Report sends alerts to CrowdSec in their order, and returns how many it accepted and
// how many it refused. Together these are the first alerts of the list. If err is not
// nil, it is the reason why the next alert failed: the caller must report that one and
// all after it again.
//
// An alert is refused if the server calls it malformed when it is sent alone, or drops
// it silently, usually because of an allowlist. Alerts about private and loopback
// addresses and about allowlisted ones are not sent, and count as refused too. CrowdSec
// gets the client's address, its place from Config.Locate, the scenario, and of up to
// ten requests the time, method, path, status and user agent. It gets query and host
// only if Config.Context says so, and no other header and no body.
//
// A report may arrive twice, if an answer is lost, or if the database is busy: CrowdSec
// 1.4.6 may fail after it has stored the alerts.
//
// Only one goroutine may call it at a time.
func (c *Client) Report(ctx context.Context, alerts []event.Alert) (taken, refused int, err error) {
	if c.machine == nil {
		return 0, 0, ErrNoMachine
	}
	allowed, err := c.allowlistNow(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("reporting alerts: %w", err)
	}
	var batch []outgoing
	for i := range alerts {
		if c.mayReport(&alerts[i], allowed) {
			batch = append(batch, outgoing{&alerts[i], i})
		}
	}
	done := 0
	for done < len(batch) && err == nil {
		t, d := 0, 0
		t, d, err = c.push(ctx, batch[done:min(len(batch), done+maxPush)])
		taken, done = taken+t, done+d
	}
	end := len(alerts)
	if err != nil {
		end = batch[done].index
		err = fmt.Errorf("reporting alerts: %w", err)
	}
	return taken, end - taken, err
}

// An outgoing is an alert to send.
type outgoing struct {
	*event.Alert
	index int // in the caller's list
}

// allowlistNow returns the current allowlists if alerts carry decisions. Those bypass
// the server's own check, so the check is made here.
func (c *Client) allowlistNow(ctx context.Context) ([]lookup.Decision, error) {
	if !c.cfg.Decide {
		return nil, nil
	}
	entries, err := c.machine.allowlists(ctx)
	if isRefusal(err, http.StatusNotFound) {
		return nil, nil // CrowdSec before 1.6.6 has no allowlists
	}
	return entries, err
}

// mayReport reports whether a may be sent to CrowdSec.
func (c *Client) mayReport(a *event.Alert, allowed []lookup.Decision) bool {
	p, ok := meant(a)
	if !ok {
		return false
	}
	for _, ip := range []netip.Addr{p.Addr(), lookup.Normalize(a.Client)} {
		if ip.IsValid() && (!lookup.IsPublic(ip) || c.Allowlisted(ip)) {
			return false
		}
	}
	now := time.Now()
	return !slices.ContainsFunc(allowed, func(entry lookup.Decision) bool {
		return entry.Prefix.Overlaps(p) && (entry.Until.IsZero() || entry.Until.After(now))
	})
}

// push sends up to maxPush alerts at once. It returns how many were accepted, and how
// many of the first ones are done.
func (c *Client) push(ctx context.Context, batch []outgoing) (taken, done int, err error) {
	taken, err = c.post(ctx, batch)
	switch {
	case err == nil:
		c.stuck = 0
		if dropped := len(batch) - taken; dropped > 0 {
			c.log.Info("CrowdSec has dropped alerts, probably because their addresses are on an allowlist",
				zap.Int("dropped", dropped), zap.Int("of", len(batch)))
		}
		return taken, len(batch), nil
	case !isAboutAlerts(err):
		return 0, 0, err
	case !isMalformed(err):
		if c.stuck++; c.stuck < maxFailed {
			return 0, 0, err
		}
	}
	return c.pushEach(ctx, batch)
}

// pushEach sends alerts one by one that the API did not accept together. It drops an
// alert that the API calls malformed. It drops an alert on which the API fails once the
// API accepts a later one.
func (c *Client) pushEach(ctx context.Context, batch []outgoing) (taken, done int, err error) {
	var failures []error // of the alerts from done on
	for i := range batch {
		n, err := c.postFirmly(ctx, batch[i:i+1])
		if err != nil && (!isAboutAlerts(err) || !isMalformed(err) && c.stuck < maxFailed) {
			return taken, done, err
		}
		if err != nil {
			failures = append(failures, err)
		}
		if err == nil || len(failures) == 1 && isMalformed(err) {
			c.giveUp(batch[done:], failures)
			taken, done, failures = taken+n, i+1, nil
		}
		if len(failures) >= maxSuspects {
			break
		}
	}
	if len(failures) > 0 {
		return taken, done, failures[0]
	}
	c.stuck = 0
	return taken, done, nil
}

// postFirmly is post with retries after a failure.
func (c *Client) postFirmly(ctx context.Context, batch []outgoing) (taken int, err error) {
	for try := 1; ; try++ {
		taken, err = c.post(ctx, batch)
		if !isAboutAlerts(err) || isMalformed(err) || try == tries {
			return taken, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(tryAgain):
		}
	}
}

// giveUp logs for each of the first alerts why it is dropped.
func (c *Client) giveUp(batch []outgoing, failures []error) {
	for i, err := range failures {
		c.log.Error("CrowdSec refuses an alert: it is dropped", zap.String("scenario", batch[i].Scenario), zap.Error(err))
	}
}

// post sends alerts and returns how many were accepted.
func (c *Client) post(ctx context.Context, batch []outgoing) (int, error) {
	now := time.Now()
	list := make([]*pushed, len(batch))
	tell := disclosure{
		decide: c.cfg.Decide,
		query:  slices.Contains(c.cfg.Context, ContextQuery), host: slices.Contains(c.cfg.Context, ContextHost),
		locate: c.cfg.Locate,
	}
	for i := range batch {
		list[i] = newPushed(batch[i].Alert, now, tell)
	}
	body, err := json.Marshal(list)
	if err != nil {
		return 0, err
	}
	answer, err := c.machine.ask(ctx, order{
		method: http.MethodPost, path: alertsPath, body: body, limit: maxPushAnswer, patience: pushTimeout,
	})
	if errors.Is(err, errUnread) && answer.code == http.StatusCreated {
		return len(batch), nil // it has accepted them, only the numbers are lost
	}
	if err != nil && answer.code != 0 {
		return 0, &rejection{err}
	}
	if err != nil {
		return 0, err
	}
	var ids []string
	if err := json.Unmarshal(answer.body, &ids); err != nil || answer.code != http.StatusCreated {
		return 0, fmt.Errorf("status %d with %.64q, which is not a list of alert ids: is the URL that of CrowdSec's Local API?", answer.code, answer.body)
	}
	return min(len(ids), len(batch)), nil
}

// A rejection is the API's error about alerts. A refusal may also be about a login.
type rejection struct{ error }

func (r *rejection) Unwrap() error { return r.error }

// isAboutAlerts reports whether the alerts may be the cause of err.
func isAboutAlerts(err error) bool {
	r, ok := errors.AsType[*rejection](err)
	return ok && (isMalformed(err) || isRefusal(r.error, http.StatusInternalServerError))
}

// malformed are parts of the API's errors about malformed alerts, all with status 500:
// from its own checks, from its database's, and about a decision's duration.
var malformed = []string{"validation failure", "validator failed", "unable to parse duration"}

// isMalformed reports whether err means that the API will never accept these alerts.
// For a missing field it answers 500, as for a busy database, so only the text shows
// the difference.
func isMalformed(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	if ok && r.code == http.StatusInternalServerError {
		return slices.ContainsFunc(malformed, func(words string) bool { return strings.Contains(r.text, words) })
	}
	return isRefusal(err, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
}

// Heartbeat tells CrowdSec that the machine is alive. CrowdSec expects this once a
// minute, and `cscli machines list` shows it. It also shows whether the machine may log
// in. The error is [ErrNoMachine] if the Config has no machine.
func (c *Client) Heartbeat(ctx context.Context) error {
	if c.machine == nil {
		return ErrNoMachine
	}
	if _, err := c.machine.ask(ctx, order{method: http.MethodGet, path: heartbeatPath, limit: maxHeartbeat}); err != nil {
		return fmt.Errorf("sending a heartbeat: %w", err)
	}
	return nil
}

// Reports reports whether Report can work: it needs a machine.
func (c *Client) Reports() bool { return c.machine != nil }
