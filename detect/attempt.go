package detect

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// An attempt is what a request shows in order to be let in by the application.
type attempt struct {
	gen uint32 // of the view that it was found for: see view.gen

	kind         string // one of those below, or empty: it shows nothing that can be guessed
	user, secret string // empty: not known
	others       uint64 // stands for other passwords beside the secret; 0: there are none
	field        string // of the header that shows it; empty: none does
	signed       bool   // the field holds a JSON Web Token
}

// Kinds of attempts, as in evt.Meta.login_kind.
const (
	kindForm   = "form"   // a name and a password in a form or in JSON
	kindBasic  = "basic"  // of HTTP
	kindDigest = "digest" // of HTTP: what is sent differs each time
	kindProof  = "proof"  // likewise, in a form or in JSON: see proof.go
	kindToken  = "token"  // one that machines have, in a header
	kindCode   = "code"   // a number that is shown once, the second step of a login
	kindLookup = "lookup" // a code by which nobody logs in: see lookup.go
	kindXMLRPC = "xmlrpc" // of WordPress
)

// attempt returns what the request shows, found out once for an event. A name and a
// password that are posted come before what is in a header, which may be for the
// server in front, for a program that people log in by, or for nothing at all.
func (v *view) attempt() *attempt {
	a := &v.tried
	if a.gen == v.gen {
		return a
	}
	*a = attempt{gen: v.gen}
	if v.isQuiet() {
		return a
	}
	s := v.sent()
	switch {
	case v.posts("wp-login.php") && s.log:
		a.kind, a.user, a.secret = kindForm, s.logName, s.pwdText
	case a.readForm(s, v.evt.Request), a.readHeader(v.evt.Request), v.readSecret(s), v.readProof(s):
	case v.queryHasPassword() && !strings.HasSuffix(v.path(), "/wp-login.php") && v.readQuery(): // WordPress reads forms only
	case v.refusesQueryKey() && a.readQueryKey(v.args):
	default:
		a.readCall(v.xmlrpc())
	}
	return a
}

// readForm reads a name and a password that are posted, and reports whether there
// are both.
func (a *attempt) readForm(s *sent, h http.Header) bool {
	if s.password == "" || s.user == "" {
		return false
	}
	a.kind, a.user, a.secret, a.others = kindForm, s.user, s.password, s.others
	var front attempt // may be what differs from one try to the next
	if front.readHeader(h) && front.kind != kindDigest {
		a.secret += "\x00" + front.user + "\x00" + front.secret
	}
	return true
}

// readCall reads a call of xmlrpc.php, or those that it bundles.
func (a *attempt) readCall(c *call, ok bool) {
	switch {
	case ok && c.first != "" && takesPassword(c.method):
		a.kind, a.secret = kindXMLRPC, c.first
	case ok && c.bundled != "":
		a.kind, a.secret = kindXMLRPC, c.bundled
	}
}

// readSecret reads a password or a code that is posted without a name.
func (v *view) readSecret(s *sent) bool {
	switch a := &v.tried; {
	case isCode(s.password):
		a.kind, a.secret, a.others = kindCode, s.password, s.others
	case s.password != "":
		a.kind, a.secret, a.others = kindForm, s.password, s.others
	case s.code != "":
		a.kind, a.user, a.secret = v.codeKind(), s.user, s.code
	default:
		return false
	}
	return true
}

// maxAuthorization bounds the credentials in a header that are looked at.
const maxAuthorization = 4 << 10

// readHeader reads the field Authorization, and reports whether it shows something
// that can be guessed. A JSON Web Token cannot.
func (a *attempt) readHeader(h http.Header) bool {
	field := first(h["Authorization"])
	if field == "" {
		return a.readKey(h)
	}
	a.field = "Authorization"
	scheme, rest, ok := strings.Cut(field, " ")
	if !ok || len(field) > maxAuthorization {
		return false
	}
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "basic":
		user, password, ok := (&http.Request{Header: h}).BasicAuth()
		if !ok {
			user = rest // a server may read it all the same
		}
		a.kind, a.user, a.secret = kindBasic, user, password
		if tokenUsers.has(strings.ToLower(user)) {
			a.kind = kindToken
		}
	case "digest":
		a.kind, a.user, a.secret = kindDigest, parameter(rest, "username"), cmp.Or(parameter(rest, "response"), rest)
	case "ntlm", "negotiate":
		return a.readNTLM(rest)
	case "bearer", "token", "apikey", "api-key", "key":
		a.signed = isSigned(rest)
		if rest == "" || a.signed {
			return false
		}
		a.kind, a.secret = kindToken, rest
	default:
		return false
	}
	return true
}

// isSigned reports whether a text is a JSON Web Token, to judge by how it begins.
func isSigned(text string) bool {
	return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") >= 2
}

// keyFields are the fields in which programs show a key.
var keyFields = event.KeyFields()

// readKey reads a key from a field of its own.
func (a *attempt) readKey(h http.Header) bool {
	for _, name := range keyFields {
		if key := first(h[name]); key != "" && len(key) <= maxAuthorization {
			a.kind, a.secret, a.field = kindToken, key, name
			return true
		}
	}
	return false
}

// readQueryKey reads a key from the query.
func (a *attempt) readQueryKey(query string) bool {
	if !strings.Contains(query, "=") {
		return false
	}
	eachPair(query, func(name, value string) {
		switch plainName(name) {
		case "apikey", "accesstoken", "authtoken": // others are signatures of links, which expire by the dozen
			a.kind, a.secret = kindToken, value
		}
	})
	return a.secret != ""
}

// readQuery reads a name and a password that are sent in the query, as some do that
// have no form, or a proof, as programs log in at Fritz!Box. The last of each counts.
func (v *view) readQuery() bool {
	var s sent
	a := &v.tried
	eachPair(v.args, s.field)
	switch {
	case s.password != "" && s.user != "" && !s.sets:
		a.kind, a.user, a.secret, a.others = kindForm, s.user, s.password, s.others
	case s.proof.text != "" && looksLikeLogin(v.path()):
		a.kind, a.user, a.secret = kindProof, s.user, s.proof.text
	default:
		return false
	}
	return true
}

// parameter returns a quoted parameter of a header field.
func parameter(field, name string) string {
	for part := range strings.SplitSeq(field, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(key, name) {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// posts reports whether the request is a POST to the script of that name.
func (v *view) posts(name string) bool {
	s, _ := v.script()
	dir, ok := strings.CutSuffix(s, name)
	return ok && strings.HasSuffix(dir, "/") && isPost(v.evt.Method)
}

func (v *view) loginKind() (string, bool) { return nonEmpty(v.attempt().kind) }

// loginUser returns a stand-in for the name that somebody wants to log in by.
// Neither it nor the name can be found out from what is kept.
func (v *view) loginUser() (string, bool) {
	user := v.attempt().user
	if user == "" {
		return "", false
	}
	return alias("user", strings.ToLower(user)), true
}

// loginTry returns a stand-in for the name and the password, or for what a call of
// xmlrpc.php begins with, which is them.
func (v *view) loginTry() (string, bool) {
	a := v.attempt()
	switch {
	case a.user == "" && a.secret == "":
		return "", false
	case a.kind == kindXMLRPC:
		return alias("call", a.secret), true
	}
	try := strings.ToLower(a.user) + "\x00" + a.secret
	if a.others != 0 { // else who adds one that is always the same would try only once
		try += "\x00" + strconv.FormatUint(a.others, 16)
	}
	return alias("try", try), true
}

// loginSent stands for what a login that failed has posted, so that the same again is one try. What is not
// known to its end is another one each time.
func (v *view) loginSent() (string, bool) {
	if result, _ := v.login(); result != loginFailure {
		return "", false
	}
	if len(v.evt.Body) == 0 || v.evt.Truncated || len(v.evt.Body) > maxField {
		return strconv.FormatUint(v.evt.Memo.Number, 10), true
	}
	return alias("sent", v.target+"\x00"+string(v.evt.Body)), true
}

// loginCount returns how many passwords the request brings, if there are several.
func (v *view) loginCount() (string, bool) {
	n := v.sent().passwords
	if call, ok := v.xmlrpc(); ok {
		n = max(n, call.tries)
	}
	if n < 2 {
		return "", false
	}
	return statusText(n), true
}
