package detect

import (
	"net/http"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// A client is accepted if it has shown credentials that the site accepted. Guards ignore
// such clients, and scenarios give them credit. So a client must not be accepted without
// credentials. Many sites answer any request like a successful login: they redirect, start a
// session, say 200. A success is only certain if the site has answered the same request
// differently before: it has refused others, or this client, at the same page with the same
// scheme, or in the same form with the same fields. A client that can only guess always gets
// the same answer there.

// noteLogin records clients that have shown accepted credentials, and the places.
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
		length = d.completeLogin(v, result)
	case result == loginSuccess && v.loggedIn(): // proved by a cookie of WordPress
		length = knownByLogin
	case result != loginSuccess && (!a.signed || a.kind != "" || !v.isFine() || !v.asksCredentials()):
		return
	}
	if length > 0 {
		d.clients.accept(v.clientKey(), v.now().UnixNano()+length)
		d.noteCredentials(v, length)
		d.cfg.Good(v.evt.Client, v.now())
		d.noteMember(v)
	}
}

// noteForm learns from the answer to a posted name and password, and reports whether it
// proves that they are right.
func (d *Detector) noteForm(v *view, result string) bool {
	if v.isSentBack(v.result.said) {
		d.sites.learnPlace(v, placeFails, v.formKey(v.isVague()))
	}
	if result == loginStep && v.isRefusingForm() {
		d.clients.with(v.clientKey(), true, func(c *client) { c.stepped = v.now().UnixNano() + stepLasts })
	}
	if result != loginSuccess {
		return false
	}
	if v.beginsSession() {
		d.sites.learnPlace(v, placeLogsIn, v.here())
	}
	return v.loggedIn() || v.isProven()
}

// isRefusingForm reports whether the form is a login that has refused others before. An answer
// that explicitly asks for a code proves as much as a token.
func (v *view) isRefusingForm() bool {
	return v.sites != nil && v.sites.hasPlaces.Load() && v.logsIn() &&
		(v.sites.isPlace(placeFails, v.formKey(false)) || v.sites.isPlace(placeFails, v.formKey(true)))
}

// completeLogin returns how long the client counts as accepted after a right code. A code alone proves
// nothing: it must complete a login with a right password.
func (d *Detector) completeLogin(v *view, result string) (length int64) {
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

// beginsSession reports whether the answer to a successful login contains a session or a
// token.
func (v *view) beginsSession() bool {
	return v.beginsCookie() || v.isGrant() || v.answerResult() == loginSuccess
}

// isProven reports whether an answer that looks like a success is not the same for everyone:
// the form is a login, and has refused others before.
func (v *view) isProven() bool {
	if v.sites == nil || !v.sites.hasPlaces.Load() || !isLoginPath(v.path()) && !v.isGrant() && !v.isPlace(placeRefuses) {
		return false
	}
	return v.sites.isPlace(placeFails, v.formKey(false)) ||
		v.answerResult() == loginSuccess && v.sites.isPlace(placeFails, v.formKey(true))
}

// isSentBack reports whether a client that guesses gets such an answer to a form: a redirect
// to a login page, or to the same page. A redirect that only corrects the address or
// switches to https does not count, because the server has not checked the posted data.
func (v *view) isSentBack(result string) bool {
	p, _ := v.unescapedPath()
	to := resolve(clip(first(v.evt.Header["Location"])), p)
	if !v.isMoved() || showsError(to.query) {
		return result == loginFailure && !showsError(v.args) // a redirect may repeat the query
	}
	if result == loginSuccess || v.evt.Status != http.StatusFound && v.evt.Status != http.StatusSeeOther {
		return false
	}
	return to.path == p || v.redirect().isLogin() && !samePage(to.path, p)
}

// isVague reports whether the status that refuses a form may have another reason than the
// password: a firewall in front, or a check of the form's origin. After such a refusal a
// redirect proves no success, but a token does. A page with the form again is always about
// the password.
func (v *view) isVague() bool {
	return v.isRefused() && v.evt.Status != http.StatusUnauthorized && !asksPassword(v.answer())
}

// formKey returns a hash of a form: its target and the names of its fields. One path may
// have several functions, which the query and the fields select.
func (v *view) formKey(vague bool) uint64 {
	var names strings.Builder
	add := func(name, _ string) {
		if name = strings.ToLower(name); names.Len() < maxField && !strings.Contains(name, "remember") { // a checkbox, which is sent only if it is set
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
	return v.sites.hash(kind, v.spot(), v.chosen(), v.sent().action, names.String())
}

// chosen returns the part of the query that selects a function. Values with digits are
// session numbers.
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

// asksCredentials reports whether this exact page has refused requests without credentials,
// or with others in the same scheme: then it does not accept any credentials. Similar pages
// do not count, because one can be public and the next not.
//
// Many servers refuse only programs, and show a login page to browsers. So for an HTML page
// this proves something only if the server asked for credentials by HTTP authentication.
func (v *view) asksCredentials() bool {
	if v.sites == nil || !v.sites.hasPlaces.Load() {
		return false
	}
	shown, wanted := v.credentialKind(), ""
	if strings.HasPrefix(v.evt.ContentType, "text/html") {
		wanted = shown
	}
	return v.sites.isPlace(placeAsks, v.authKey("", wanted)) || v.sites.isPlace(placeAsks, v.authKey(shown, wanted))
}

// credentialKind returns the kind of credentials in a request: the scheme of Authorization, a header
// field with a key, or nothing.
func (v *view) credentialKind() string {
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

// authKey returns a hash of a page that has refused credentials, and of the scheme that it asks
// for. An empty scheme means any.
func (v *view) authKey(shown, wanted string) uint64 {
	site, _ := v.site()
	return v.sites.hash("door", v.evt.Method, strings.ToLower(site), v.path(), v.args, shown, wanted)
}

// notePlace learns the properties of a place.
func (d *Detector) notePlace(v *view) {
	if v.evt.Status == http.StatusUnauthorized {
		d.noteAuth(v)
		if v.attempt().isPosted() && isPost(v.evt.Method) {
			d.sites.learnPlace(v, placeRefuses, v.here())
		}
	}
	d.notePosted(v)
	d.noteReceived(v)
	if v.isFine() && v.evt.Attribution == event.Foreign && !v.evt.Memo.Sought {
		d.sites.learnPlace(v, placeWorks, v.here())
	}
	if v.isPart() {
		d.sites.learnPlace(v, placeEmbeds, v.here())
	}
}

// notePosted learns how a place answers a posted name and password, or a code.
func (d *Detector) notePosted(v *view) {
	tried := v.attempt()
	if !tried.isPosted() && tried.kind != kindCode && tried.kind != kindLookup || !isPost(v.evt.Method) {
		return
	}
	switch {
	case v.isRefused(), tried.kind == kindLookup && v.lacksCode():
		d.sites.learnPlace(v, placeDenies, v.here())
	case tried.kind == kindForm && v.evt.Status == http.StatusCreated && v.makesThing():
		d.sites.learnPlace(v, placeMakes, v.here())
	case v.isFine() && v.isHTML() && asksPassword(v.answer()):
		d.sites.learnPlace(v, placeShows, v.here())
	}
}

// noteAuth records that a page asks for credentials, and which schemes.
func (d *Detector) noteAuth(v *view) {
	const most = 4 // schemes read from one answer
	shown := v.credentialKind()
	d.sites.learnPlace(v, placeAsks, v.authKey(shown, ""))
	for i, field := range v.evt.Header["Www-Authenticate"] {
		if i == most {
			return
		}
		scheme, _, _ := strings.Cut(strings.TrimSpace(field), " ")
		d.sites.learnPlace(v, placeAsks, v.authKey(shown, strings.ToLower(strings.TrimSuffix(scheme, ","))))
	}
}
