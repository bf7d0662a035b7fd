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

// reportUsage tells CrowdSec every now and then what was done with decisions,
// until ctx ends, and then what it has not been told yet. What is not taken is told
// the next time.
func (c *Client) reportUsage(ctx context.Context, t *lookup.Table) {
	tick := time.NewTicker(c.cfg.MetricsInterval)
	defer tick.Stop()
	var failing string
	l := newUsageLedger(c.born)
	for {
		select {
		case <-ctx.Done():
			c.reportLast(context.WithoutCancel(ctx), l, t)
			return
		case <-tick.C:
		}
		err := c.sendUsage(ctx, l, t)
		if ctx.Err() != nil {
			continue // it is told with the last report
		}
		if isRefusal(err, http.StatusNotFound) {
			continue // CrowdSec before 1.6.3 does not want to know; it may be upgraded
		}
		kind := ""
		if err != nil {
			if kind, _ = kindOf(err); kind != failing {
				c.log.Warn("CrowdSec does not take the usage metrics: they are kept", zap.Error(err))
			}
		}
		failing = kind
		c.noteUsage(err)
	}
}

// reportLast tells what was counted since the last report, if anything was. There
// is no second try: the counters end with the program.
func (c *Client) reportLast(ctx context.Context, l *usageLedger, t *lookup.Table) {
	if c.cfg.Usage == nil || len(l.unsent(c.cfg.Usage())) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastTimeout)
	defer cancel()
	err := c.sendUsage(ctx, l, t)
	if isRefusal(err, http.StatusNotFound) {
		return
	}
	if err != nil {
		c.log.Warn("CrowdSec does not take the last usage metrics: they are lost", zap.Error(err))
	}
	c.noteUsage(err)
}

func (c *Client) noteUsage(err error) {
	c.note(func(_ *lookup.Status, s *Stats) {
		if s.Usage.Err = err; err == nil {
			s.Usage.Sent = time.Now()
		}
	})
}

func (c *Client) sendUsage(ctx context.Context, l *usageLedger, t *lookup.Table) error {
	ctx, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	var counted []UsageItem
	if c.cfg.Usage != nil {
		counted = c.cfg.Usage()
	}
	now := time.Now()
	counters := l.unsent(counted)
	body, err := json.Marshal(c.usageReport(l, now, append(counters, activeDecisions(t, c.cfg.Name)...)))
	if err != nil {
		return fmt.Errorf("writing usage metrics: %w", err)
	}
	req, err := c.newRequest(ctx, http.MethodPost, usagePath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	c.sign(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("sending usage metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return fmt.Errorf("sending usage metrics: %w", c.refuse(resp, c.hint()))
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxMessage) // so that the connection can be used again
	l.acknowledge(counters, now)
	return nil
}

// What follows is the report as the API has it. Of a bouncer it wants exactly
// one component; metrics is a list, whatever the published form says.
type usageReport struct {
	Components []usageComponent `json:"remediation_components"`
	Processors []struct{}       `json:"log_processors"`
}

type usageComponent struct {
	Name    string         `json:"name"`
	Type    string         `json:"type"`
	Version string         `json:"version"` // as in the user agent: either overwrites the other
	Flags   []string       `json:"feature_flags"`
	Started int64          `json:"utc_startup_timestamp"`
	Metrics []usageMetrics `json:"metrics"`
}

type usageMetrics struct {
	Meta struct {
		Window int64 `json:"window_size_seconds"`
		Now    int64 `json:"utc_now_timestamp"`
	} `json:"meta"`
	Items []usageItem `json:"items"`
}

type usageItem struct {
	Name   string            `json:"name"`
	Value  uint64            `json:"value"`
	Unit   string            `json:"unit"`
	Labels map[string]string `json:"labels,omitempty"`
}

func (c *Client) usageReport(l *usageLedger, now time.Time, items []UsageItem) usageReport {
	m := usageMetrics{Items: make([]usageItem, 0, len(items))}
	m.Meta.Window = int64(now.Sub(l.since).Round(time.Second) / time.Second)
	m.Meta.Now = now.Unix()
	for _, i := range items {
		m.Items = append(m.Items, i.wire())
	}
	return usageReport{Components: []usageComponent{{
		Name: c.cfg.Name, Type: component, Version: "v" + Version, Flags: []string{},
		Started: c.born.Unix(), Metrics: []usageMetrics{m},
	}}}
}
