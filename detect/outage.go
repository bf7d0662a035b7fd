package detect

import (
	"slices"
	"strings"
)

// If the directory behind a login cannot be reached, many an application answers every
// password alike: wrong. The people of an office then try again and again, and look like
// somebody who tries one password for each name. What tells them apart is what was before:
// the site has let each of them in, by this name and from this address. A member is such a
// name at such an address. What members fail to log in by is no search for names. It still
// is counted for each name, for who shares an address may guess at a neighbour's password.
//
// Where several members fail and nobody is let in, the site is in trouble. Then nobody is
// banned for wrong passwords: who was never let in before may be one of its people, too.

// troubled is how many members have to fail in a row for that.
const troubled = 3

// An outage holds members that have failed at a place since somebody was let in there.
type outage struct {
	names [troubled]uint64
	n     int
}

// member stands for a name, a place to log in and a client together; 0 without a name.
func (v *view) member() uint64 {
	user := v.attempt().user
	if user == "" || v.habits == nil {
		return 0
	}
	return v.habits.hash("member", strings.ToLower(user), v.guardedPlace(), v.client.Addr().String())
}

// isMember reports whether the site has let the client in by that name before.
func (v *view) isMember() bool {
	m := v.member()
	return m != 0 && v.habits.asks.Load() && v.habits.isPlace(placeMember, m)
}

// loginMember is isMember as scenarios ask for it.
func (v *view) loginMember() (string, bool) {
	switch {
	case v.attempt().user == "":
		return "", false
	case v.isMember():
		return "true", true
	}
	return "false", true
}

// noteMember learns that the site has let a client in by a name.
func (d *Detector) noteMember(v *view) {
	if m := v.member(); m != 0 {
		d.habits.learnPlace(v, placeMember, m)
	}
}

// noteOutage learns from a login that a member fails at, or that anybody succeeds at.
func (d *Detector) noteOutage(v *view, result string) {
	switch {
	case result == loginSuccess:
		d.habits.recovers(d.habits.hash(v.guardedPlace()))
	case result == loginFailure && v.isMember():
		d.habits.fails(v, d.habits.hash(v.guardedPlace()), v.member())
	}
}

// fails notes that a member has failed to log in at a place.
func (h *habits) fails(v *view, place, member uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o, ok := h.outages.get(place)
	if !ok {
		o = new(outage)
		h.outages.put(v.clientKey(), place, o)
	}
	if o.n < troubled && !slices.Contains(o.names[:o.n], member) {
		o.names[o.n] = member
		o.n++
	}
}

// recovers notes that somebody was let in at a place.
func (h *habits) recovers(place uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o, ok := h.outages.get(place); ok {
		o.n = 0
	}
}

// isTroubled reports whether members fail where the client tries to log in.
func (v *view) isTroubled() bool {
	if v.habits == nil || v.isQuiet() {
		return false
	}
	place := v.habits.hash(v.guardedPlace())
	v.habits.mu.Lock()
	defer v.habits.mu.Unlock()
	o, ok := v.habits.outages.get(place)
	return ok && o.n == troubled
}
