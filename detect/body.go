package detect

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"net/http"
	"net/url"
	"strings"
)

// A sent is what the beginning of a posted body says that scenarios can ask for.
type sent struct {
	gen uint32 // of the view that it was found for: see view.gen

	user, password   string // by any of the usual names
	code             string // that an app or a message has shown
	isFactor         bool   // its name says that people log in by it
	proof            proof
	logName, pwdText string // as WordPress calls them
	log, pwd         bool   // there were such fields, whatever in them
	shop             bool   // it is the login form of WooCommerce
	sets             bool   // a password is to be set by it
	grants           bool   // it asks for a token by a password
	action           string
	failsTo          string // where a failure is to lead, as some forms say

	// In fields u and p, which may be anything unless another says that it is a login.
	shortUser, shortPass string
	saysLogin            bool

	graph      bool              // it is a document of GraphQL
	variables  map[string]string // of it: the names of the arguments that they stand for
	namesLogin bool              // a value has the word in it, such as of an action
	items      items
	fields     int // that hold something

	passwords int    // in it: a bundle has many
	last      string // of them
	others    uint64 // a hash of those before the last one, of which the application may take any
}

// Media types of bodies that are read.
const (
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
	mediaJSON      = "application/json"
	mediaText      = "text/plain"
)

// sent reads the body, once for an event.
func (v *view) sent() *sent {
	s := &v.body
	if s.gen == v.gen {
		return s
	}
	*s = sent{gen: v.gen}
	if len(v.evt.Body) == 0 || !bringsBody(v.evt.Method) || v.posts("xmlrpc.php") {
		return s
	}
	s.read(v.contentType(), v.evt.Body[:min(len(v.evt.Body), maxField)])
	isLogin := s.saysLogin || s.namesLogin || looksLikeLogin(v.path())
	if !isPost(v.evt.Method) && !isLogin && !namesLogin(v.path(), loginWords) {
		*s = sent{gen: v.gen} // to write something, people send names and passwords, too
		return s
	}
	s.settle(isLogin)
	if s.sets && !s.grants && s.passwords <= maxKept && !v.isLogin() {
		s.password, s.passwords = "", 0
	}
	return s
}

// settle takes for a password what is one only because of other fields.
func (s *sent) settle(isLogin bool) {
	if isLogin && s.password == "" {
		s.takeItems()
	}
	if s.saysLogin && s.password == "" && s.shortPass != "" {
		s.user, s.password, s.passwords, s.others = s.shortUser, s.shortPass, 1, 0
	}
}

// read takes note of what a body of a media type holds.
func (s *sent) read(media string, body []byte) {
	switch {
	case strings.Contains(media, "xml"), media == mediaForm && bytes.HasPrefix(body, []byte("<?xml")):
		s.readXML(body)
	case media == mediaForm, media == "": // without a type it is one if it looks like it
		eachPair(string(body), s.field)
	case media == mediaMultipart:
		eachPart(body, s.field)
	case media == mediaText: // messages of Socket.IO begin with a number
		eachValue(bytes.TrimLeft(body, "0123456789"), s.member, s.item)
	case strings.Contains(media, "json"): // application/json-rpc, application/x-amz-json-1.1
		s.readVariables(body)
		eachValue(body, s.member, s.item)
	}
}

// maxKept is how many passwords a form has beside those that it sets.
const maxKept = 2

// isLogin reports whether the path or the answer says that a password is asked for,
// whatever other fields are posted: a form can have more than are read.
func (v *view) isLogin() bool {
	p := v.path()
	return v.evt.Status == http.StatusUnauthorized || isLoginPath(p) && !looksLikeOther(p)
}

// contentType returns the media type of the body as PHP reads it, which stops at
// the first of these characters, however wrong the rest may be.
func (v *view) contentType() string {
	ct := v.evt.Request.Get("Content-Type")
	if i := strings.IndexAny(ct, ";, "); i >= 0 {
		ct = ct[:i]
	}
	const longest = 64
	if len(ct) > longest {
		return "other"
	}
	return strings.ToLower(ct)
}

// field takes note of a field of a form.
func (s *sent) field(key, value string) {
	switch key = phpName(key); key {
	case "log":
		s.log, s.logName = true, value
	case "pwd":
		s.pwd, s.pwdText = true, value
	case "action":
		s.action = value
	case shopField:
		s.shop = true
	}
	if strings.HasPrefix(value, "{") { // some send JSON in a field of a form
		eachValue([]byte(value), s.member, s.item)
		return
	}
	s.member(key, value)
}

// member takes note of a field whose name may be part of a longer one, such as
// user[email]. Of two with one meaning the last one counts.
func (s *sent) member(key, value string) {
	const longest = 64
	if len(key) > longest || value == "" || strings.HasPrefix(key, "fields[") { // of rows in a database
		return
	}
	s.fields++
	switch name := plainName(cmp.Or(s.variables[key], key)); {
	case isPasswordField(name), strings.Contains(name, "password") && setsPassword(name):
		s.passwordField(name, value)
	case name == "granttype":
		s.grants = value == "password"
	case userFields.has(name):
		s.user = value
	case codes.has(name) && isCode(value), vouchers.has(name) && isVoucher(value):
		s.code, s.isFactor = value, !vouchers.has(name) && !generalCodes.has(name)
	case s.proofField(name, value):
	default:
		s.hint(name, value)
	}
}

// hint takes note of a field that says something about the others.
func (s *sent) hint(name, value string) {
	switch {
	case name == "u":
		s.shortUser = value
	case name == "p":
		s.shortPass = value
	case value == "login":
		s.saysLogin = true
	case (strings.Contains(name, "fail") || strings.Contains(name, "error")) && strings.Contains(value, "/"):
		s.failsTo = value
	case name == "query":
		s.document(value)
	case hasLogin(value):
		s.namesLogin = true
	}
}

func (s *sent) passwordField(name, value string) {
	switch {
	case setsPassword(name):
		s.sets = true
		return
	case isSigned(value):
		return // another site vouches for somebody, whom nobody guesses
	}
	if s.password = value; value != s.last {
		if s.last != "" {
			s.others = maphash.Comparable(othersSeed, others{s.others, s.last})
		}
		s.last = value
		s.passwords++
	}
}

// others are passwords of one request that come before another one.
type others struct {
	before uint64
	last   string
}

var othersSeed = maphash.MakeSeed()

// phpName returns what PHP takes the name of a field for.
func phpName(key string) string {
	key, _, _ = strings.Cut(strings.TrimLeft(key, " "), "\x00")
	return key
}

// eachPair calls f for the fields of an encoded form or a query. What is not well
// encoded stays as it is.
func eachPair(form string, f func(key, value string)) {
	for pair := range strings.SplitSeq(form, "&") {
		key, value, _ := strings.Cut(pair, "=")
		f(formUnescape(key), formUnescape(value))
	}
}

// formUnescape resolves the escapes of a form, as far as they are well formed.
func formUnescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return string(appendUnescaped(nil, strings.ReplaceAll(s, "+", " ")))
}

// formAction returns what a request asks a script of WordPress to do: PHP takes it
// from the form, or else from the query.
func (v *view) formAction() (string, bool) {
	if a := v.sent().action; a != "" {
		return a, true
	}
	action := ""
	if strings.Contains(v.args, "action") || strings.Contains(v.args, "%") {
		eachPair(v.args, func(key, value string) {
			if phpName(key) == "action" {
				action = value
			}
		})
	}
	return nonEmpty(action)
}
