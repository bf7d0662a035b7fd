package community

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// shares of a case's time at which the centre raises an alarm.
var shares = []int{50, 80, 100}

// watchDeadlines raises an alarm when half of the time for a case is over, and again later.
func (c *Centre) watchDeadlines(ctx context.Context) error {
	var cases []Case
	err := c.view(ctx, "reading open cases", func(tx ReadTx) (err error) {
		cases, err = tx.Cases(false, maxFigures)
		return err
	})
	if err != nil {
		return err
	}
	for _, k := range c.health.alarm(cases, c.now()) {
		c.cfg.Log.Warn("a case waits for a moderator", zap.Uint64("case", k.id), zap.Int("percent_of_time", k.share), zap.Time("due", k.due))
	}
	return nil
}

// An alarm says that a share of the time for a case is over.
type alarm struct {
	id    uint64
	share int
	due   time.Time
}

// alarm counts open cases, and returns those that have passed another share of their time.
func (h *health) alarm(cases []Case, now time.Time) (new []alarm) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.alarms
	h.alarms, h.open, h.late, h.overdue = map[uint64]int{}, len(cases), 0, 0
	for _, k := range cases {
		reached := 0
		used := now.Sub(k.Opened)
		for _, share := range shares {
			if used >= k.Due.Sub(k.Opened)*time.Duration(share)/100 {
				reached = share
			}
		}
		if reached == 100 {
			h.late++
		}
		if used > legalTime {
			h.overdue++
		}
		h.alarms[k.ID] = reached
		if reached > last[k.ID] {
			new = append(new, alarm{k.ID, reached, k.Due})
		}
	}
	return new
}
