package member

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/consensus"
	"go.uber.org/zap"
)

const (
	witnessInterval = 5 * time.Minute
	maxUnits        = 1000                // of one question
	witnessWindow   = 14 * 24 * time.Hour // older use is not sent
)

// testify answers the questions of the centre until ctx ends.
func (c *Client) testify(ctx context.Context) {
	for {
		timer := time.NewTimer(witnessInterval + rand.N(witnessInterval/5)) //nolint:gosec // predicting it is useless
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := c.testifyOnce(ctx); err != nil {
			c.log.Debug("no answer to the questions of the community", zap.String("community", c.cfg.Name), zap.Error(err))
		}
	}
}

// testifyOnce asks which units the centre is in doubt about, and answers about those that are
// known here as good. It sends nothing if there are none.
func (c *Client) testifyOnce(ctx context.Context) error {
	var q protocol.Questions
	if err := c.get(ctx, "questions", &q); err != nil {
		return err
	}
	now := time.Now()
	if len(q.Units) == 0 || !q.Until.IsZero() && now.After(q.Until) {
		return nil
	}
	units := q.Units[:min(len(q.Units), maxUnits)]
	c.counts.questions.Add(uint64(len(units)))
	answers := c.answersTo(units, now)
	if len(answers) == 0 {
		return nil
	}
	var none protocol.Empty
	if err := c.post(ctx, "answers", protocol.AnswersRequest{ID: q.ID, Answers: answers}, &none); err != nil {
		return err
	}
	c.counts.answers.Add(uint64(len(answers)))
	return nil
}

// answersTo returns the answers about units, each once.
func (c *Client) answersTo(units []string, now time.Time) []protocol.Answer {
	var all []protocol.Answer
	told := map[string]bool{}
	for _, s := range units {
		unit, ok := parseUnit(s)
		if !ok || !consensus.Listable(unit) || told[written(unit)] {
			continue
		}
		last, count, ok := c.cfg.Witness(unit)
		if !ok || last.After(now) || now.Sub(last) >= witnessWindow {
			continue
		}
		told[written(unit)] = true
		all = append(all, protocol.Answer{Unit: written(unit), Last: last.UTC().Truncate(time.Hour), Count: power(count)})
	}
	return all
}
