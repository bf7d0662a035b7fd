package lapi

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// maxSaid is how many decisions a Live knows the beginning of, at some 100 bytes
// each. One more, and all begin anew.
const maxSaid = 1 << 16

// begun returns since when the API has been saying best, one of all that it says
// about ip now, in rows with these ids. Answers are remembered for a minute, but a
// decision begins when it is first told, by whichever question, and until it ends or an
// answer lacks it: a challenge that was solved since then is not to be solved again. By
// a new offence it begins anew.
func (l *Live) begun(ip netip.Addr, all []lookup.Decision, ids []int64, best *lookup.Decision) time.Time {
	held := l.said.Covering(ip)
	if len(all)+len(held) == 0 {
		return time.Time{} // the common case, and almost free of charge
	}
	b := l.said.Batch(l.cfg.Name)
	for _, d := range held {
		at := identityOf(&d)
		if !slices.ContainsFunc(all, func(o lookup.Decision) bool { return identityOf(&o) == at }) {
			b.Remove(d)
		}
	}
	last := lastOffences(all, ids)
	for _, d := range held {
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
		b.Replace()
	} else {
		b.Update()
	}
	for _, d := range l.said.Covering(ip) {
		if identityOf(&d) == identityOf(best) {
			return d.Since
		}
	}
	return time.Time{} // best is the zero one, or is over by now
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
