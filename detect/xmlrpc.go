package detect

import (
	"bytes"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

// A call is what a request asks xmlrpc.php to do.
type call struct {
	gen uint32 // of the view that it was found for: see view.gen

	method string
	calls  int    // bundled in it
	first  string // the first few values, which hold the name and the password
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
	in := xml.NewDecoder(bytes.NewReader(text))
	in.Strict = false
	in.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	values, letters := 0, []byte(nil)
	for range maxTokens {
		token, err := in.RawToken()
		if err != nil {
			return
		}
		switch t := token.(type) {
		case xml.StartElement:
			letters = letters[:0]
		case xml.CharData:
			letters = append(letters, t[:min(len(t), maxLetters-len(letters))]...)
		case xml.EndElement:
			text := strings.TrimSpace(string(letters))
			letters = letters[:0]
			c.end(t.Name.Local, text, &values)
		}
	}
}

// end takes note of an element that has ended.
func (c *call) end(element, text string, values *int) {
	switch element {
	case "methodName":
		c.method = text // WordPress takes the last one
	case "name":
		if text == "methodName" {
			c.calls++
		}
	default:
		if text != "" && *values < maxValues {
			*values++
			c.first += text + "\x00"
		}
	}
}
