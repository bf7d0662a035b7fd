package detect

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// Some logins send no password, but a proof that the client knows it: a hash of the password
// and of a challenge or a salt that the site has sent before. Fritz!Box has it in the field
// response, FreshRSS in challenge, SRP in M1, SCRAM in clientproof. As in HTTP Digest, the
// proof for the same password is different each time.
//
// Many APIs take other hashes: of a file, of a message, of a solved captcha. So a field with
// such a name is a proof only at a login, or if its name or its form is unmistakable.

// A proof is a value in a body or a query that may prove knowledge of a password.
type proof struct {
	text   string
	sure   bool   // it is a proof at any path
	opener string // the client's first value in SRP, before the site has sent anything
}

// Names of fields, in the form that plainName returns.
var (
	proofNames = newStringSet(strings.Fields(`
		response proof hash digest challenge m1 hmac chapresponse challengeresponse clientresponse
		authhash loginhash passhash passwordhash pwdhash pwhash hashpass hashpw hashpwd md5pass md5pwd pwmd5 passmd5 passwordmd5 passwordsha256`)...)
	sureProofs = newStringSet("srpm1", "clientproof", "passwordclaimsignature")
	openers    = newStringSet("srpa", "clientephemeral")
)

// proofField records a field if its name and value look like a proof, and reports whether
// they do.
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
// begins like a hash of crypt, or is padded base64.
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

// answersChallenge reports whether a text is a challenge followed by its proof, as in
// Fritz!Box: 1234567z-9e224a41eeefa284df7bb0f26c2913e2.
func (p proof) answersChallenge() bool { return strings.ContainsAny(p.text, "-$") }

// readProof reads a posted proof, and reports whether there is one. The first step of SRP
// counts as a try only if it is refused, because for a known name it always succeeds.
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

// takesProof reports whether the post is a login.
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

// isPosted reports whether the application itself checks the attempt, by a password or a
// proof, and so may answer in its own way.
func (a *attempt) isPosted() bool { return a.kind == kindForm || a.kind == kindProof }
