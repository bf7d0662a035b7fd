package detect

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// shopField is a field in the login form of WooCommerce.
const shopField = "woocommerce-login-nonce"

// The values of Meta.login.
const (
	loginSuccess = "success"
	loginFailure = "failure"
	loginTry     = "try"    // the result is unknown
	loginStep    = "step"   // the password was right, and the site asks for a second factor
	loginFound   = "found"  // the client looked up a code, and the site knows it: see lookup.go
	loginUnused  = "unused" // the answer says little, and the logins before were not used: see unusedlogin.go
)

// login returns whether the client logged in or failed to.
//
// The result follows from the answer, whatever the application. Failures are: an error
// status, a redirect back to the form's page, the same form again, an error in JSON.
// Successes are: a redirect elsewhere that starts a session, and a token in JSON. A question
// for a code is a step towards success. An answer of 401 to a request without credentials is
// the normal start of a visit. If nothing shows the result and a client tries several
// passwords for one name, the earlier ones were wrong.
//
// WordPress confirms a login by a cookie, whatever the status is and wherever the form was:
// in the window that asks for the password again during work, it answers 200 to a wrong
// password and to the right one.
func (v *view) login() (string, bool) {
	if v.isQuiet() {
		return "", false
	}
	if v.result.gen != v.gen {
		said := v.judgeLogin()
		v.result = loginResult{v.gen, v.orUnused(said), said}
	}
	return nonEmpty(v.result.is)
}

// A loginResult is the result of a login, computed once for an event.
type loginResult struct {
	gen  uint32 // the generation of the view it belongs to: see view.gen
	is   string
	said string // the result by the answer alone: see unusedlogin.go
}

func (v *view) judgeLogin() string {
	if v.loggedIn() {
		return loginSuccess
	}
	if v.isDown() {
		return "" // the application has not checked the password
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
		return loginFailure // the client may have used fields of other names
	}
	return v.unreadResult()
}

// isRefused reports whether the status says that the posted data is wrong.
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

// formResult returns the result of a posted name and password.
func (v *view) formResult() string {
	status := v.evt.Status
	switch {
	case v.posts("wp-login.php"), v.makesAccount(), v.makesThing():
		return "" // already decided: see wordpressLogin
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

// fineResult returns what 200 and similar statuses say about a name and a password.
func (v *view) fineResult() string {
	result := v.answerResult()
	if result == loginTry && (v.isPlace(placeRefuses) || v.welcomes()) {
		return loginSuccess
	}
	return result
}

// headerResult returns the result of credentials in a header field. That they were accepted
// proves something only if the page requires them.
func (v *view) headerResult() string {
	status, kind := v.evt.Status, v.tried.kind
	switch {
	case status == http.StatusUnauthorized:
		if kind == kindDigest && strings.Contains(strings.ToLower(first(v.evt.Header["Www-Authenticate"])), "stale=true") {
			return "" // the password is right, but the challenge has expired
		}
		return loginFailure
	case status == http.StatusForbidden && (kind == kindToken || kind == kindBasic && isPost(v.evt.Method)):
		return loginFailure
	case status == http.StatusForbidden && kind == kindBasic:
		return loginTry // either wrong, or right but without access here
	case (status == 0 || status >= 200 && status < 300) && v.asksCredentials():
		return loginSuccess
	}
	return ""
}

// codeResult returns the result of a code for logging in.
func (v *view) codeResult() string {
	if result := v.codeOutcome(); result == loginFailure || result == loginSuccess && v.logsIn() {
		return result
	}
	return ""
}

// codeOutcome returns the result of a code. After a right code the login continues.
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

// lacksCode reports whether the status says that the code does not exist.
func (v *view) lacksCode() bool { return v.evt.Status == http.StatusNotFound && isPost(v.evt.Method) }

// codeRedirect is redirectResult for a code. Its session started before.
func (v *view) codeRedirect() string {
	result := v.redirectResult()
	switch {
	case namesLogin(v.redirect().path, codeWords):
		return loginFailure // the site asks for another code
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

// wordpressLogin reports whether a POST is a login to WordPress.
func (v *view) wordpressLogin() bool {
	if v.posts("wp-login.php") {
		return v.sent().log && v.sent().pwd || v.isHidden() && !v.sent().pwd && !v.asksOther()
	}
	return bytes.Contains(v.evt.Body, []byte(shopField)) && v.sent().shop && v.sent().password != ""
}

// now returns the time at which the event ended.
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

// isHidden reports whether the body is a form whose end, or all of it, was not kept. It may
// contain anything. Otherwise a client could hide a password behind 16 KiB of other data.
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

// asksOther reports whether the query asks wp-login.php for something other than a login,
// such as a new password or the password-protected page.
func (v *view) asksOther() bool {
	action := ""
	eachPair(v.args, func(key, value string) {
		if key == "action" {
			action = value
		}
	})
	return action != "" && action != "login"
}

// isRefresh reports whether a program exchanges a token from an earlier login there, and not
// a password.
func isRefresh(path string) bool {
	last := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	return strings.Contains(last, "refresh") || strings.Contains(last, "renew")
}

// bringsBody reports whether a login can have this method. In some APIs a client logs in by
// PUT of a session.
func bringsBody(method string) bool { return isPost(method) || method == http.MethodPut }

// isGrant reports whether the request exchanges a password for an OAuth token. The status
// then says whether that failed (RFC 6749, section 5.2).
func (v *view) isGrant() bool {
	p := v.path()
	return v.sent().grants && strings.HasSuffix(p, "/token") && scriptEnd(p) == 0
}

// isPost reports whether PHP treats a method as POST: it ignores upper and lower case.
func isPost(method string) bool { return strings.EqualFold(method, http.MethodPost) }
