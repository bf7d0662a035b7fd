package lapi

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// maxInForce is for how many decisions a Live knows the beginning, at about 100 bytes
// each. Beyond it, all are forgotten.
const maxInForce = 1 << 16

// enforced returns the decisions of an answer about ip that apply, each with its
// beginning. The ids are those of their rows. Answers are kept for a minute, but a
// decision begins with the first answer that contains it, and stays until it ends or an
// answer lacks it. So a client need not solve its challenge again. A new offence gives
// it a new beginning.
//
// If the decisions of all answers cover too many addresses, the widest do not apply.
func (l *Live) enforced(ip netip.Addr, all []lookup.Decision, ids []int64, rows *Rows) []lookup.Decision {
	held := l.inForce.Covering(ip)
	if len(all)+len(held) == 0 {
		return nil // the common case, which costs almost nothing
	}
	change := l.store(held, all, ids)
	begun := map[identity]time.Time{}
	for _, d := range l.inForce.Covering(ip) {
		begun[identityOf(&d)] = d.Since
	}
	var kept []lookup.Decision
	for _, d := range all {
		since, ok := begun[identityOf(&d)]
		if !ok && change.Held > 0 {
			rows.TooWide++
			l.logTooWide()
			continue
		}
		d.Since = since // zero if it has ended by now
		kept = append(kept, d)
	}
	return kept
}

// store stores the decisions of an answer in place of the earlier ones about the same
// client.
func (l *Live) store(before, all []lookup.Decision, ids []int64) lookup.Change {
	b := l.inForce.Batch(l.cfg.Name).Bound(l.cfg.Coverage)
	for _, d := range before {
		at := identityOf(&d)
		if !slices.ContainsFunc(all, func(o lookup.Decision) bool { return identityOf(&o) == at }) {
			b.Remove(d)
		}
	}
	last := lastOffences(all, ids)
	for _, d := range before {
		at := identityOf(&d)
		if was, _ := strconv.ParseInt(d.Reason, 10, 64); last[at] > was {
			b.Remove(d)
		} else {
			last[at] = was
		}
	}
	for i := range all {
		// This table has no reasons, so the field holds the id.
		b.Add(lookup.Decision{
			Prefix: all[i].Prefix, Action: all[i].Action, Until: all[i].Until, Reason: strconv.FormatInt(last[identityOf(&all[i])], 10),
		})
	}
	if l.inForce.Len()+b.Added() > maxInForce {
		l.inForce.Expire(time.Now())
	}
	if l.inForce.Len()+b.Added() > maxInForce {
		return b.Replace()
	}
	return b.Update()
}

// logTooWide logs once that a range does not apply.
func (l *Live) logTooWide() {
	if l.reader.isFirst("wide together") {
		l.log.Error("a range of the local API is not enforced, because with all its other decisions it would cover too many addresses: "+
			"raise the option coverage if you want that", zap.Float64("coverage", l.cfg.Coverage))
	}
}

// lastOffences returns for each decision the highest id of its rows about an offence.
func lastOffences(all []lookup.Decision, ids []int64) map[identity]int64 {
	last := make(map[identity]int64, len(all))
	for i := range all {
		if at := identityOf(&all[i]); isOffence(all[i].Origin) {
			last[at] = max(last[at], ids[i])
		}
	}
	return last
}
