package detect

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// maxAnswer is how much of an answer is looked at.
const maxAnswer = 8 << 10

// answerResult returns what an answer of 200 says about the name and the password
// that were posted.
func (v *view) answerResult() string {
	body := v.answer()
	switch kind := strings.ToLower(v.evt.ContentType); {
	case len(body) == 0:
		return loginTry
	case strings.Contains(kind, "json") || body[0] == '{' || body[0] == '[':
		return jsonResult(body)
	case strings.Contains(kind, "html") && asksPassword(body):
		return loginFailure
	}
	return loginTry
}

// answer returns the beginning of the response's body as it was before it was
// compressed; nothing if it cannot be read.
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
		plain, _ := io.ReadAll(io.LimitReader(in, maxAnswer)) // it breaks off where the answer was cut
		return bytes.TrimSpace(plain)
	}
	return nil
}

// asksPassword reports whether a page has a field for a password: the form comes
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

// jsonResult looks for an error or a token among the members of JSON.
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
	if result == loginTry && bytes.Contains(body, []byte(`rrors":`)) && !emptyErrors(body) {
		return loginFailure // errors, response_errors: an object or an array
	}
	return result
}

// emptyErrors reports whether what follows the first "errors" holds nothing.
func emptyErrors(body []byte) bool {
	_, rest, _ := bytes.Cut(body, []byte(`rrors":`))
	rest = bytes.TrimSpace(rest)
	for _, nothing := range []string{"[]", "{}", "null", "false"} {
		if bytes.HasPrefix(rest, []byte(nothing)) {
			return true
		}
	}
	return false
}

// memberResult returns what one member says.
func memberResult(name, value string) string {
	value = strings.ToLower(value)
	switch name {
	case "error", "errorcode", "errormessage", "errordescription", "errcode", "errormsg":
		switch value {
		case "", "0", "none", "ok", "false":
		default:
			return loginFailure
		}
	case "success", "ok", "authenticated", "status", "result":
		switch value {
		case "false", "0", "error", "fail", "failed", "failure", "unauthorized", "denied":
			return loginFailure
		}
	case "token", "accesstoken", "idtoken", "refreshtoken", "jwt", "jwttoken", "ticket", "sessionid", "sessiontoken", "authtoken", "apikey":
		if value != "" {
			return loginSuccess
		}
	}
	return ""
}
