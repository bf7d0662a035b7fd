package detect

import (
	"hash/maphash"
	"slices"
	"strings"
)

// Many applications answer a wrong password in the same way as the right one: with a
// redirect to the start page, a session cookie, and a message on that page; or with 200 and
// a page. Only the following requests show the difference. After a real login, people load
// pages, and programs call the API. A client that guesses sends the next name or the next
// password instead.
//
// So if nothing else shows the result, a row of many logins that lead to nothing makes the
// next ones doubtful: these count as failures. A page request ends the row, unless it is the
// form or the page that the answers lead to, because tools that follow redirects load these
// too. The people of an office behind one address may all log in at nine o'clock and load no
// other page. So a few unused logins are not enough, unless they come faster than people
// type. A place also has a row for all its clients together, because a client with many
// addresses logs in only once from each. None of this applies if the form is known to answer
// a wrong password differently. Nothing counts in retrospect: only the logins after the row
// are failures.
//
// This does not detect a client that uses each login as a person would. But a name has one
// password, so if redirects accept several passwords for one name, they are guesses.
const (
	maxUnusedLogins  = 60         // unused logins of one client in a row before its next one is doubtful
	maxUnusedFast    = 4          // the same, if they come faster than idleGap
	unusedGap        = int64(1e9) // the time between two logins, 1 s
	maxUnusedAtPlace = 20         // clients in a row with unused logins at one place
)

// unusedLogins describes the unused logins of a client.
type unusedLogins struct {
	since  int64     // when the row of unused logins began
	logins uint8     // logins in the row with different names and passwords
	last   uint32    // hash of the last login
	pages  [3]uint32 // pages that do not count as use: the form's and the answer's
	place  uint64    // the place of the login
}

// isDoubtful reports whether an application may give this answer to any login, right or
// wrong.
func (v *view) isDoubtful(said string) bool {
	if v.clients == nil || v.sites == nil || v.attempt().kind != kindForm || v.wordpressLogin() {
		return false
	}
	switch {
	case said == loginTry:
		if !v.logsIn() || v.breaks() || v.isUnseen() {
			return false // a server error is not a successful login
		}
	case said != loginSuccess || !v.isMoved() || v.loggedIn() || v.saysLoggedIn() || v.redirect().host != "":
		return false // the redirect tells another site who has logged in
	}
	return !v.sites.isPlace(placeShowsRefusal, v.formKey(false))
}

// isUnseen reports whether nothing is known about an answer except its successful status, as
// in a log.
func (v *view) isUnseen() bool {
	return v.evt.ContentType == "" && v.isFine() && len(v.evt.Answer) == 0
}

// isClearRefusal reports whether the form answers a wrong password in a way in which it never answers the
// right one. Properties that the client can influence do not count.
func (v *view) isClearRefusal(said string) bool {
	switch {
	case said != loginFailure || v.attempt().kind != kindForm:
		return false
	case v.isMoved():
		to := v.redirect()
		return to.isLogin() || to.showsError() && !showsError(v.args) || samePage(to.path, v.path()) && !v.leadsToOther(to)
	}
	return !v.isVague()
}

// orUnused returns the result of a login whose answer says something.
func (v *view) orUnused(said string) string {
	if v.isDoubtful(said) && (v.hasUnusedLogins() || v.sites.areUnused(v.here())) {
		return loginUnused
	}
	return said
}

// hasUnusedLogins reports whether the client has just logged in many times and used none of these
// logins.
func (v *view) hasUnusedLogins() (idle bool) {
	v.clients.with(v.clientKey(), false, func(c *client) { idle = c.unused.isLong(v.now().UnixNano()) })
	return idle
}

// isLong reports whether the row is long enough to make a login now doubtful.
func (i *unusedLogins) isLong(now int64) bool {
	return i.logins >= maxUnusedLogins || i.logins >= maxUnusedFast && now-i.since < int64(i.logins)*unusedGap
}

// noteUnused records a login as doubtful until the client uses it. Repeats of the same login
// count once.
func (d *Detector) noteUnused(v *view) {
	if v.isQuiet() {
		return
	}
	if v.login(); v.isClearRefusal(v.result.said) {
		d.sites.learnPlace(v, placeShowsRefusal, v.formKey(false))
	}
	if !v.isDoubtful(v.result.said) {
		return
	}
	try, _ := v.loginTry()
	hash, door := uint32(maphash.String(d.sites.seed, try)), v.here()
	ways, first := v.loginPages(), false
	d.clients.with(v.clientKey(), true, func(c *client) {
		again := c.unused.logins > 0 && c.unused.last == hash
		if first = c.unused.logins == 0; first {
			c.unused.since = v.now().UnixNano()
		}
		if !again && c.unused.logins < maxUnusedLogins {
			c.unused.logins++
		}
		c.unused.last, c.unused.pages, c.unused.place = hash, ways, door
	})
	if first { // an office counts as one client of the place
		d.sites.countUnused(v, door, true)
	}
}

// loginPages returns the pages of a login: the one it comes from and the one it leads to.
func (v *view) loginPages() [3]uint32 {
	ways := [3]uint32{v.sites.pageHash(v.path(), v.args)}
	if v.isMoved() {
		to := v.redirect()
		ways[1] = v.sites.pageHash(to.path, to.query)
	}
	if v.evt.Referer != "" {
		from := v.parseRedirect(v.evt.Referer)
		ways[2] = v.sites.pageHash(from.path, from.query)
	}
	return ways
}

// pageHash returns a hash of a page's path and query.
func (h *siteMemory) pageHash(path, query string) uint32 {
	return uint32(h.hash("way", strings.ToLower(path), strings.ToLower(query)))
}

// usesLogin reports whether a client that has received a page uses its login by this.
func (v *view) usesLogin(idle *unusedLogins) bool {
	switch {
	case v.isMoved():
		return v.redirect().hasTicket() // the redirect tells another site who has logged in
	case looksLikeLogin(v.path()) || v.attempt().kind == kindForm:
		return false
	}
	return !slices.Contains(idle.pages[:], v.sites.pageHash(v.path(), v.args))
}

// endUnused ends the row of unused logins of a client that has received a page. It returns the
// place of these logins, or 0 if there is no row or the page does not end it.
func (v *view) endUnused(row *unusedLogins) (door uint64) {
	if row.logins == 0 || !v.usesLogin(row) {
		return 0
	}
	row.logins = 0
	return row.place
}

// countUnused records for a place that a login is doubtful, or that one of them was used.
func (h *siteMemory) countUnused(v *view, door uint64, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, known := h.unused.get(door)
	switch {
	case more && n < maxUnusedAtPlace:
		h.unused.put(v.clientKey(), door, n+1)
	case !more && known:
		h.unused.put(v.clientKey(), door, 0)
	}
}

// areUnused reports whether none of the last doubtful logins at a place was used.
func (h *siteMemory) areUnused(door uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, _ := h.unused.get(door)
	return n >= maxUnusedAtPlace
}
