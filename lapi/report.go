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
	maxPush       = 50               // alerts at once, as many as the API puts into one transaction
	pushTimeout   = 30 * time.Second // 1.4.6 under load takes a second for them
	maxPushAnswer = 64 << 10         // bytes of a list of ids
	maxHeartbeat  = 4 << 10

	// A database of the API that is busy fails at random, also in the midst of a
	// batch. So its failures are taken for an alert's fault only after maxFailed
	// pushes in a row, at one that fails tries times by itself, and not at more
	// than maxSuspects one after the other.
	maxFailed   = 5
	tries       = 3
	tryAgain    = 300 * time.Millisecond
	maxSuspects = 3
)

// Report tells CrowdSec of alerts, in their order, and returns how many of them
// it has taken and how many it has refused. The two make up the alerts at the
// beginning of the list that are dealt with; err says why the next one is not,
// and those from there on are to be reported again.
//
// Refused are alerts that the server says are malformed, by itself and each on
// its own, and those that it drops in silence, because of an allowlist mostly.
// Alerts about private and loopback addresses and about ones on an allowlist are
// not sent at all, and count as refused, too. What leaves this server is the
// client's address, where that is as far as Config.Locate says, the scenario, and of up to ten requests the time, method,
// path, status and user agent; query and host only if Config.Context says so, and
// no header or body besides.
//
// An answer that is lost on its way makes for a report sent twice, and so does a
// server whose database is busy: CrowdSec 1.4.6 may fail after the fact.
//
// It is for one goroutine at a time.
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
		if c.mayTell(&alerts[i], allowed) {
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

// An outgoing is an alert to be sent.
type outgoing struct {
	*event.Alert
	index int // in the list that was given
}

// allowlistNow returns what the allowlists have if alerts bring decisions: those
// get around the server's own check, so that it has to be made here, and on
// what holds now.
func (c *Client) allowlistNow(ctx context.Context) ([]lookup.Decision, error) {
	if !c.cfg.Decide {
		return nil, nil
	}
	entries, err := c.machine.allowlists(ctx)
	if isRefusal(err, http.StatusNotFound) {
		return nil, nil // CrowdSec before 1.6.6 has none
	}
	return entries, err
}

// mayTell reports whether CrowdSec may be told of a.
func (c *Client) mayTell(a *event.Alert, allowed []lookup.Decision) bool {
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

// push sends up to maxPush alerts at once. It returns how many are taken and how
// many are dealt with, both from the beginning.
func (c *Client) push(ctx context.Context, batch []outgoing) (taken, done int, err error) {
	taken, err = c.post(ctx, batch)
	switch {
	case err == nil:
		c.stuck = 0
		if dropped := len(batch) - taken; dropped > 0 {
			c.log.Info("CrowdSec has dropped alerts: it has their addresses on an allowlist, most likely",
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

// pushEach sends alerts one by one that the API has not taken together. One that
// it calls malformed is given up. One on which it fails is given up once it takes
// another after it, and stays until then.
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

// postFirmly is post, but for a failure that does not last.
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

// giveUp says of each of the first alerts why it is not reported.
func (c *Client) giveUp(batch []outgoing, failures []error) {
	for i, err := range failures {
		c.log.Error("CrowdSec refuses an alert: it is given up", zap.String("scenario", batch[i].Scenario), zap.Error(err))
	}
}

// post sends alerts and returns how many are taken.
func (c *Client) post(ctx context.Context, batch []outgoing) (int, error) {
	now := time.Now()
	list := make([]*pushed, len(batch))
	tell := disclosure{
		decide: c.cfg.Decide,
		query:  slices.Contains(c.cfg.Context, contextQuery), host: slices.Contains(c.cfg.Context, contextHost),
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
		return len(batch), nil // it has taken them, and only the numbers are lost
	}
	if err != nil && answer.code != 0 {
		return 0, &rejection{err}
	}
	if err != nil {
		return 0, err
	}
	var ids []string
	if err := json.Unmarshal(answer.body, &ids); err != nil || answer.code != http.StatusCreated {
		return 0, fmt.Errorf("status %d with %.64q, which is no list of alerts: is the URL that of CrowdSec's Local API?", answer.code, answer.body)
	}
	return min(len(ids), len(batch)), nil
}

// A rejection is the API's answer to alerts, where a refusal may be one to a
// login as well.
type rejection struct{ error }

func (r *rejection) Unwrap() error { return r.error }

// isAboutAlerts reports whether err may have to do with what was sent.
func isAboutAlerts(err error) bool {
	r, ok := errors.AsType[*rejection](err)
	return ok && (isMalformed(err) || isRefusal(r.error, http.StatusInternalServerError))
}

// malformed are the words in which the API calls an alert so, all with status
// 500: that of its checks, of its database's, and of a decision's length.
var malformed = []string{"validation failure", "validator failed", "unable to parse duration"}

// isMalformed reports whether err says that the API will never take what was
// sent. For a missing field it answers 500, like for a database that is busy,
// and only its words tell the two apart.
func isMalformed(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	if ok && r.code == http.StatusInternalServerError {
		return slices.ContainsFunc(malformed, func(words string) bool { return strings.Contains(r.text, words) })
	}
	return isRefusal(err, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
}

// Heartbeat tells CrowdSec that the machine is alive, as it expects once a
// minute: `cscli machines list` shows it. It is a way to find out whether the
// machine may log in, too. The error is [ErrNoMachine] if the Config names none.
func (c *Client) Heartbeat(ctx context.Context) error {
	if c.machine == nil {
		return ErrNoMachine
	}
	if _, err := c.machine.ask(ctx, order{method: http.MethodGet, path: heartbeatPath, limit: maxHeartbeat}); err != nil {
		return fmt.Errorf("sending a heartbeat: %w", err)
	}
	return nil
}

// Reports reports whether Report can be of use: whether there is a machine.
func (c *Client) Reports() bool { return c.machine != nil }
