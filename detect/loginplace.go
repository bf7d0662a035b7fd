package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// loginPlace returns the place of a login attempt, if it is a place for logging in. Many
// APIs and webhooks also take a name and a password. If those are wrong, it means nothing to
// a guard, which keeps programs out.
func (v *view) loginPlace() (string, bool) {
	switch kind := v.attempt().kind; {
	case kind == "" && !v.isHidden() || !v.logsIn():
		return "", false
	case kind == kindBasic || kind == kindDigest:
		return v.area(), true
	}
	return v.spot(), true
}

// area returns the part of a site that a password of HTTP authentication is for. A server
// may ask for it at any path. So a single path is not enough for a guard: an attacker would
// use a different path each time. Everything below one first element is an area if someone
// was let in there; the rest of the site is another area.
func (v *view) area() string {
	whole, own := v.areas()
	if v.sites != nil && v.sites.isPlace(placeAccepts, v.sites.hash(own)) {
		return own
	}
	return whole
}

// areas returns the names of the two areas: the whole site, and everything below the first
// element of the path.
func (v *view) areas() (whole, own string) {
	site, _ := v.site()
	whole = "AUTHORIZATION " + strings.ToLower(site[:min(len(site), maxPlace)])
	return whole, whole + template(v.plainPath(), 1)
}

// noteArea records that the site has accepted a password of HTTP authentication.
func (d *Detector) noteArea(v *view) {
	if kind := v.attempt().kind; kind != kindBasic && kind != kindDigest {
		return
	}
	if result, _ := v.login(); result == loginSuccess {
		_, own := v.areas()
		d.sites.learnPlace(v, placeAccepts, d.sites.hash(own))
	}
}

// Area returns the part of a site that e shows a password of HTTP authentication for, in the
// form of [event.Alert].Place for guesses at it. It is empty if e shows none.
func (d *Detector) Area(e *event.Event) string {
	if len(e.Request["Authorization"]) == 0 {
		return ""
	}
	v := view{evt: e, sites: d.sites, gen: 1}
	v.split()
	if kind := v.attempt().kind; kind != kindBasic && kind != kindDigest {
		return ""
	}
	return v.area()
}

// logsIn reports whether the request is a login: HTTP has a field for it, the path or the
// form shows it, the answer asks for a password, or someone has logged in there before.
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

// takesCodes reports whether a path is one for entering a login code.
func takesCodes(p string) bool {
	if namesLogin(p, loginWords) || looksLikeLogin(p) || hasFactor(strings.ToLower(p), nothingSaid) {
		return true
	}
	return namesLogin(p, codeWords) && !slices.ContainsFunc(lookups, func(word string) bool { return strings.Contains(strings.ToLower(p), word) })
}

// asksAgain reports whether the answer has a password field, or redirects to a page that may
// have one. Programs get other answers.
func (v *view) asksAgain() bool {
	if v.isMoved() {
		return v.redirectResult() == loginFailure
	}
	return strings.Contains(strings.ToLower(v.evt.ContentType), "html") && asksPassword(v.answer())
}

// hasLogin reports whether a short text, such as the name of an action, contains a word for
// login.
func hasLogin(text string) bool {
	if len(text) > maxElement {
		return false
	}
	text = strings.ToLower(text)
	return strings.Contains(text, "login") || strings.Contains(text, "signin") || strings.Contains(text, "authenticate")
}

// namesLogin reports whether one of the last two elements of a path is one of the words,
// with any extension.
func namesLogin(p string, words stringSet) bool {
	elements := strings.Split(strings.ToLower(strings.Trim(p, "/")), "/")
	return slices.ContainsFunc(elements[max(0, len(elements)-2):], func(element string) bool {
		return words.has(strings.TrimSuffix(element, path.Ext(element)))
	})
}

// loginWords are names of login places, in addition to those that looksLikeLogin finds.
var loginWords = newStringSet(strings.Fields(`
	auth auths authn oauth oauth2 sso session sessions token authentication authorize signon sign-on sign_on ucp
	j_security_check j_spring_security_check j_atl_security_check
	anmelden anmeldung einloggen connexion identification acceso acceder entrar ingresar iniciar-sesion accedi accesso inloggen
	aanmelden logowanie zaloguj prihlaseni prihlasenie logga-in kirjaudu bejelentkezes autentificare giris vhod masuk`)...)

// codeWords are names of places for entering a code.
var codeWords = newStringSet(strings.Fields(`
	2fa mfa otp totp two-factor two_factor twofactor 2-step two-step tfa code codes passcode pin verify verification verify-code
	verify-otp otp-verify challenge`)...)

// looksLikeLogin reports whether the last two elements of a path look like a login.
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

// isLoginPath reports whether a path has the name of a login form.
func isLoginPath(p string) bool { return looksLikeLogin(p) || isLoginPage(p) }

// isLoginPage reports whether a path ends like that of a login form: /session/new,
// /connexion, /auth.
func isLoginPage(p string) bool {
	last := path.Base(p)
	if last == "new" || strings.HasPrefix(last, "index.") {
		last = path.Base(path.Dir(p))
	}
	switch last = strings.TrimSuffix(last, path.Ext(last)); last {
	case "oauth", "oauth2", "token", "sso": // these also lead on to another page
		return false
	}
	return loginWords.has(last)
}
