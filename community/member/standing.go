package member

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/consensus"
	"go.uber.org/zap"
)

const (
	standingInterval = time.Hour
	standingDelay    = 10 * time.Second // before the first request, to keep the start free
	maxOwn           = 8                // shown addresses of this server
	maxWhy           = 8                // sentences
)

// Standing returns this member's standing in the community, and whether it is known.
func (c *Client) Standing() (protocol.Standing, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.standing, c.known
}

// Notices returns messages for the operator of this server: its addresses that other members
// report, and notices of the centre.
func (c *Client) Notices() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, own := range c.standing.Own {
		all = append(all, "other members of the community "+c.about.name+" report "+own+", an address of this server: look for a program on it that attacks others")
	}
	for _, text := range []string{c.standing.Notice, c.notice} {
		if text != "" && !slices.Contains(all, c.about.name+" says: "+text) {
			all = append(all, c.about.name+" says: "+text)
		}
	}
	return all
}

// watchStanding asks for the standing about once an hour, until ctx ends.
func (c *Client) watchStanding(ctx context.Context) {
	wait := standingDelay
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		c.askStanding(ctx)
		wait = standingInterval + rand.N(standingInterval/10) //nolint:gosec // predicting it is useless
	}
}

// askStanding asks once. If that fails, the last answer stays.
func (c *Client) askStanding(ctx context.Context) {
	var s protocol.Standing
	if err := c.get(ctx, "standing", &s); err != nil {
		c.log.Debug("the community did not say how it sees this member", zap.String("community", c.cfg.Name), zap.Error(err))
		return
	}
	s = cleanStanding(s)
	c.mu.Lock()
	before := c.standing
	c.standing, c.known = s, true
	c.mu.Unlock()
	if len(s.Own) > 0 && !slices.Equal(before.Own, s.Own) {
		c.log.Warn("other members of the community report addresses of this server: look for a program on it that attacks others",
			zap.String("community", c.cfg.Name), zap.Strings("addresses", s.Own))
	}
	if s.State != before.State && (s.State == "quarantined" || s.State == "suspended") {
		c.log.Warn("the community does not count the reports of this server",
			zap.String("community", c.cfg.Name), zap.String("state", s.State), zap.Strings("why", s.Why))
	}
}

// takeNotice keeps a notice in the answer to a report, and logs a new one once.
func (c *Client) takeNotice(text string) {
	text = cut(text)
	c.mu.Lock()
	isNew := text != "" && text != c.notice
	c.notice = text
	c.mu.Unlock()
	if isNew {
		c.log.Warn("the community has a notice for the operator of this server", zap.String("community", c.cfg.Name), zap.String("notice", text))
	}
}

// cleanStanding returns an answer with printable texts.
func cleanStanding(s protocol.Standing) protocol.Standing {
	clean := protocol.Standing{
		State: cut(s.State), Established: s.Established, Trust: cut(s.Trust), Notice: cut(s.Notice),
		Reports: max(s.Reports, 0), Confirmed: max(s.Confirmed, 0),
	}
	for _, why := range s.Why[:min(len(s.Why), maxWhy)] {
		clean.Why = append(clean.Why, cut(why))
	}
	for _, own := range s.Own[:min(len(s.Own), maxOwn)] {
		if unit, ok := parseUnit(own); ok && consensus.Listable(unit) && !slices.Contains(clean.Own, written(unit)) {
			clean.Own = append(clean.Own, written(unit))
		}
	}
	return clean
}

// cut returns a text in one line without invisible characters, 300 characters at most.
func cut(s string) string {
	s = strings.Join(strings.Fields(s[:min(len(s), 8*maxNotice)]), " ")
	return clean(s, maxNotice)
}
