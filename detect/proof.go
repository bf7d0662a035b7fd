package detect

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// Some logins send no password, but a proof that the client knows it: a hash of the
// password and of a challenge or a salt that the site has sent before. Fritz!Box has it in
// the field response, FreshRSS in challenge, SRP in M1, SCRAM in clientproof. The proof of
// one password differs each time, as in HTTP Digest.
//
// Many an API takes a hash, too: of a file, of a message, of a captcha that is solved. So a
// field of such a name is a proof only where people log in, or if its name or its form
// leaves no doubt.

// A proof is what of a body, or of a query, may show that a password is known.
type proof struct {
	text   string
	sure   bool   // it is one wherever it is sent
	opener string // with what SRP begins, before the site has asked anything
}

// Names of fields, as plainName returns them.
var (
	proofNames = newStringSet(strings.Fields(`
		response proof hash digest challenge m1 hmac chapresponse challengeresponse clientresponse
		authhash loginhash passhash passwordhash pwdhash pwhash hashpass hashpw hashpwd md5pass md5pwd pwmd5 passmd5 passwordmd5 passwordsha256`)...)
	sureProofs = newStringSet("srpm1", "clientproof", "passwordclaimsignature")
	openers    = newStringSet("srpa", "clientephemeral")
)

// proofField takes note of a field if its name and its value are those of a proof, and
// reports whether they are.
func (s *sent) proofField(name, value string) bool {
	switch {
	case openers.has(name):
		s.proof.opener = value
	case sureProofs.has(name):
		s.proof.text, s.proof.sure = value, true
	case proofNames.has(name) && isProof(value):
		s.proof.text = value
	default:
		return false
	}
	return true
}

// isProof reports whether a text looks like a hash: it ends in a long hexadecimal number,
// begins as those of crypt do, or is bytes in base64 of which the end is filled up.
func isProof(text string) bool {
	const shortest, longest = 16, 1024
	if len(text) < shortest || len(text) > longest {
		return false
	}
	if _, err := base64.StdEncoding.DecodeString(text); err == nil && strings.HasSuffix(text, "=") {
		return true
	}
	hash := text[strings.LastIndexAny(text, "-$:")+1:]
	return strings.HasPrefix(text, "$2") || len(hash) >= shortest && isHexText(strings.ToLower(hash))
}

// answersChallenge reports whether a proof is written after the challenge that it answers,
// as Fritz!Box has it: 1234567z-9e224a41eeefa284df7bb0f26c2913e2.
func (p proof) answersChallenge() bool { return strings.ContainsAny(p.text, "-$") }

// readProof reads a proof that is posted, and reports whether there is one. What SRP begins
// with is a try only if it is refused: for a name that the site has, all is well so far.
func (v *view) readProof(s *sent) bool {
	a := &v.tried
	switch {
	case s.proof.text != "" && v.takesProof(s):
		a.kind, a.user, a.secret = kindProof, s.user, s.proof.text
	case s.proof.text == "" && s.proof.opener != "" && v.isRefused():
		a.kind, a.user, a.secret = kindProof, s.user, s.proof.opener
	default:
		return false
	}
	return true
}

// takesProof reports whether people log in by what was posted.
func (v *view) takesProof(s *sent) bool {
	switch p := v.path(); {
	case s.proof.sure, s.proof.answersChallenge() && s.user != "", s.saysLogin, s.namesLogin:
		return true
	case looksLikeLogin(p), looksLikeLogin("/" + v.args[:min(len(v.args), maxTarget)]):
		return true
	default:
		return (s.user != "" || v.evt.Status == http.StatusUnauthorized) && namesLogin(p, loginWords)
	}
}

// isPosted reports whether an attempt is one that applications judge themselves, by a
// password or by a proof, and answer as they like.
func (a *attempt) isPosted() bool { return a.kind == kindForm || a.kind == kindProof }
