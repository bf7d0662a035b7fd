package lapi

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// maxSaid is how many decisions a Live knows the beginning of, at some 100 bytes
// each. One more, and all begin anew.
const maxSaid = 1 << 16

// enforced returns those of all, which the API says about ip now in rows with these
// ids, that are to be enforced, each with when it began. Answers are remembered for a
// minute, but a decision begins when it is first told, by whichever question, and until
// it ends or an answer lacks it: a challenge that was solved since then is not to be
// solved again. By a new offence it begins anew.
//
// With what was said about others they may cover too much: then the widest are not.
func (l *Live) enforced(ip netip.Addr, all []lookup.Decision, ids []int64, rows *Rows) []lookup.Decision {
	held := l.said.Covering(ip)
	if len(all)+len(held) == 0 {
		return nil // the common case, and almost free of charge
	}
	change := l.say(held, all, ids)
	begun := map[identity]time.Time{}
	for _, d := range l.said.Covering(ip) {
		begun[identityOf(&d)] = d.Since
	}
	var kept []lookup.Decision
	for _, d := range all {
		since, ok := begun[identityOf(&d)]
		if !ok && change.Held > 0 {
			rows.TooWide++
			l.tellTooWide()
			continue
		}
		d.Since = since // none if it is over by now
		kept = append(kept, d)
	}
	return kept
}

// say notes that the API says all, and no more what it said before about the same client.
func (l *Live) say(before, all []lookup.Decision, ids []int64) lookup.Change {
	b := l.said.Batch(l.cfg.Name).Bound(l.cfg.Coverage)
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
		// The id stands where others have a reason: this table has none.
		b.Add(lookup.Decision{
			Prefix: all[i].Prefix, Action: all[i].Action, Until: all[i].Until, Reason: strconv.FormatInt(last[identityOf(&all[i])], 10),
		})
	}
	if l.said.Len()+b.Added() > maxSaid {
		l.said.Expire(time.Now())
	}
	if l.said.Len()+b.Added() > maxSaid {
		return b.Replace()
	}
	return b.Update()
}

// tellTooWide says once that a range is not enforced.
func (l *Live) tellTooWide() {
	if l.reader.isFirst("wide together") {
		l.log.Error("a range is not enforced, since with all others that the local API has told of it would cover too many addresses: "+
			"allow it with the option coverage if that is meant", zap.Float64("coverage", l.cfg.Coverage))
	}
}

// lastOffences returns the highest id of the rows behind each decision that tell of an
// offence.
func lastOffences(all []lookup.Decision, ids []int64) map[identity]int64 {
	last := make(map[identity]int64, len(all))
	for i := range all {
		if at := identityOf(&all[i]); isOffence(all[i].Origin) {
			last[at] = max(last[at], ids[i])
		}
	}
	return last
}
