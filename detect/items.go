package detect

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"
)

// items are the arguments of a call without names, as in JSON-RPC and XML-RPC: ["admin",
// "secret"]. Only the server knows which of them is the password.
type items struct {
	n           int
	first, last string
	all         string
}

// Limits for what is read of them.
const (
	mostItems   = 6
	longestItem = 128
)

// argumentLists are names of arrays that contain arguments.
var argumentLists = newStringSet("params", "args", "arguments", "credentials")

// item records a text in an array.
func (s *sent) item(list, text string) {
	if argumentLists.has(plainName(list)) {
		s.argument(text)
	}
	if s.namesLogin = s.namesLogin || hasLogin(text); text == "login" {
		s.saysLogin = true
	}
}

func (s *sent) argument(text string) {
	if s.items.n == mostItems || text == "" {
		return
	}
	text = text[:min(len(text), longestItem)]
	if s.items.n++; s.items.n == 1 {
		s.items.first = text
	}
	s.items.last = text
	s.items.all += text + "\x00"
}

// takeItems takes the arguments of a login call as credentials. If there are two, the first
// one is the name.
func (s *sent) takeItems() {
	switch s.items.n {
	case 0:
		return
	case 2:
		s.user, s.password = s.items.first, s.items.last
	default:
		s.password = s.items.all
	}
	s.passwords = 1
}

// newXMLDecoder returns a decoder that accepts slightly wrong XML, in any encoding.
func newXMLDecoder(text []byte) *xml.Decoder {
	in := xml.NewDecoder(bytes.NewReader(text))
	in.Strict = false
	in.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return in
}

// eachElement calls f for the elements of XML that contain only text, and are not empty.
func eachElement(text []byte, f func(name, text string)) {
	eachEnd(text, func(name, text string) {
		if text != "" {
			f(name, text)
		}
	})
}

// eachEnd calls f at the end of each element of XML, with the text since the last begin or
// end tag. It stops at the end of the text or at an error.
func eachEnd(text []byte, f func(name, text string)) {
	in := newXMLDecoder(text)
	letters := []byte(nil)
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
			f(t.Name.Local, strings.TrimSpace(string(letters)))
			letters = letters[:0]
		}
	}
}

// readXML records the values of SOAP and similar XML, and of a call of XML-RPC.
func (s *sent) readXML(body []byte) {
	if bytes.Contains(body, []byte("UsernameToken")) {
		return // from WS-Security: each call of an API has a different one
	}
	isCall := bytes.Contains(body, []byte("<methodCall"))
	s.namesLogin = s.namesLogin || !isCall && logsInByGraph(string(body))
	eachElement(body, func(name, text string) {
		switch {
		case !isCall:
			s.member(name, text)
		case name == "methodName":
			s.hint("method", text)
		case slices.Contains([]string{"string", "value", "base64"}, name):
			s.argument(text)
		}
	})
}

// xmlResult looks for an error or a token in the elements of XML.
func xmlResult(body []byte) string {
	result := loginTry
	eachElement(body, func(name, text string) {
		name = plainName(name)
		said := memberResult(name, text)
		no := strings.HasPrefix(name, "fault") || (name == "boolean" || strings.HasSuffix(name, "result")) && (text == "0" || text == "false")
		switch {
		case said == loginFailure, no:
			result = loginFailure
		case said == loginSuccess && result == loginTry:
			result = loginSuccess
		}
	})
	if isFault(body) {
		return loginFailure
	}
	return result
}

// isFault reports whether a SOAP answer says that something is wrong.
func isFault(body []byte) bool {
	return bytes.Contains(body, []byte(":Fault>")) || bytes.Contains(body, []byte("<Fault"))
}
