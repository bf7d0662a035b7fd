package lapi

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// maxSaid is how many decisions a Live knows the beginning of, at some 100 bytes
// each. One more, and all begin anew.
const maxSaid = 1 << 16

// begun returns since when the API has been saying best, one of all that it says
// about ip now. Answers are remembered for a minute, but a decision begins when
// it is first told, by whichever question, and until it ends or an answer lacks
// it: a challenge that was solved since then is not to be solved again.
func (l *Live) begun(ip netip.Addr, all []lookup.Decision, best *lookup.Decision) time.Time {
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
	for i := range all {
		b.Add(lookup.Decision{Prefix: all[i].Prefix, Action: all[i].Action, Until: all[i].Until})
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
