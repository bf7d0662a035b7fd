package detect

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// An attempt is the set of credentials that a request shows to the application.
type attempt struct {
	gen uint32 // the generation of the view it belongs to: see view.gen

	kind         string // one of the kinds below; empty if nothing in the request can be guessed
	user, secret string // empty if not known
	others       uint64 // hash of further passwords beside the secret; 0 if there are none
	field        string // the header field with the credentials; empty if there is none
	signed       bool   // the field holds a JSON Web Token
}

// The kinds of attempts, as in evt.Meta.login_kind.
const (
	kindForm   = "form"   // a name and a password in a form or in JSON
	kindBasic  = "basic"  // of HTTP
	kindDigest = "digest" // HTTP Digest: the client sends a different value each time
	kindProof  = "proof"  // a different value each time too, but in a form or in JSON: see proof.go
	kindToken  = "token"  // a token of a program, in a header
	kindCode   = "code"   // a one-time number, the second step of a login
	kindLookup = "lookup" // a code that is not for logging in: see lookup.go
	kindXMLRPC = "xmlrpc" // a call of WordPress's xmlrpc.php
)

// attempt returns the credentials of the request. It computes them once for each event. A
// posted name and password have precedence over a header, which may be for a server in
// front, or for a program that has its own login, or for nothing.
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

// readForm reads a posted name and password, and reports whether both are there.
func (a *attempt) readForm(s *sent, h http.Header) bool {
	if s.password == "" || s.user == "" {
		return false
	}
	a.kind, a.user, a.secret, a.others = kindForm, s.user, s.password, s.others
	var front attempt // its name and password may be the ones that a client guesses
	if front.readHeader(h) && front.kind != kindDigest {
		a.secret += "\x00" + front.user + "\x00" + front.secret
	}
	return true
}

// readCall reads a call of xmlrpc.php, or the calls that system.multicall bundles.
func (a *attempt) readCall(c *call, ok bool) {
	switch {
	case ok && c.first != "" && takesPassword(c.method):
		a.kind, a.secret = kindXMLRPC, c.first
	case ok && c.bundled != "":
		a.kind, a.secret = kindXMLRPC, c.bundled
	}
}

// readSecret reads a posted password or code without a user name.
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

// maxAuthorization is how many bytes of the credentials in a header are read.
const maxAuthorization = 4 << 10

// readHeader reads the Authorization field, and reports whether it shows something that can
// be guessed. A JSON Web Token cannot be guessed.
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
			user = rest // it is malformed, but a server may still accept it
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

// isSigned reports whether a text begins like a JSON Web Token.
func isSigned(text string) bool {
	return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") >= 2
}

// keyFields are the header fields in which programs send a key.
var keyFields = event.KeyFields()

// readKey reads a key from one of keyFields.
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
		case "apikey", "accesstoken", "authtoken": // other fields are signatures of links, which often expire many at once
			a.kind, a.secret = kindToken, value
		}
	})
	return a.secret != ""
}

// readQuery reads a name and a password from the query, which some applications without a
// form use, or a proof, as in a login to a Fritz!Box. If a field repeats, the last one
// counts.
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

// posts reports whether the request is a POST to the script with that name.
func (v *view) posts(name string) bool {
	s, _ := v.script()
	dir, ok := strings.CutSuffix(s, name)
	return ok && strings.HasSuffix(dir, "/") && isPost(v.evt.Method)
}

func (v *view) loginKind() (string, bool) { return nonEmpty(v.attempt().kind) }

// loginUser returns a keyed hash of the user name in the login. Nobody can compute the name
// from it.
func (v *view) loginUser() (string, bool) {
	user := v.attempt().user
	if user == "" {
		return "", false
	}
	return alias("user", strings.ToLower(user)), true
}

// loginTry returns a keyed hash of the name and the password, or of the first arguments of
// an xmlrpc.php call, which are the name and the password.
func (v *view) loginTry() (string, bool) {
	a := v.attempt()
	switch {
	case a.user == "" && a.secret == "":
		return "", false
	case a.kind == kindXMLRPC:
		return alias("call", a.secret), true
	}
	try := strings.ToLower(a.user) + "\x00" + a.secret
	if a.others != 0 { // otherwise a client that adds one constant password to each request would count as one try
		try += "\x00" + strconv.FormatUint(a.others, 16)
	}
	return alias("try", try), true
}

// loginSent returns a hash of everything that a failed login posted, so that an identical
// repeat counts as one try. If the server does not know the whole body, each request counts
// as different.
func (v *view) loginSent() (string, bool) {
	if result, _ := v.login(); result != loginFailure {
		return "", false
	}
	if len(v.evt.Body) == 0 || v.evt.Truncated || len(v.evt.Body) > maxField {
		return strconv.FormatUint(v.evt.Memo.Number, 10), true
	}
	return alias("sent", v.target+"\x00"+string(v.evt.Body)), true
}

// loginCount returns how many passwords the request has, if there are several.
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
