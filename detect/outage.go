package detect

import (
	"slices"
	"strings"
)

// If the user directory behind a login is down, many applications reject every password as
// wrong. The people of an office then try again and again, and look like an attacker who
// tries one password for each of many names. The difference is in the past: the site has let
// each of these people in, with this name and from this address. A member is such a pair of
// name and address. Failures of members are not a search for names. They still count for
// each name, because someone at the same address may guess a colleague's password.
//
// If several members fail and nobody succeeds, the login is broken. Then wrong passwords ban
// nobody, because a client that has never logged in may also be an honest user.

// troubled is how many members must fail in a row for that.
const troubled = 3

// An outage has the members that failed at a place since the last successful login there.
type outage struct {
	names [troubled]uint64
	n     int
}

// member returns a hash of a user name, a login place and a client, or 0 without a name.
func (v *view) member() uint64 {
	user := v.attempt().user
	if user == "" || v.sites == nil {
		return 0
	}
	return v.sites.hash("member", strings.ToLower(user), v.guardedPlace(), v.client.Addr().String())
}

// isMember reports whether this client has logged in with this name before.
func (v *view) isMember() bool {
	m := v.member()
	return m != 0 && v.sites.hasPlaces.Load() && v.sites.isPlace(placeMember, m)
}

// loginMember is isMember in the form of a field for scenarios.
func (v *view) loginMember() (string, bool) {
	switch {
	case v.attempt().user == "":
		return "", false
	case v.isMember():
		return "true", true
	}
	return "false", true
}

// noteMember records that a client has logged in with a name.
func (d *Detector) noteMember(v *view) {
	if m := v.member(); m != 0 {
		d.sites.learnPlace(v, placeMember, m)
	}
}

// noteOutage records a failed login of a member, or a successful login of anyone.
func (d *Detector) noteOutage(v *view, result string) {
	switch {
	case result == loginSuccess:
		d.sites.recovers(d.sites.hash(v.guardedPlace()))
	case result == loginFailure && v.isMember():
		d.sites.fails(v, d.sites.hash(v.guardedPlace()), v.member())
	}
}

// fails records that a member failed to log in at a place.
func (h *siteMemory) fails(v *view, place, member uint64) {
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

// recovers records that someone logged in at a place.
func (h *siteMemory) recovers(place uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o, ok := h.outages.get(place); ok {
		o.n = 0
	}
}

// isTroubled reports whether members fail at the place where the client tries to log in.
func (v *view) isTroubled() bool {
	if v.sites == nil || v.isQuiet() {
		return false
	}
	place := v.sites.hash(v.guardedPlace())
	v.sites.mu.Lock()
	defer v.sites.mu.Unlock()
	o, ok := v.sites.outages.get(place)
	return ok && o.n == troubled
}
