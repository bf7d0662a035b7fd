package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// loginPlace returns the place where somebody tries to log in, if people log in there.
// Many an API and a webhook takes a name and a password as well: that those are wrong
// says nothing to a guard, which keeps programs out.
func (v *view) loginPlace() (string, bool) {
	switch kind := v.attempt().kind; {
	case kind == "" && !v.isHidden() || !v.logsIn():
		return "", false
	case kind == kindBasic || kind == kindDigest:
		return v.area(), true
	}
	return v.spot(), true
}

// area names the part of a site that a request shows a password of HTTP's to. A server may
// ask for it at any path, so that a path is no place to guard, or who guesses would take
// another one each time. What is below one first element is an area where somebody has
// been let in; all the rest of the site is another one.
func (v *view) area() string {
	whole, own := v.areas()
	if v.habits != nil && v.habits.isPlace(placeAccepts, v.habits.hash(own)) {
		return own
	}
	return whole
}

// areas returns the names of the whole site, and of what is below the first element of the
// path.
func (v *view) areas() (whole, own string) {
	site, _ := v.site()
	whole = "AUTHORIZATION " + strings.ToLower(site[:min(len(site), maxPlace)])
	return whole, whole + template(v.plainPath(), 1)
}

// noteArea learns that somebody has been let in by a password of HTTP's.
func (d *Detector) noteArea(v *view) {
	if kind := v.attempt().kind; kind != kindBasic && kind != kindDigest {
		return
	}
	if result, _ := v.login(); result == loginSuccess {
		_, own := v.areas()
		d.habits.learnPlace(v, placeAccepts, d.habits.hash(own))
	}
}

// Area names the part of a site whose password by HTTP e shows, as [event.Alert].Place
// does for guesses at it; empty if it shows none.
func (d *Detector) Area(e *event.Event) string {
	if len(e.Request["Authorization"]) == 0 {
		return ""
	}
	v := view{evt: e, habits: d.habits, gen: 1}
	v.split()
	if kind := v.attempt().kind; kind != kindBasic && kind != kindDigest {
		return ""
	}
	return v.area()
}

// logsIn reports whether people log in by what was sent: HTTP has a field for it, the
// address or the form says so, the answer asks for a password, or somebody has logged
// in there before.
func (v *view) logsIn() bool {
	a, s := v.attempt(), v.sent()
	switch a.kind {
	case kindBasic, kindDigest, kindProof, kindXMLRPC:
		return true
	case kindCode:
		return s.isFactor || takesCodes(v.path())
	case kindLookup:
		return false
	}
	return v.loggedIn() || v.wordpressLogin() || v.isGrant() || s.saysLogin || s.namesLogin || s.graph ||
		namesLogin(v.path(), loginWords) || looksLikeLogin(v.path()) || looksLikeLogin("/"+v.args[:min(len(v.args), maxTarget)]) ||
		v.asksAgain() || v.isPlace(placeLogsIn)
}

// takesCodes reports whether a path is one where people show a code in order to log in.
func takesCodes(p string) bool {
	if namesLogin(p, loginWords) || looksLikeLogin(p) || hasFactor(strings.ToLower(p), nothingSaid) {
		return true
	}
	return namesLogin(p, codeWords) && !slices.ContainsFunc(lookups, func(word string) bool { return strings.Contains(strings.ToLower(p), word) })
}

// asksAgain reports whether the answer has a field for a password, or leads back to a
// page that may have one: a program is answered otherwise.
func (v *view) asksAgain() bool {
	if v.isMoved() {
		return v.redirectResult() == loginFailure
	}
	return strings.Contains(strings.ToLower(v.evt.ContentType), "html") && asksPassword(v.answer())
}

// hasLogin reports whether a short text, such as the name of an action, has the word in it.
func hasLogin(text string) bool {
	if len(text) > maxElement {
		return false
	}
	text = strings.ToLower(text)
	return strings.Contains(text, "login") || strings.Contains(text, "signin") || strings.Contains(text, "authenticate")
}

// namesLogin reports whether one of the last two elements of a path is one of the words,
// whatever its extension.
func namesLogin(p string, words stringSet) bool {
	elements := strings.Split(strings.ToLower(strings.Trim(p, "/")), "/")
	return slices.ContainsFunc(elements[max(0, len(elements)-2):], func(element string) bool {
		return words.has(strings.TrimSuffix(element, path.Ext(element)))
	})
}

// loginWords are names of places where people log in, beside those that look like it.
var loginWords = newStringSet(strings.Fields(`
	auth auths authn oauth oauth2 sso session sessions token authentication authorize signon sign-on sign_on ucp
	j_security_check j_spring_security_check j_atl_security_check
	anmelden anmeldung einloggen connexion identification acceso acceder entrar ingresar iniciar-sesion accedi accesso inloggen
	aanmelden logowanie zaloguj prihlaseni prihlasenie logga-in kirjaudu bejelentkezes autentificare giris vhod masuk`)...)

// codeWords are names of places where people show a code.
var codeWords = newStringSet(strings.Fields(`
	2fa mfa otp totp two-factor two_factor twofactor 2-step two-step tfa code codes passcode pin verify verification verify-code
	verify-otp otp-verify challenge`)...)

// looksLikeLogin reports whether a path is one where people log in, to judge by
// its last two elements.
func looksLikeLogin(path string) bool {
	path = strings.ToLower(path)
	last := path[strings.LastIndexByte(path, '/')+1:]
	if dir := strings.TrimSuffix(path, "/"+last); dir != "" {
		last = dir[strings.LastIndexByte(dir, '/')+1:] + "/" + last
	}
	for _, word := range []string{"login", "signin", "sign-in", "sign_in", "logon", "log-in", "log_in", "authenticate"} {
		if strings.Contains(last, word) {
			return true
		}
	}
	return false
}

// isLoginPath reports whether a path is one of a form to log in by, as its name says.
func isLoginPath(p string) bool { return looksLikeLogin(p) || isLoginPage(p) }

// isLoginPage reports whether a path ends like one of a form to log in by: /session/new,
// /connexion, /auth.
func isLoginPage(p string) bool {
	last := path.Base(p)
	if last == "new" || strings.HasPrefix(last, "index.") {
		last = path.Base(path.Dir(p))
	}
	switch last = strings.TrimSuffix(last, path.Ext(last)); last {
	case "oauth", "oauth2", "token", "sso": // these lead on, too
		return false
	}
	return loginWords.has(last)
}
