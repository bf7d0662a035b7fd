package detect

import (
	"bytes"
	"net/http"
	"strings"
)

// isDown reports whether the application has not seen the request, because the server is
// busy or cannot be reached. 500 is not such a status: SOAP uses it for a wrong password.
func (v *view) isDown() bool {
	switch status := v.evt.Status; status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return status >= 500 && (v.attempt().kind != kindForm || v.wordpressLogin())
	}
}

// breaks reports whether the status is a server error. Applications may give a meaning to
// statuses that HTTP does not define: GlobalProtect uses 512 for a wrong password.
func (v *view) breaks() bool {
	return v.evt.Status >= 500 && v.evt.Status <= http.StatusNetworkAuthenticationRequired
}

// oddResult returns the result for a status that is neither a success nor a usual status for
// a wrong password, but is used for it: 404 for an unknown name, 412, 500.
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

// saysNo reports whether JSON has a message about an error.
func saysNo(body []byte) (no bool) {
	eachMember(body, func(key, value string) {
		no = no || isMessage(plainName(key)) && mentionsRefusal(strings.ToLower(value))
	})
	return no
}

// unreadResult returns the result of a form whose name and password are in unknown fields.
// It can only recognize failures, because many other forms are posted to login pages too.
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

// isUnreadFailure reports whether the answer to a login says that something was wrong. An
// HTML page says so if it has the form again. A form with one field has only a name, and the
// password comes next.
func (v *view) isUnreadFailure(page bool) bool {
	switch {
	case v.isMoved():
		return v.redirect().showsError()
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
// values that only a logged-in user gets.
func handsOver(page []byte) bool {
	page = bytes.ToLower(page)
	for _, sign := range []string{`name="samlresponse"`, `name="wresult"`, `name="id_token"`} {
		if bytes.Contains(page, []byte(sign)) {
			return true
		}
	}
	return false
}
