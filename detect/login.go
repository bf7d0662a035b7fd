package detect

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// shopField is in the login form of WooCommerce.
const shopField = "woocommerce-login-nonce"

// What Meta.login can be.
const (
	loginSuccess = "success"
	loginFailure = "failure"
	loginTry     = "try"    // nothing tells what came of it
	loginStep    = "step"   // the password was right, and a second factor is asked for
	loginFound   = "found"  // somebody has looked up a code, and the site has it: see lookup.go
	loginUnused  = "unused" // the answer tells little, and the logins before were not used: see idle.go
)

// login tells whether somebody logged in, or failed to.
//
// What came of an attempt follows from the answer, whatever the application: an
// error status, a redirect back to the page of the form, the same form once more,
// an error in JSON is a failure; a redirect elsewhere that begins a session, a
// token in JSON is a success; a question for a code is a step to one. 401 to who had
// nothing to show is how every visit begins. Where nothing tells, who tries one
// password after the other for one name has not been let in by the ones before.
//
// WordPress says that somebody has logged in by a cookie, whatever the status is
// and wherever the form was: it answers 200 to a wrong password as well as to the
// right one in the window that asks again in the middle of work.
func (v *view) login() (string, bool) {
	if v.isQuiet() {
		return "", false
	}
	if v.result.gen != v.gen {
		said := v.judgeLogin()
		v.result = loginResult{v.gen, v.doubted(said), said}
	}
	return nonEmpty(v.result.is)
}

// A loginResult is what came of a login, found out once for an event.
type loginResult struct {
	gen  uint32 // of the view that it was found for: see view.gen
	is   string
	said string // by the answer alone: see idle.go
}

func (v *view) judgeLogin() string {
	if v.loggedIn() {
		return loginSuccess
	}
	if v.isDown() {
		return "" // nobody has looked at the password
	}
	if v.wordpressLogin() {
		if v.leadsToCode() {
			return loginStep
		}
		return loginFailure
	}
	switch v.attempt().kind {
	case kindForm, kindProof:
		return v.formResult()
	case kindBasic, kindDigest, kindToken:
		return v.headerResult()
	case kindCode:
		return v.codeResult()
	case kindLookup:
		return v.lookupResult()
	case kindXMLRPC:
		return v.xmlrpcResult()
	}
	if v.isRefused() && isLoginPath(v.path()) && !isRefresh(v.path()) && (v.isHidden() || v.evt.Status == http.StatusUnauthorized) {
		return loginFailure // by fields of other names, perhaps
	}
	return v.unreadResult()
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
	case v.posts("wp-login.php"), v.makesAccount(), v.makesThing():
		return "" // that is settled: see wordpressLogin
	case v.leadsToCode():
		return loginStep
	case v.isRefused(), status == http.StatusUnauthorized, status == http.StatusForbidden:
		return loginFailure
	case v.isGrant() && v.isFine():
		return loginSuccess
	case v.isMoved():
		return v.redirectResult()
	case v.isFine():
		return v.fineResult()
	}
	return v.oddResult()
}

// fineResult returns what 200 and the like say about a name and a password.
func (v *view) fineResult() string {
	result := v.answerResult()
	if result == loginTry && (v.isPlace(placeRefuses) || v.welcomes()) {
		return loginSuccess
	}
	return result
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

// codeResult returns what came of a code by which people log in.
func (v *view) codeResult() string {
	if result := v.codeOutcome(); result == loginFailure || result == loginSuccess && v.logsIn() {
		return result
	}
	return ""
}

// codeOutcome returns what came of a code. One that was right leads on.
func (v *view) codeOutcome() string {
	switch {
	case v.isRefused(), v.lacksCode():
		return loginFailure
	case v.isMoved():
		return v.codeRedirect()
	case v.isFine():
		return v.codeAnswer()
	}
	return ""
}

// lacksCode reports whether the status says that there is no such code.
func (v *view) lacksCode() bool { return v.evt.Status == http.StatusNotFound && isPost(v.evt.Method) }

// codeRedirect is redirectResult for a code. Its session has begun before.
func (v *view) codeRedirect() string {
	result := v.redirectResult()
	switch {
	case namesLogin(v.redirect().path, codeWords):
		return loginFailure // another one, please
	case result == loginTry:
		return loginSuccess
	}
	return result
}

// codeAnswer is fineResult for a code.
func (v *view) codeAnswer() string {
	result, body := v.fineResult(), v.answer()
	switch {
	case result != loginTry:
		return result
	case v.pageAsksCode(), v.isJSON(body) && asksFactor(body):
		return loginFailure
	case v.evt.Status == http.StatusNoContent, !v.isHTML() && v.isPlace(placeDenies), v.isJSON(body) && jsonWelcomes(body):
		return loginSuccess
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

// isRefresh reports whether a program exchanges there what it was given by a login, and
// not a password.
func isRefresh(path string) bool {
	last := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	return strings.Contains(last, "refresh") || strings.Contains(last, "renew")
}

// bringsBody reports whether a method sends what people log in by. Some APIs have them
// put a session in its place.
func bringsBody(method string) bool { return isPost(method) || method == http.MethodPut }

// isGrant reports whether the password is to be exchanged for a token as OAuth has
// it: where that fails, the status says so (RFC 6749, section 5.2).
func (v *view) isGrant() bool {
	p := v.path()
	return v.sent().grants && strings.HasSuffix(p, "/token") && scriptEnd(p) == 0
}

// isPost reports whether PHP takes a method for POST: it does not mind the case.
func isPost(method string) bool { return strings.EqualFold(method, http.MethodPost) }
