package member

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/event"
	"go.uber.org/zap"
)

const (
	maxBatchBytes = 1 << 20 // that a centre accepts
	maxSignal     = 1 << 10 // bytes of a signal in JSON, more than one can have
	maxNotice     = 300     // characters
)

// Report sends alerts to the centre in their order, and returns how many it accepted and how
// many were refused. Together these are the first alerts of the list. If err is not nil, it
// is the reason why the next alert failed: the caller must report that one and all after it
// again.
//
// The centre gets the client's address (of IPv6 the /64), the name and hash of the scenario,
// the first and the last minute, and the magnitude of the number of events. These alerts are
// not sent, and count as refused:
//
//   - those where it is not certain that one client acted: alerts without a decision, and those
//     that lead to a challenge at most, are simulated, were caused by another site's page, or
//     are about an unverified crawler or about many clients;
//   - those about addresses that are not public;
//   - those of scenarios that are neither tocsin's nor from CrowdSec's hub: their names are the
//     operator's own words, and no other member knows them;
//   - those about an address that the community had banned here before they began. A server
//     behind this one may refuse its requests because of the same list, and a community must
//     not count its own decision as new evidence.
//
// The client never sends a refused report again. A report may arrive twice if an answer is
// lost; the centre recognizes it by its scenario and minute.
func (c *Client) Report(ctx context.Context, alerts []event.Alert) (taken, refused int, err error) {
	if wait := c.mustRest(); wait > 0 {
		return 0, 0, fmt.Errorf("reporting to %s: it asked for a pause of %v more", c.host, wait.Round(time.Second))
	}
	var batch []outgoing
	for i := range alerts {
		s, why := c.signalOf(&alerts[i])
		if why != sendIt {
			c.counts.kept[why].Add(1)
			continue
		}
		batch = append(batch, outgoing{s, i})
	}
	done := 0
	for done < len(batch) && err == nil {
		var t, d int
		t, d, err = c.push(ctx, batch[done:min(len(batch), done+maxBatch)])
		taken, done = taken+t, done+d
	}
	end := len(alerts)
	if err != nil {
		end = batch[done].index
		err = fmt.Errorf("reporting to %s: %w", c.host, err)
	}
	return taken, end - taken, err
}

// maxBatch is the limit of signals in a request.
const maxBatch = min(protocol.MaxSignals, maxBatchBytes/maxSignal)

// An outgoing is a signal to send.
type outgoing struct {
	protocol.Signal
	index int // of the alert in the caller's list
}

// push sends signals in one request. It returns how many were accepted, and how many of the
// first ones are done. If the centre calls a batch malformed, push sends its halves, so that
// only the cause is dropped.
func (c *Client) push(ctx context.Context, batch []outgoing) (taken, done int, err error) {
	taken, err = c.postSignals(ctx, batch)
	switch {
	case err == nil:
		return taken, len(batch), nil
	case !isMalformed(err):
		return 0, 0, err
	case len(batch) == 1:
		c.counts.refused.Add(1)
		c.log.Error("the community cannot read a report: it is dropped", zap.String("scenario", batch[0].Scenario), zap.Error(err))
		return 0, 1, nil
	}
	half := len(batch) / 2
	taken, done, err = c.push(ctx, batch[:half])
	if err != nil || done < half {
		return taken, done, err
	}
	t, d, err := c.push(ctx, batch[half:])
	return taken + t, done + d, err
}

// isMalformed reports whether err means that the centre will never accept this batch.
func isMalformed(err error) bool {
	return hasCode(err, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
}

// postSignals sends signals, and returns how many the centre accepted.
func (c *Client) postSignals(ctx context.Context, batch []outgoing) (int, error) {
	body, err := json.Marshal(signalsOf(batch))
	if err != nil {
		return 0, err
	}
	var a protocol.SignalsAnswer
	if err := c.ask(ctx, http.MethodPost, "signals", body, &a); err != nil {
		c.restAfter(err)
		return 0, err
	}
	refused := map[int]bool{}
	for _, r := range a.Refused {
		if r.Index >= 0 && r.Index < len(batch) {
			refused[r.Index] = true
		}
	}
	if len(refused) > 0 {
		c.log.Info("the community has refused reports: they are dropped", zap.Int("refused", len(refused)), zap.Int("of", len(batch)),
			zap.String("reason", cut(a.Refused[0].Reason)))
	}
	c.counts.refused.Add(uint64(len(refused)))
	c.counts.known.Add(uint64(max(0, min(a.Known, len(batch)-len(refused)))))
	c.counts.sent.Add(uint64(len(batch) - len(refused)))
	c.takeNotice(a.Notice)
	return len(batch) - len(refused), nil
}

func signalsOf(batch []outgoing) protocol.SignalsRequest {
	all := protocol.SignalsRequest{Signals: make([]protocol.Signal, len(batch))}
	for i := range batch {
		all.Signals[i] = batch[i].Signal
	}
	return all
}

// restAfter notes the pause that the centre asks for with err.
func (c *Client) restAfter(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting = time.Now().Add(min(retryAfter(err), maxRetryAfter))
}

// mustRest returns how long the centre wants no reports.
func (c *Client) mustRest() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.resting)
}
