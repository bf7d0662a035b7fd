package member

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"sync/atomic"
)

// counts are totals since the start.
type counts struct {
	polls, failures, wholes, held atomic.Uint64
	faults                        [faultKinds]atomic.Uint64
	sent, known, refused          atomic.Uint64
	kept                          [keptKinds]atomic.Uint64
	questions, answers            atomic.Uint64
}

// Counts returns totals since the start: polls and failed polls; whole lists, and those that
// removed nothing because they were too small; ignored entries by their fault, and entries
// shortened to a week; reports that the centre accepted, already knew or refused; alerts that
// were not sent, by reason (see [Client.Report]); units in the centre's questions, and
// answers.
func (c *Client) Counts() map[string]uint64 {
	n := &c.counts
	return map[string]uint64{
		"questions": n.polls.Load(), "questions_failed": n.failures.Load(), "lists_whole": n.wholes.Load(), "lists_held": n.held.Load(),
		"entries_not_a_unit": n.faults[notAUnit].Load(), "entries_not_public": n.faults[notPublic].Load(),
		"entries_unknown_action": n.faults[noAction].Load(), "entries_cut": n.faults[tooLong].Load(), "entries_too_many": n.faults[leftOut].Load(),
		"reports_sent": n.sent.Load(), "reports_known": n.known.Load(), "reports_refused": n.refused.Load(),
		"alerts_uncertain": n.kept[uncertain].Load(), "alerts_not_public": n.kept[privateUnit].Load(),
		"alerts_own_scenario": n.kept[ownScenario].Load(), "alerts_echo": n.kept[echo].Load(),
		"witness_asked": n.questions.Load(), "witness_answers": n.answers.Load(),
	}
}

// kindOf returns the kind of a failure.
func kindOf(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return "status " + strconv.Itoa(r.code)
	}
	var unreachable *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "late"
	case errors.As(err, &unreachable):
		return "unreachable"
	}
	return "broken answer"
}
