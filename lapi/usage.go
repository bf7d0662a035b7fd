package lapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	usageTimeout = 10 * time.Second
	lastTimeout  = time.Second // for the last report: whoever ends Run waits for it, two seconds in an engine
	usagePath    = "/v1/usage-metrics"
)

// A usageReporter tells CrowdSec every now and then what was done with decisions, and
// what the bouncer and the machine run on, for as long as it runs.
type usageReporter struct {
	*api

	name     string
	born     time.Time
	system   *operatingSystem // nil: not known
	interval time.Duration
	counted  func() []UsageItem // nil: nothing
	levels   func() []UsageItem // gauges besides; nil: none
	machine  *machine           // nil: none
	note     func(error)        // told of how the reports of the bouncer stand
	ledger   *usageLedger
}

// usageReporter returns what tells of c.
func (c *Client) usageReporter(t *lookup.Table) *usageReporter {
	return &usageReporter{
		api: &c.api, name: c.cfg.Name, born: c.born, system: thisSystem(), interval: c.cfg.MetricsInterval,
		counted: c.cfg.Usage, levels: func() []UsageItem { return activeDecisions(t, c.cfg.Name) },
		machine: c.machine, ledger: newUsageLedger(c.born),
		note: func(err error) { c.note(func(_ *lookup.Status, s *Stats) { s.Usage.note(err) }) },
	}
}

// run reports until ctx ends, and then what CrowdSec has not been told yet. What is
// not taken is told the next time.
func (u *usageReporter) run(ctx context.Context) {
	tick := time.NewTicker(u.interval)
	defer tick.Stop()
	var failing string
	for {
		u.introduce(ctx)
		select {
		case <-ctx.Done():
			u.reportLast(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
		err := u.send(ctx)
		if ctx.Err() != nil {
			continue // it is told with the last report
		}
		if isRefusal(err, http.StatusNotFound) {
			continue // CrowdSec before 1.6.3 does not want to know; it may be upgraded
		}
		kind := ""
		if err != nil {
			if kind, _ = kindOf(err); kind != failing {
				u.log.Warn("CrowdSec does not take the usage metrics: they are kept", zap.Error(err))
			}
		}
		failing = kind
		u.note(err)
	}
}

// reportLast tells what was counted since the last report, if anything was. There
// is no second try: the counters end with the program.
func (u *usageReporter) reportLast(ctx context.Context) {
	if len(u.ledger.unsent(u.counts())) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastTimeout)
	defer cancel()
	err := u.send(ctx)
	if isRefusal(err, http.StatusNotFound) {
		return
	}
	if err != nil {
		u.log.Warn("CrowdSec does not take the last usage metrics: they are lost", zap.Error(err))
	}
	u.note(err)
}

func (u *usageReporter) counts() []UsageItem {
	if u.counted == nil {
		return nil
	}
	return u.counted()
}

// note notes how the last report went.
func (u *Usage) note(err error) {
	if u.Err = err; err != nil {
		u.Failures++
		return
	}
	u.Sent = time.Now()
	u.Reports++
}

func (u *usageReporter) send(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	now, counted := time.Now(), u.counts()
	items := u.ledger.unsent(counted)
	if u.levels != nil {
		counted = append(counted, u.levels()...)
	}
	items = append(items, u.ledger.gauges(counted)...)
	body, err := json.Marshal(u.report(now, items))
	if err != nil {
		return fmt.Errorf("writing usage metrics: %w", err)
	}
	req, err := u.newRequest(ctx, http.MethodPost, usagePath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	u.sign(req)
	resp, err := u.do(req)
	if err != nil {
		return fmt.Errorf("sending usage metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return fmt.Errorf("sending usage metrics: %w", u.refuse(resp, u.hint()))
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxMessage) // so that the connection can be used again
	u.ledger.acknowledge(items, now)
	return nil
}

// introduce tells CrowdSec what the machine is, as agents do: `cscli machines list`
// shows its operating system then. Why it cannot is said where the machine has more to
// do.
func (u *usageReporter) introduce(ctx context.Context) {
	if u.machine == nil || ctx.Err() != nil {
		return
	}
	body, err := json.Marshal(u.introduction(time.Now()))
	if err == nil {
		_, err = u.machine.ask(ctx, order{method: http.MethodPost, path: usagePath, body: body, limit: maxMessage})
	}
	if err != nil && !isRefusal(err, http.StatusNotFound) {
		u.log.Debug("CrowdSec does not take what the machine is", zap.Error(err))
	}
}
