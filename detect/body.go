package detect

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"net/http"
	"net/url"
	"strings"
)

// A sent has the facts about the beginning of a posted body that scenarios can use.
type sent struct {
	gen uint32 // the generation of the view it belongs to: see view.gen

	user, password   string // from fields with any of the usual names
	code             string // a number from an authenticator app or a message
	isFactor         bool   // the field's name says that the code is for logging in
	proof            proof
	logName, pwdText string // from WordPress's fields log and pwd
	log, pwd         bool   // these fields are present, even if they are empty
	shop             bool   // the form is WooCommerce's login form
	sets             bool   // the form sets a new password
	grants           bool   // it exchanges a password for a token
	action           string
	failsTo          string // the page to go to after a failure, which some forms contain

	// From fields u and p, which can mean anything unless another field shows that this is a
	// login.
	shortUser, shortPass string
	saysLogin            bool

	graph      bool              // the body is a GraphQL document
	variables  map[string]string // the document's variables, with the names of the arguments that use them
	namesLogin bool              // a value, such as that of an action, contains the word login
	items      items
	fields     int // how many fields are not empty

	passwords int    // how many passwords: a bundle has many
	last      string // the last password
	others    uint64 // hash of the passwords before the last one; the application may use any of them
}

// The media types of bodies that are read.
const (
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
	mediaJSON      = "application/json"
	mediaText      = "text/plain"
)

// sent reads the body. It does so once for each event.
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
		*s = sent{gen: v.gen} // people also send names and passwords when they write something
		return s
	}
	s.settle(isLogin)
	if s.sets && !s.grants && s.passwords <= maxKept && !v.isLogin() {
		s.password, s.passwords = "", 0
	}
	return s
}

// settle accepts fields that are a password only because of other fields in the body.
func (s *sent) settle(isLogin bool) {
	if isLogin && s.password == "" {
		s.takeItems()
	}
	if s.saysLogin && s.password == "" && s.shortPass != "" {
		s.user, s.password, s.passwords, s.others = s.shortUser, s.shortPass, 1, 0
	}
}

// read records the fields of a body of a media type.
func (s *sent) read(media string, body []byte) {
	switch {
	case strings.Contains(media, "xml"), media == mediaForm && bytes.HasPrefix(body, []byte("<?xml")):
		s.readXML(body)
	case media == mediaForm, media == "": // without a type, a body that looks like a form is a form
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

// maxKept is how many passwords a form may have beside the ones that it sets.
const maxKept = 2

// isLogin reports whether the path or the answer shows that this is a login, whatever other
// fields the client posts: a form can have more fields than are read.
func (v *view) isLogin() bool {
	p := v.path()
	return v.evt.Status == http.StatusUnauthorized || isLoginPath(p) && !looksLikeOther(p)
}

// contentType returns the media type of the body as PHP reads it. PHP stops at the first of
// these characters and ignores errors after it.
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

// field records a field of a form.
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
	if strings.HasPrefix(value, "{") { // some applications send JSON in a form field
		eachValue([]byte(value), s.member, s.item)
		return
	}
	s.member(key, value)
}

// member records a field whose name may be part of a longer one, such as user[email]. If two
// fields have the same meaning, the last one counts.
func (s *sent) member(key, value string) {
	const longest = 64
	if len(key) > longest || value == "" || strings.HasPrefix(key, "fields[") { // names of rows in a database
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

// hint records a field that says something about the other fields.
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
		return // single sign-on: another site confirms who the user is, so nothing is guessed here
	}
	if s.password = value; value != s.last {
		if s.last != "" {
			s.others = maphash.Comparable(othersSeed, others{s.others, s.last})
		}
		s.last = value
		s.passwords++
	}
}

// others are the passwords in one request before the last one.
type others struct {
	before uint64
	last   string
}

var othersSeed = maphash.MakeSeed()

// phpName returns the name that PHP gives to a field.
func phpName(key string) string {
	key, _, _ = strings.Cut(strings.TrimLeft(key, " "), "\x00")
	return key
}

// eachPair calls f for the fields of an encoded form or a query. Badly encoded text is
// passed unchanged.
func eachPair(form string, f func(key, value string)) {
	for pair := range strings.SplitSeq(form, "&") {
		key, value, _ := strings.Cut(pair, "=")
		f(formUnescape(key), formUnescape(value))
	}
}

// formUnescape decodes the escapes of a form that are well formed.
func formUnescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return string(appendUnescaped(nil, strings.ReplaceAll(s, "+", " ")))
}

// formAction returns the action that a request asks of a WordPress script. PHP takes it from
// the form first, and then from the query.
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
