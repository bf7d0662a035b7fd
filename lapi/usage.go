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
	lastTimeout  = time.Second // for the last report: the end of Run waits for it, and an engine allows two seconds
	usagePath    = "/v1/usage-metrics"
)

// A usageReporter regularly sends CrowdSec the usage metrics, and the operating system
// of bouncer and machine.
type usageReporter struct {
	*api

	name     string
	born     time.Time
	system   *operatingSystem // nil: unknown
	interval time.Duration
	counted  func() []UsageItem // nil: none
	levels   func() []UsageItem // additional gauges; nil: none
	machine  *machine           // nil: none
	note     func(error)        // gets the result of each report of the bouncer
	ledger   *usageLedger
}

// usageReporter returns the reporter of c.
func (c *Client) usageReporter(t *lookup.Table) *usageReporter {
	return &usageReporter{
		api: &c.api, name: c.cfg.Name, born: c.born, system: thisSystem(), interval: c.cfg.MetricsInterval,
		counted: c.cfg.Usage, levels: func() []UsageItem { return activeDecisions(t, c.cfg.Name) },
		machine: c.machine, ledger: newUsageLedger(c.born),
		note: func(err error) { c.note(func(_ *lookup.Status, s *Stats) { s.Usage.note(err) }) },
	}
}

// run reports until ctx ends, and then sends the rest. The next report repeats what
// CrowdSec did not accept.
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
			continue // the last report sends it
		}
		if isRefusal(err, http.StatusNotFound) {
			continue // CrowdSec before 1.6.3 does not accept reports, but it may be upgraded
		}
		kind := ""
		if err != nil {
			if kind, _ = kindOf(err); kind != failing {
				u.log.Warn("CrowdSec does not accept the usage metrics: they are sent again later", zap.Error(err))
			}
		}
		failing = kind
		u.note(err)
	}
}

// reportLast sends the counts since the last report, if there are any. There is no
// second try, because the counters end with the program.
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
		u.log.Warn("CrowdSec does not accept the last usage metrics: they are lost", zap.Error(err))
	}
	u.note(err)
}

func (u *usageReporter) counts() []UsageItem {
	if u.counted == nil {
		return nil
	}
	return u.counted()
}

// note records the result of the last report.
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

// introduce sends CrowdSec the operating system of the machine, like its agents: `cscli
// machines list` shows it. Failures are only logged at debug level, because other
// requests of the machine log them too.
func (u *usageReporter) introduce(ctx context.Context) {
	if u.machine == nil || ctx.Err() != nil {
		return
	}
	body, err := json.Marshal(u.introduction(time.Now()))
	if err == nil {
		_, err = u.machine.ask(ctx, order{method: http.MethodPost, path: usagePath, body: body, limit: maxMessage})
	}
	if err != nil && !isRefusal(err, http.StatusNotFound) {
		u.log.Debug("CrowdSec does not accept the operating system of the machine", zap.Error(err))
	}
}
