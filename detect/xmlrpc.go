package detect

import (
	"bytes"
	"strconv"
	"strings"
)

// A call is a method call in a request to xmlrpc.php.
type call struct {
	gen uint32 // the generation of the view it belongs to: see view.gen

	method string
	calls  int    // how many calls it contains
	first  string // the first few values, which contain the name and the password

	tries  int                 // how many different names and passwords the contained calls have
	inner  string              // the method of the last contained call
	args   int                 // how many values it has, up to maxValues
	login  string              // these values
	logins map[string]struct{} // the logins of all contained calls
	await  bool                // the next value is a method name

	bundled string // the first few of the logins
}

// Limits for what xmlrpc reads: enough to recognize a login, and little enough to be fast.
const (
	maxTokens  = 8192
	maxValues  = 3
	maxLetters = 256 // letters of a text
)

// xmlrpc reads the call, once for each event, and reports whether there is one.
func (v *view) xmlrpc() (*call, bool) {
	c := &v.call
	if c.gen != v.gen {
		*c = call{gen: v.gen}
		if len(v.evt.Body) > 0 && v.posts("xmlrpc.php") {
			c.read(v.evt.Body[:min(len(v.evt.Body), maxField)])
		}
	}
	return c, c.method != ""
}

func (v *view) xmlrpcMethod() (string, bool) {
	c, ok := v.xmlrpc()
	return c.method, ok
}

// xmlrpcCalls returns how many calls a call of system.multicall contains, as far as the body
// was kept.
func (v *view) xmlrpcCalls() (string, bool) {
	c, ok := v.xmlrpc()
	if !ok || c.method != "system.multicall" {
		return "", false
	}
	if c.calls < len(statusTexts) {
		return statusTexts[c.calls], true
	}
	return strconv.Itoa(c.calls), true
}

// read reads a call. It stops at the end of the text or at an error, and the part before
// that counts.
func (c *call) read(text []byte) {
	values := 0
	eachEnd(text, func(name, text string) { c.end(name, text, &values) })
	c.endInner()
	c.tries, c.logins, c.login = len(c.logins), nil, ""
}

// end records the end of an element.
func (c *call) end(element, text string, values *int) {
	switch element {
	case "methodName":
		c.method = text // WordPress takes the last one
	case "name":
		switch text {
		case "methodName":
			c.endInner()
			c.calls++
			c.await = true
		case "params":
			c.await = false
		}
	default:
		if text == "" {
			return
		}
		if *values < maxValues {
			*values++
			c.first += text + "\x00"
		}
		c.value(text)
	}
}

// value records a value in one of the contained calls.
func (c *call) value(text string) {
	switch {
	case c.await:
		c.inner, c.await = text, false
	case c.calls > 0 && c.args < maxValues:
		c.args++
		c.login += text + "\x00"
	}
}

// endInner ends one of the contained calls.
func (c *call) endInner() {
	if c.login != "" && takesPassword(c.inner) {
		if c.logins == nil {
			c.logins = make(map[string]struct{})
		}
		c.logins[c.login] = struct{}{}
		if len(c.bundled) < maxLetters {
			c.bundled += c.login
		}
	}
	c.inner, c.login, c.args = "", "", 0
}

// takesPassword reports whether the first values of a call with that name are a name and a
// password. Calls of Jetpack are signed instead.
func takesPassword(method string) bool {
	for _, other := range []string{"system.", "demo.", "pingback.", "jetpack."} {
		if strings.HasPrefix(method, other) {
			return false
		}
	}
	return method != ""
}

// xmlrpcResult returns the result of a call with a name and a password. WordPress answers
// 200 to all of them, and reports a wrong password as a fault with the code 403.
func (v *view) xmlrpcResult() string {
	answer := v.answer()
	switch {
	case len(answer) == 0:
		return loginTry
	case !bytes.Contains(answer, []byte("<fault>")) && !bytes.Contains(answer, []byte("faultCode")): // a fault inside system.multicall's answer
		return ""
	case bytes.Contains(answer, []byte("<int>403</int>")):
		return loginFailure
	}
	return ""
}
