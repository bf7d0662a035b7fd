package detect

import (
	"bytes"
	"net/http"
	"path"
	"strings"
	"time"
)

// shopField is in the login form of WooCommerce.
const shopField = "woocommerce-login-nonce"

// What Meta.login can be.
const (
	loginSuccess = "success"
	loginFailure = "failure"
	loginTry     = "try" // nothing tells what came of it
)

// login tells whether somebody logged in, or failed to.
//
// What came of an attempt follows from the answer, whatever the application: an
// error status, a redirect back to where people log in, the same form once more,
// an error in JSON is a failure; a redirect elsewhere that begins a session, a
// token in JSON is a success. 401 to who had nothing to show is how every visit
// begins. Where nothing tells, who tries one password after the other for one name
// has not been let in by the ones before.
//
// WordPress says that somebody has logged in by a cookie, whatever the status is
// and wherever the form was: it answers 200 to a wrong password as well as to the
// right one in the window that asks again in the middle of work.
func (v *view) login() (string, bool) {
	if v.isQuiet() {
		return "", false
	}
	if v.loggedIn() {
		return loginSuccess, true
	}
	if v.evt.Status >= 500 || v.evt.Status == http.StatusTooManyRequests {
		return "", false // nobody has looked at the password
	}
	if v.wordpressLogin() {
		return loginFailure, true
	}
	switch v.attempt().kind {
	case kindForm:
		return nonEmpty(v.formResult())
	case kindBasic, kindDigest, kindToken:
		return nonEmpty(v.headerResult())
	case kindCode:
		return nonEmpty(v.codeResult())
	case kindXMLRPC:
		return nonEmpty(v.xmlrpcResult())
	}
	if v.isRefused() && looksLikeLogin(v.path()) && (v.isHidden() || v.evt.Status == http.StatusUnauthorized) {
		return loginFailure, true // by fields of other names, perhaps
	}
	return "", false
}

// isRefused reports whether the status says that what was posted is not right.
func (v *view) isRefused() bool {
	if !isPost(v.evt.Method) {
		return false
	}
	switch v.evt.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// formResult returns what came of a name and a password that were posted.
func (v *view) formResult() string {
	status := v.evt.Status
	switch {
	case v.posts("wp-login.php") || isRegistration(v.path()):
		return "" // that is settled: see wordpressLogin
	case v.isRefused(), status == http.StatusUnauthorized, status == http.StatusForbidden:
		return loginFailure
	case v.isGrant() && status >= 200 && status < 300:
		return loginSuccess
	case status >= 300 && status < 400:
		return v.redirectResult()
	case status == 0 || status >= 200 && status < 300:
		result := v.answerResult()
		if result == loginTry && v.isPlace(placeRefuses) {
			return loginSuccess
		}
		return result
	}
	return ""
}

// redirectResult judges by where a redirect leads. Back to where it was asked is a
// failure, but for applications that go there after a success too: then they begin
// a session.
func (v *view) redirectResult() string {
	to, session := first(v.evt.Header["Location"]), len(v.evt.Header["Set-Cookie"]) > 0
	at, _, _ := strings.Cut(locationPath(to), "#")
	if at != "" && at[0] != '/' { // relative to the page that was asked for
		at = path.Join(path.Dir(v.path()), at)
	}
	_, query, _ := strings.Cut(to, "?")
	back := at == "" || strings.EqualFold(strings.TrimSuffix(at, "/"), strings.TrimSuffix(v.path(), "/"))
	switch {
	case tellsOfError(query), looksLikeLogin(at) && !session, back && !session:
		return loginFailure
	case back || looksLikeLogin(at) || !session:
		return loginTry
	}
	return loginSuccess
}

func tellsOfError(query string) bool {
	query = strings.ToLower(query[:min(len(query), maxElement*4)])
	for _, word := range []string{"error", "fail", "invalid", "denied", "incorrect", "wrong", "bad_"} {
		if strings.Contains(query, word) {
			return true
		}
	}
	return false
}

// headerResult returns what came of credentials in a header field. That they were
// accepted says something only where they are asked for.
func (v *view) headerResult() string {
	status, kind := v.evt.Status, v.tried.kind
	switch {
	case status == http.StatusUnauthorized:
		if kind == kindDigest && strings.Contains(strings.ToLower(first(v.evt.Header["Www-Authenticate"])), "stale=true") {
			return "" // the password is right, the challenge too old
		}
		return loginFailure
	case status == http.StatusForbidden && (kind == kindToken || kind == kindBasic && isPost(v.evt.Method)):
		return loginFailure
	case status == http.StatusForbidden && kind == kindBasic:
		return loginTry // wrong, or right and without rights here
	case (status == 0 || status >= 200 && status < 300) && v.asksCredentials():
		return loginSuccess
	}
	return ""
}

// codeResult returns what came of a code. One that was right leads on.
func (v *view) codeResult() string {
	status := v.evt.Status
	switch {
	case v.isRefused(), status == http.StatusNotFound && isPost(v.evt.Method), v.answerResult() == loginFailure:
		return loginFailure
	case status >= 300 && status < 400 && v.redirectResult() == loginFailure:
		return loginFailure
	}
	return ""
}

// wordpressLogin reports whether a POST is one by which WordPress logs in.
func (v *view) wordpressLogin() bool {
	if v.posts("wp-login.php") {
		return v.sent().log && v.sent().pwd || v.isHidden() && !v.sent().pwd && !v.asksOther()
	}
	return bytes.Contains(v.evt.Body, []byte(shopField)) && v.sent().shop && v.sent().password != ""
}

// loggedIn reports whether the response sets WordPress's cookie of who is logged
// in. Without a value, or with one that has expired, it is being deleted.
func (v *view) loggedIn() bool {
	for _, line := range v.evt.Header["Set-Cookie"] {
		if !strings.HasPrefix(strings.TrimLeft(line, " \t"), "wordpress_logged_in_") {
			continue
		}
		c, err := http.ParseSetCookie(line)
		if err != nil || c.MaxAge < 0 || strings.TrimSpace(queryUnescape(c.Value)) == "" {
			continue
		}
		if c.Expires.IsZero() || c.MaxAge > 0 || c.Expires.After(v.now()) {
			return true
		}
	}
	return false
}

// now returns when the event was over.
func (v *view) now() time.Time {
	if v.evt.Ended.IsZero() {
		return v.evt.Time
	}
	return v.evt.Ended
}

func (v *view) path() string {
	p, _ := v.cleanPath()
	return p
}

// isHidden reports whether the body is a form of which the end, or all, was not
// kept. It may hold anything, so who sends 16 KiB of nothing before a password
// does not get away with it.
func (v *view) isHidden() bool {
	if !isPost(v.evt.Method) {
		return false
	}
	switch v.contentType() {
	case mediaForm, mediaMultipart:
		return len(v.evt.Body) == 0 || v.evt.Truncated
	}
	return false
}

// asksOther reports whether the query asks wp-login.php for something else than
// to log in, such as for a new password or the page behind one.
func (v *view) asksOther() bool {
	action := ""
	eachPair(v.args, func(key, value string) {
		if key == "action" {
			action = value
		}
	})
	return action != "" && action != "login"
}

// isRegistration reports whether people make an account there, for which they choose
// a name and a password. Another form than a login's refuses these.
func isRegistration(path string) bool {
	path = strings.ToLower(strings.TrimSuffix(path, "/"))
	last := path[strings.LastIndexByte(path, '/')+1:]
	for _, word := range []string{"register", "registration", "signup", "sign-up", "sign_up"} {
		if strings.HasPrefix(last, word) {
			return true
		}
	}
	return false
}

// isGrant reports whether the password is to be exchanged for a token as OAuth has
// it: where that fails, the status says so (RFC 6749, section 5.2).
func (v *view) isGrant() bool {
	p := v.path()
	return v.sent().grants && strings.HasSuffix(p, "/token") && scriptEnd(p) == 0
}

// isPost reports whether PHP takes a method for POST: it does not mind the case.
func isPost(method string) bool { return strings.EqualFold(method, http.MethodPost) }
