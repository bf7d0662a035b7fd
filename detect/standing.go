package detect

import (
	"net/http"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// Standing is what a client has that has shown credentials which the site accepted.
// Guards leave it alone, and scenarios give it credit. So it must not be had without
// credentials, and many a site answers everybody as it answers who logs in: it redirects,
// begins a session, says 200. What tells is that the site has answered otherwise to the
// same question: it has refused others, or the same client, by the very page, in the same
// scheme, or the very form with the same fields. Who can do no better than to guess gets
// one answer there, and always the same.

// noteLogin remembers clients that have shown credentials that the site accepts, and where.
func (d *Detector) noteLogin(v *view) {
	if v.isQuiet() {
		return
	}
	result, _ := v.login()
	d.noteOutage(v, result)
	length := knownByAuth
	switch a := v.attempt(); {
	case a.isPosted():
		if length = 0; d.noteForm(v, result) {
			length = knownByLogin
		}
	case a.kind == kindCode && !v.loggedIn():
		length = d.completes(v, result)
	case result == loginSuccess && v.loggedIn(): // by a cookie of WordPress
		length = knownByLogin
	case result != loginSuccess && (!a.signed || a.kind != "" || !v.isFine() || !v.asksCredentials()):
		return
	}
	if length > 0 {
		d.clients.knows(v.clientKey(), v.now().UnixNano()+length)
		d.noteMember(v)
	}
}

// noteForm learns from the answer to a name and a password in a form, and reports whether
// it tells that these are right.
func (d *Detector) noteForm(v *view, result string) bool {
	if v.isSentBack(v.result.said) {
		d.habits.learnPlace(v, placeFails, v.formDoor(v.isVague()))
	}
	if result == loginStep && v.refusesForm() {
		d.clients.with(v.clientKey(), true, func(c *client) { c.stepped = v.now().UnixNano() + stepLasts })
	}
	if result != loginSuccess {
		return false
	}
	if v.beginsSession() {
		d.habits.learnPlace(v, placeLogsIn, v.here())
	}
	return v.loggedIn() || v.isProven()
}

// refusesForm reports whether people log in by the form, which has been refused. An answer
// that asks for a code in so many words is as good as a token.
func (v *view) refusesForm() bool {
	return v.habits != nil && v.habits.asks.Load() && v.logsIn() &&
		(v.habits.isPlace(placeFails, v.formDoor(false)) || v.habits.isPlace(placeFails, v.formDoor(true)))
}

// completes returns for how long the client is known by a code that was right. Alone it
// says nothing: it has to complete a login whose password was right.
func (d *Detector) completes(v *view, result string) (length int64) {
	if result != loginSuccess {
		return 0
	}
	d.clients.with(v.clientKey(), false, func(c *client) {
		if c.stepped > v.now().UnixNano() {
			length = knownByLogin
		}
		c.stepped = 0
	})
	return length
}

// beginsSession reports whether the answer to a login that succeeds holds what its
// client is to go on with.
func (v *view) beginsSession() bool {
	return v.beginsCookie() || v.isGrant() || v.answerResult() == loginSuccess
}

// isProven reports whether the answer to a form, which looks like a success, is one that
// not everybody gets: people log in there, and the same form has been refused.
func (v *view) isProven() bool {
	if v.habits == nil || !v.habits.asks.Load() || !isLoginPath(v.path()) && !v.isGrant() && !v.isPlace(placeRefuses) {
		return false
	}
	return v.habits.isPlace(placeFails, v.formDoor(false)) ||
		v.answerResult() == loginSuccess && v.habits.isPlace(placeFails, v.formDoor(true))
}

// isSentBack reports whether the answer to a form is what who guesses gets. A redirect is
// one to where people log in, or to the very same page; a server that only writes an
// address as it should be, or goes over to https, has not looked at what was sent.
func (v *view) isSentBack(result string) bool {
	p, _ := v.unescapedPath()
	to := resolve(clip(first(v.evt.Header["Location"])), p)
	if !v.isMoved() || tellsOfError(to.query) {
		return result == loginFailure && !tellsOfError(v.args) // which a redirect may repeat
	}
	if result == loginSuccess || v.evt.Status != http.StatusFound && v.evt.Status != http.StatusSeeOther {
		return false
	}
	return to.path == p || v.redirect().isLogin() && !samePage(to.path, p)
}

// isVague reports whether the status that refuses a form may be about something else
// than the password: what a firewall in front, or a check of where a form comes from,
// refuses. That makes a redirect no success, but a token is one. A page that has the form
// again is about the password.
func (v *view) isVague() bool {
	return v.isRefused() && v.evt.Status != http.StatusUnauthorized && !asksPassword(v.answer())
}

// formDoor stands for a form, by where it is sent and the names of its fields. One place
// may do several things, by what the query and the fields say.
func (v *view) formDoor(vague bool) uint64 {
	var names strings.Builder
	add := func(name, _ string) {
		if name = strings.ToLower(name); names.Len() < maxField && !strings.Contains(name, "remember") { // ticked or not
			names.WriteString(name)
			names.WriteByte(0)
		}
	}
	body := v.evt.Body[:min(len(v.evt.Body), maxField)]
	switch media := v.contentType(); {
	case media == mediaForm || media == "":
		eachPair(string(body), add)
	case media == mediaMultipart:
		eachPart(body, add)
	default:
		eachMember(body, add)
	}
	kind := "form"
	if vague {
		kind = "vague"
	}
	return v.habits.hash(kind, v.spot(), v.chosen(), v.sent().action, names.String())
}

// chosen returns what of the query says what is to be done. What has digits in it is the
// number of a session.
func (v *view) chosen() string {
	var b strings.Builder
	eachPair(v.args[:min(len(v.args), maxTarget)], func(name, value string) {
		if strings.ContainsAny(value, "0123456789") {
			value = ""
		}
		b.WriteString(name + "=" + value + "&")
	})
	return b.String()
}

// asksCredentials reports whether the very page that was asked for has refused who had
// none, or others in the same scheme: they are not accepted by everybody. That another
// page of its kind asks for some says nothing, for one can be public and the next not.
//
// Many a server refuses programs only and shows browsers a page to log in by. So a page
// that is HTML says something only where HTTP itself has asked for what was shown.
func (v *view) asksCredentials() bool {
	if v.habits == nil || !v.habits.asks.Load() {
		return false
	}
	shown, wanted := v.shown(), ""
	if strings.HasPrefix(v.evt.ContentType, "text/html") {
		wanted = shown
	}
	return v.habits.isPlace(placeAsks, v.door("", wanted)) || v.habits.isPlace(placeAsks, v.door(shown, wanted))
}

// shown names what a request shows: the scheme of Authorization, a field that holds a
// key, or nothing.
func (v *view) shown() string {
	a := v.attempt()
	switch {
	case a.field != "Authorization":
		return a.field
	case a.signed:
		return "signed"
	}
	scheme, _, _ := strings.Cut(first(v.evt.Request["Authorization"]), " ")
	return strings.ToLower(scheme[:min(len(scheme), maxElement)])
}

// door stands for a page that has refused a request that showed something, and for the
// scheme that it wants; empty for any.
func (v *view) door(shown, wanted string) uint64 {
	site, _ := v.site()
	return v.habits.hash("door", v.evt.Method, strings.ToLower(site), v.path(), v.args, shown, wanted)
}

// notePlace learns what a place does.
func (d *Detector) notePlace(v *view) {
	if v.evt.Status == http.StatusUnauthorized {
		d.noteDoor(v)
		if v.attempt().isPosted() && isPost(v.evt.Method) {
			d.habits.learnPlace(v, placeRefuses, v.here())
		}
	}
	d.notePosted(v)
	d.noteKeeper(v)
	if v.isFine() && v.evt.Attribution == event.Foreign && !v.evt.Memo.Sought {
		d.habits.learnPlace(v, placeWorks, v.here())
	}
	if v.isPart() {
		d.habits.learnPlace(v, placeEmbeds, v.here())
	}
}

// notePosted learns how a place answers a name and a password, or a code.
func (d *Detector) notePosted(v *view) {
	tried := v.attempt()
	if !tried.isPosted() && tried.kind != kindCode && tried.kind != kindLookup || !isPost(v.evt.Method) {
		return
	}
	switch {
	case v.isRefused(), tried.kind == kindLookup && v.lacksCode():
		d.habits.learnPlace(v, placeDenies, v.here())
	case tried.kind == kindForm && v.evt.Status == http.StatusCreated && v.makesThing():
		d.habits.learnPlace(v, placeMakes, v.here())
	case v.isFine() && v.isHTML() && asksPassword(v.answer()):
		d.habits.learnPlace(v, placeShows, v.here())
	}
}

// noteDoor learns that a page asks for credentials, and for which.
func (d *Detector) noteDoor(v *view) {
	const most = 4 // schemes of one answer
	shown := v.shown()
	d.habits.learnPlace(v, placeAsks, v.door(shown, ""))
	for i, field := range v.evt.Header["Www-Authenticate"] {
		if i == most {
			return
		}
		scheme, _, _ := strings.Cut(strings.TrimSpace(field), " ")
		d.habits.learnPlace(v, placeAsks, v.door(shown, strings.ToLower(strings.TrimSuffix(scheme, ","))))
	}
}
