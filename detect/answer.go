package detect

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxAnswer is how many bytes of an answer are inspected.
const maxAnswer = 8 << 10

// answerResult returns whether an answer with status 200 accepts the posted name and
// password.
func (v *view) answerResult() string {
	body := v.answer()
	switch {
	case v.isJSON(body):
		return jsonResult(body)
	case v.isXML():
		return xmlResult(body)
	case v.isHTML() && handsOver(body):
		return loginSuccess
	case v.isHTML() && asksPassword(body):
		return loginFailure
	}
	return loginTry
}

func (v *view) isHTML() bool { return strings.Contains(strings.ToLower(v.evt.ContentType), "html") }

// isJSON reports whether a body is JSON, and not empty.
func (v *view) isJSON(body []byte) bool {
	return len(body) > 0 && (body[0] == '{' || body[0] == '[' || strings.Contains(strings.ToLower(v.evt.ContentType), "json"))
}

// welcomes reports whether an answer without an error starts a session: it sets a cookie,
// and it has created something, confirms success or names the user. For an HTML page a
// cookie proves nothing, because many applications set one with every answer.
func (v *view) welcomes() bool {
	if !v.beginsCookie() || v.isHTML() {
		return false
	}
	if v.evt.Status == http.StatusCreated || v.evt.Status == http.StatusNoContent || v.isPlace(placeDenies) {
		return true
	}
	body := v.answer()
	if v.isJSON(body) {
		return jsonWelcomes(body)
	}
	switch strings.Trim(strings.ToLower(string(body[:min(len(body), maxElement)])), `."!`) {
	case "ok", "true", "1", "success", "logged in", "welcome":
		return true
	}
	return false
}

// jsonWelcomes reports whether JSON without an error confirms a login: it names the user, or
// confirms success.
func jsonWelcomes(body []byte) (welcomes bool) {
	refuses := false
	eachMember(body, func(key, value string) {
		name, value := plainName(key), strings.ToLower(value)
		refuses = refuses || isMessage(name) && mentionsRefusal(value)
		welcomes = welcomes || memberWelcomes(name, value)
	})
	return welcomes && !refuses
}

func memberWelcomes(name, value string) bool {
	switch name {
	case "id", "userid", "uid", "user", "username", "email", "role", "location", "redirect", "redirecturl", "redirectto":
		return value != "" && value != "0" && value != "false" && !isLoginPath("/"+value)
	case "ok", "success", "authenticated", "loggedin", "status", "result", "valid":
		return value == "true" || value == "ok" || value == "success" || value == "1"
	}
	return isMessage(name) && (strings.Contains(value, "logged in") || strings.Contains(value, "success"))
}

func isMessage(name string) bool {
	switch name {
	case "message", "msg", "detail", "reason", "info", "text", "title":
		return true
	}
	return false
}

// mentionsRefusal reports whether a message says that something is wrong.
func mentionsRefusal(message string) bool {
	return slices.ContainsFunc([]string{"wrong", "invalid", "incorrect", "fail", "denied", "error", "not ", "unknown", "unauthor", "no such", "bad ", "locked", "expired", "too many", "unsuccess"},
		func(word string) bool { return strings.Contains(message, word) })
}

// answer returns the beginning of the response's body, decompressed, or nothing if it cannot
// be read.
func (v *view) answer() []byte {
	body := v.evt.Answer[:min(len(v.evt.Answer), maxAnswer)]
	switch first(v.evt.Header["Content-Encoding"]) {
	case "", "identity":
		return bytes.TrimSpace(body)
	case "gzip":
		in, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil
		}
		plain, _ := io.ReadAll(io.LimitReader(in, maxAnswer)) // the error is expected: only the beginning of the answer was kept
		return bytes.TrimSpace(plain)
	}
	return nil
}

// asksPassword reports whether a page has a password field: the application shows the form
// again.
func asksPassword(page []byte) bool {
	page = bytes.ToLower(page)
	for _, sign := range []string{`type="password"`, "type=password", "type='password'"} {
		if bytes.Contains(page, []byte(sign)) {
			return true
		}
	}
	return false
}

// jsonResult looks for an error or a token in the members of JSON.
func jsonResult(body []byte) string {
	result := loginTry
	eachMember(body, func(key, value string) {
		switch said := memberResult(plainName(key), value); {
		case said == loginFailure:
			result = loginFailure
		case said == loginSuccess && result == loginTry:
			result = loginSuccess
		}
	})
	if result == loginTry && hasErrors(body) {
		return loginFailure
	}
	return result
}

// hasErrors reports whether JSON has an error that is an object or an array, such as errors
// and response_errors.
func hasErrors(body []byte) bool {
	for _, sign := range []string{`rrors":`, `"error":`} {
		_, rest, found := bytes.Cut(body, []byte(sign))
		rest = bytes.TrimSpace(rest)
		if found && len(rest) > 1 && (rest[0] == '{' || rest[0] == '[') && !bytes.HasPrefix(rest, []byte("[]")) && !bytes.HasPrefix(rest, []byte("{}")) {
			return true
		}
	}
	return false
}

// memberResult returns what one member says about the login.
func memberResult(name, value string) string {
	value = strings.ToLower(value)
	switch name {
	case "error", "errorcode", "errormessage", "errordescription", "errcode", "errormsg":
		switch value {
		case "", "0", "none", "ok", "false":
		default:
			return loginFailure
		}
	case "success", "ok", "authenticated", "status", "stat", "result", "succeeded", "loggedin", "loginstatus", "authpassed", "valid":
		switch value {
		case "false", "0", "-1", "error", "fail", "failed", "failure", "unauthorized", "denied", "deny":
			return loginFailure
		case "allow":
			return loginSuccess
		}
	case "code", "statuscode", "url":
		return besides(name, value)
	case "token", "accesstoken", "idtoken", "refreshtoken", "jwt", "jwttoken", "ticket", "sessionid", "sessiontoken", "authtoken", "apikey",
		"ubusrpcsession", "sid":
		switch {
		case value == "":
		case strings.Trim(value, "0") == "": // zero is no user's ID
			return loginFailure
		default:
			return loginSuccess
		}
	}
	if name == "result" && isTokenLike(value) { // JSON-RPC's name for the answer
		return loginSuccess
	}
	return ""
}

// besides handles members that some applications send with status 200 for a failure: an HTTP
// status code, or an address to go to, with an error in its query.
func besides(name, value string) string {
	_, query, _ := strings.Cut(value, "?")
	if name == "url" && showsError(query) || name != "url" && len(value) == 3 && (value[0] == '4' || value[0] == '5') {
		return loginFailure
	}
	return ""
}

// isTokenLike reports whether a text in lower case is a long hexadecimal number.
func isTokenLike(text string) bool {
	const shortest = 32
	return len(text) >= shortest && strings.Trim(text, "0123456789abcdef") == ""
}
