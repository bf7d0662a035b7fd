package detect

import (
	"hash/maphash"
	"slices"
	"strings"
)

// Many an application answers a wrong password as it answers the right one: by a redirect
// to its start page, with a session in a cookie, and a message that is shown there; or by
// 200 and a page. What tells is what follows. Who logs in goes on to use that: people load
// pages, programs call what they have logged in for. Who guesses takes the next name, or
// the next password.
//
// So where nothing else tells, many logins in a row that lead to nothing put those after
// them in doubt: they count as failures. A page ends the row, but not the form, nor the page
// that the answers lead to, which tools load that follow redirects. An office behind one
// address may log in at nine o'clock and see no other page, so a few do not suffice, unless
// they come faster than people type. A place is judged likewise by all its clients
// together, for who has many addresses logs in by each only once. None of this is asked
// where the form is known to answer a wrong password otherwise, and nothing is taken back:
// what counts are the logins after the row.
//
// Who uses each login as a person would is not seen by this, but a name has one password:
// where several for one name are let in by redirects, they are guesses.
const (
	maxIdleLogins = 60         // in a row of one client, before its next one is in doubt
	maxIdleFast   = 4          // likewise, where they come faster than idleGap
	idleGap       = int64(1e9) // between two logins
	maxIdleAtDoor = 20         // clients in a row at a place
)

// idleness is what a client has logged in for and not used.
type idleness struct {
	since  int64     // when the row began
	logins uint8     // in the row, of different names and passwords
	last   uint32    // of these
	ways   [3]uint32 // pages that are no use of it: of the form, of the answer
	door   uint64    // the place
}

// isDoubtful reports whether what an answer says of a login may be said of any.
func (v *view) isDoubtful(said string) bool {
	if v.clients == nil || v.habits == nil || v.attempt().kind != kindForm || v.wordpressLogin() {
		return false
	}
	switch {
	case said == loginTry:
		if !v.logsIn() || v.breaks() || v.isUnseen() {
			return false // a server that breaks lets nobody in
		}
	case said != loginSuccess || !v.isMoved() || v.loggedIn() || v.saysLoggedIn() || v.redirect().host != "":
		return false // another site is told who has logged in
	}
	return !v.habits.isPlace(placeTells, v.formDoor(false))
}

// isUnseen reports whether nothing is known of an answer but that it is a fine one, as of
// one in a log.
func (v *view) isUnseen() bool {
	return v.evt.ContentType == "" && v.isFine() && len(v.evt.Answer) == 0
}

// tells reports whether the form answers a wrong password as it answers no right one, as
// far as that is not for the client to say.
func (v *view) tells(said string) bool {
	switch {
	case said != loginFailure || v.attempt().kind != kindForm:
		return false
	case v.isMoved():
		to := v.redirect()
		return to.isLogin() || to.tellsOfError() && !tellsOfError(v.args) || samePage(to.path, v.path()) && !v.leadsToOther(to)
	}
	return !v.isVague()
}

// doubted returns what came of a login, of which the answer says something.
func (v *view) doubted(said string) string {
	if v.isDoubtful(said) && (v.isIdle() || v.habits.isIdle(v.here())) {
		return loginUnused
	}
	return said
}

// isIdle reports whether the client has just logged in many times and used none of it.
func (v *view) isIdle() (idle bool) {
	v.clients.with(v.clientKey(), false, func(c *client) { idle = c.idle.isLong(v.now().UnixNano()) })
	return idle
}

// isLong reports whether the row puts a login that comes now in doubt.
func (i *idleness) isLong(now int64) bool {
	return i.logins >= maxIdleLogins || i.logins >= maxIdleFast && now-i.since < int64(i.logins)*idleGap
}

// noteIdle remembers a login that is in doubt until it is used. The same one again is one.
func (d *Detector) noteIdle(v *view) {
	if v.isQuiet() {
		return
	}
	if v.login(); v.tells(v.result.said) {
		d.habits.learnPlace(v, placeTells, v.formDoor(false))
	}
	if !v.isDoubtful(v.result.said) {
		return
	}
	try, _ := v.loginTry()
	hash, door := uint32(maphash.String(d.habits.seed, try)), v.here()
	ways, first := v.ways(), false
	d.clients.with(v.clientKey(), true, func(c *client) {
		again := c.idle.logins > 0 && c.idle.last == hash
		if first = c.idle.logins == 0; first {
			c.idle.since = v.now().UnixNano()
		}
		if !again && c.idle.logins < maxIdleLogins {
			c.idle.logins++
		}
		c.idle.last, c.idle.ways, c.idle.door = hash, ways, door
	})
	if first { // an office is one client of many
		d.habits.idles(v, door, true)
	}
}

// ways returns the pages that a login comes by and leads to.
func (v *view) ways() [3]uint32 {
	ways := [3]uint32{v.habits.way(v.path(), v.args)}
	if v.isMoved() {
		to := v.redirect()
		ways[1] = v.habits.way(to.path, to.query)
	}
	if v.evt.Referer != "" {
		from := v.parseRedirect(v.evt.Referer)
		ways[2] = v.habits.way(from.path, from.query)
	}
	return ways
}

// way returns a number for a page by its path and query.
func (h *habits) way(path, query string) uint32 {
	return uint32(h.hash("way", strings.ToLower(path), strings.ToLower(query)))
}

// uses reports whether a client that has got a page uses by that what it has logged in for.
func (v *view) uses(idle *idleness) bool {
	switch {
	case v.isMoved():
		return v.redirect().hasTicket() // another site is told who has logged in
	case looksLikeLogin(v.path()) || v.attempt().kind == kindForm:
		return false
	}
	return !slices.Contains(idle.ways[:], v.habits.way(v.path(), v.args))
}

// endIdle ends the row of logins of a client that has got a page, and uses them by that. It
// returns the place where it logged in; 0: there is no row, or the page ends none.
func (v *view) endIdle(row *idleness) (door uint64) {
	if row.logins == 0 || !v.uses(row) {
		return 0
	}
	row.logins = 0
	return row.door
}

// idles notes that a login at a place is in doubt, or that one of them is used.
func (h *habits) idles(v *view, door uint64, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, known := h.idle.get(door)
	switch {
	case more && n < maxIdleAtDoor:
		h.idle.put(v.clientKey(), door, n+1)
	case !more && known:
		h.idle.put(v.clientKey(), door, 0)
	}
}

// isIdle reports whether none of the last logins at a place that were in doubt was used.
func (h *habits) isIdle(door uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, _ := h.idle.get(door)
	return n >= maxIdleAtDoor
}
