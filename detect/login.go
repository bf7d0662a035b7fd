package detect

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
)

// login tells whether somebody logged in, or failed to.
//
// WordPress says that somebody has logged in by a cookie, whatever the status is
// and wherever the form was: it answers 200 to a wrong password as well as to the
// right one in the window that asks again in the middle of work. A failure is a
// name and a password posted to wp-login.php, or by the form of WooCommerce, with
// no such cookie in return. For all other applications, it is 401 or 403 to
// credentials. 401 to who had none to show is how every visit begins.
func (v *view) login() (string, bool) {
	switch {
	case v.loggedIn():
		return loginSuccess, true
	case v.loginFailed():
		return loginFailure, true
	}
	return "", false
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

func (v *view) loginFailed() bool {
	switch status := v.evt.Status; {
	case status >= 500:
		return false // nobody has looked at the password
	case status == http.StatusUnauthorized && v.hasBasic():
		return true
	case !isPost(v.evt.Method):
		return false
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return v.hasBasic() || v.sent().password != "" || v.isHidden() && looksLikeLogin(v.path())
	}
	return v.wordpressLogin()
}

// wordpressLogin reports whether a POST is one by which WordPress logs in.
func (v *view) wordpressLogin() bool {
	if v.posts("wp-login.php") {
		return v.sent().log && v.sent().pwd || v.isHidden() && !v.sent().pwd && !v.asksOther()
	}
	return bytes.Contains(v.evt.Body, []byte(shopField)) && v.sent().shop && v.sent().password != ""
}

// posts reports whether the request is a POST to the script of that name.
func (v *view) posts(name string) bool {
	s, _ := v.script()
	dir, ok := strings.CutSuffix(s, name)
	return ok && strings.HasSuffix(dir, "/") && isPost(v.evt.Method)
}

func (v *view) path() string {
	p, _ := v.cleanPath()
	return p
}

// isHidden reports whether the body is a form of which the end, or all, was not
// kept. It may hold anything, so who sends 16 KiB of nothing before a password
// does not get away with it.
func (v *view) isHidden() bool {
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

// looksLikeLogin reports whether a path is one where people log in, to judge by
// its last element.
func looksLikeLogin(path string) bool {
	last := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	for _, word := range []string{"login", "signin", "sign-in", "logon"} {
		if strings.Contains(last, word) {
			return true
		}
	}
	return false
}

// maxBasic bounds the credentials in a header that are looked at.
const maxBasic = 4 << 10

func (v *view) hasBasic() bool {
	auth := v.evt.Request.Get("Authorization")
	scheme, _, ok := strings.Cut(auth, " ")
	return ok && strings.EqualFold(scheme, "Basic")
}

// credentials returns the name and the password that the request shows, empty if
// there is none. Those posted to a login of WordPress come before those in a
// header, which may be for the server in front of it.
func (v *view) credentials() (user, password string) {
	if v.posts("wp-login.php") && v.sent().log {
		return v.sent().logName, v.sent().pwdText
	}
	if auth := v.evt.Request.Get("Authorization"); auth != "" && len(auth) <= maxBasic {
		user, password, ok := (&http.Request{Header: v.evt.Request}).BasicAuth()
		if ok {
			return user, password
		}
	}
	return v.sent().user, v.sent().password
}

// loginUser returns a stand-in for the name that somebody wants to log in by.
// Neither it nor the name can be found out from what is kept.
func (v *view) loginUser() (string, bool) {
	user, _ := v.credentials()
	if user == "" {
		return "", false
	}
	return alias("user", strings.ToLower(user)), true
}

// loginTry returns a stand-in for the name and the password, or for what a call of
// xmlrpc.php begins with, which is them.
func (v *view) loginTry() (string, bool) {
	user, password := v.credentials()
	if user == "" && password == "" {
		call, ok := v.xmlrpc()
		if !ok || call.first == "" {
			return "", false
		}
		return alias("call", call.first), true
	}
	return alias("try", strings.ToLower(user)+"\x00"+password), true
}

// aliasKey makes aliases mean nothing outside this process.
var aliasKey = func() []byte {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	return key
}()

// alias returns a short keyed hash of what a text of a kind is.
func alias(kind, text string) string {
	h := hmac.New(sha256.New, aliasKey)
	h.Write([]byte(kind + "\x00" + text)) // never fails
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// isPost reports whether PHP takes a method for POST: it does not mind the case.
func isPost(method string) bool { return strings.EqualFold(method, http.MethodPost) }
