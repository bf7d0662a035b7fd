package detect

import (
	"bytes"
	"strconv"
	"strings"
)

// A call is what a request asks xmlrpc.php to do.
type call struct {
	gen uint32 // of the view that it was found for: see view.gen

	method string
	calls  int    // bundled in it
	first  string // the first few values, which hold the name and the password

	tries  int                 // different names and passwords in the calls that are bundled
	inner  string              // what the last of these calls
	args   int                 // values of it, up to maxValues
	login  string              // these
	logins map[string]struct{} // of all
	await  bool                // the next value is what is called

	bundled string // the first few of the logins
}

// What xmlrpc looks at: enough to tell, and little to make one wait for.
const (
	maxTokens  = 8192
	maxValues  = 3
	maxLetters = 256 // of a text
)

// xmlrpc reads the call, once for an event, and reports whether there is one.
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

// xmlrpcCalls returns how many calls one to system.multicall bundles, as far as
// the body was kept.
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

// read reads a call up to where the text ends or goes wrong: what there was until
// then counts.
func (c *call) read(text []byte) {
	values := 0
	eachEnd(text, func(name, text string) { c.end(name, text, &values) })
	c.endInner()
	c.tries, c.logins, c.login = len(c.logins), nil, ""
}

// end takes note of an element that has ended.
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

// value takes note of a value in one of the calls that are bundled.
func (c *call) value(text string) {
	switch {
	case c.await:
		c.inner, c.await = text, false
	case c.calls > 0 && c.args < maxValues:
		c.args++
		c.login += text + "\x00"
	}
}

// endInner ends one of the calls that are bundled.
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

// takesPassword reports whether the first values of a call of that name are a name
// and a password. Those of Jetpack are signed.
func takesPassword(method string) bool {
	for _, other := range []string{"system.", "demo.", "pingback.", "jetpack."} {
		if strings.HasPrefix(method, other) {
			return false
		}
	}
	return method != ""
}

// xmlrpcResult returns what came of a call with a name and a password: WordPress
// answers 200 to each, and a fault with the code 403 to a wrong password.
func (v *view) xmlrpcResult() string {
	answer := v.answer()
	switch {
	case len(answer) == 0:
		return loginTry
	case !bytes.Contains(answer, []byte("<fault>")) && !bytes.Contains(answer, []byte("faultCode")): // that is in a bundle
		return ""
	case bytes.Contains(answer, []byte("<int>403</int>")):
		return loginFailure
	}
	return ""
}
