package detect

import (
	"bytes"
	"net/http"
	"strings"
)

// isDown reports whether nobody has looked at what was sent: the server is busy or cannot
// be reached. A server that breaks may do so at a wrong password: SOAP has 500 for that.
func (v *view) isDown() bool {
	switch status := v.evt.Status; status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return status >= 500 && (v.attempt().kind != kindForm || v.wordpressLogin())
	}
}

// breaks reports whether the status says that the server is broken. Those that HTTP does not
// have are for applications to give a meaning: GlobalProtect has 512 for a wrong password.
func (v *view) breaks() bool {
	return v.evt.Status >= 500 && v.evt.Status <= http.StatusNetworkAuthenticationRequired
}

// oddResult returns what a status says that is neither a success nor one of those that
// are in use for a wrong password: 404 for a name that nobody has, 412, 500.
func (v *view) oddResult() string {
	if !v.logsIn() {
		return ""
	}
	body := v.answer()
	if v.isJSON(body) && (jsonResult(body) == loginFailure || saysNo(body)) || v.isXML() && xmlResult(body) == loginFailure {
		return loginFailure
	}
	return loginTry
}

// saysNo reports whether JSON has a message that something is not right.
func saysNo(body []byte) (no bool) {
	eachMember(body, func(key, value string) {
		no = no || isMessage(plainName(key)) && tellsOfRefusal(strings.ToLower(value))
	})
	return no
}

// unreadResult returns what came of a form whose name and password are in fields that
// nobody knows, if it is one. Only what says that it was wrong does: many other forms are
// sent to where people log in.
func (v *view) unreadResult() string {
	s := v.sent()
	if s.fields == 0 || s.user != "" || v.attempt().kind != "" || isRefresh(v.path()) || isRegistration(v.path()) {
		return ""
	}
	page := v.isHTML() && asksPassword(v.answer())
	if v.evt.Status == http.StatusUnauthorized && page || (looksLikeLogin(v.path()) || s.saysLogin || s.namesLogin) && v.isUnreadFailure(page) {
		return loginFailure
	}
	return ""
}

// isUnreadFailure reports whether the answer to a login says that something was wrong;
// page that it has the form again. One field alone is a name, after which the password
// is asked for.
func (v *view) isUnreadFailure(page bool) bool {
	switch {
	case v.isMoved():
		return v.redirect().tellsOfError()
	case !v.isFine():
		return false
	}
	return page && v.sent().fields > 1 || v.isJSON(v.answer()) && v.answerResult() == loginFailure
}

func (v *view) isXML() bool {
	media := strings.ToLower(v.evt.ContentType)
	return strings.Contains(media, "xml") && !strings.Contains(media, "html")
}

// handsOver reports whether a page is a form that a script sends to another site, with
// what only who has logged in is given.
func handsOver(page []byte) bool {
	page = bytes.ToLower(page)
	for _, sign := range []string{`name="samlresponse"`, `name="wresult"`, `name="id_token"`} {
		if bytes.Contains(page, []byte(sign)) {
			return true
		}
	}
	return false
}
