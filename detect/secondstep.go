package detect

import (
	"bytes"
	"slices"
	"strings"
)

// leadsToCode reports whether the answer to a name and a password asks for a code, or
// another second factor: then the password was right. If the client has already sent a code,
// the code was wrong.
func (v *view) leadsToCode() bool {
	if v.sent().code != "" {
		return false
	}
	if v.isMoved() {
		to := v.redirect()
		return !to.showsError() && (namesFactor(to.path, v.wasSaid) || hasFactor(to.query, v.wasSaid))
	}
	if body := v.answer(); v.isJSON(body) {
		return asksFactor(body)
	}
	return v.pageAsksCode()
}

// pageAsksCode reports whether the answer is a page with a field for a code, and no password
// field.
func (v *view) pageAsksCode() bool {
	if !strings.Contains(strings.ToLower(v.evt.ContentType), "html") {
		return false
	}
	page := bytes.ToLower(v.answer())
	return slices.ContainsFunc([]string{"one-time-code", `name="otp`, `name="totp`, `name="authcode`, "otp_attempt", `name="2fa`, `name="mfa`}, func(sign string) bool {
		return bytes.Contains(page, []byte(sign))
	}) && !asksPassword(page)
}

// Words for a second factor. Short ones must be separate words, because they also occur in
// teamfactory and in many hashes.
var (
	factorWords = []string{
		"two-factor", "two_factor", "twofactor", "second-factor", "second_factor", "secondfactor", "two-step", "two_step", "twostep",
		"selectchallenge", "webauthn", "verify-code", "verifycode", "sendcode", "authenticator-validat", "loginwith2fa",
		"mfarequired", "totprequired", "otprequired",
	}
	shortFactors = newStringSet("2fa", "mfa", "otp", "totp", "tfa", "u2f")
	// In paths only.
	placesOfCodes = newStringSet("challenge", "passcode", "onetime", "verify", "verification", "duo", "step2")
)

// hasFactor reports whether a text, in lower case, names a second factor by a word that the
// client did not send itself.
func hasFactor(text string, said func(word string) bool) bool {
	for _, word := range factorWords {
		if strings.Contains(text, word) && !said(word) {
			return true
		}
	}
	return hasWord(text, shortFactors, said)
}

// namesFactor reports whether a path leads to a page for entering a code.
func namesFactor(p string, said func(word string) bool) bool {
	return hasFactor(p, said) || hasWord(p, placesOfCodes, said)
}

// hasWord reports whether the text has one of the words as a separate word that the client
// did not send itself.
func hasWord(text string, words stringSet, said func(word string) bool) bool {
	for word := range strings.FieldsFuncSeq(text, isSign) {
		if words.has(word) && !said(word) {
			return true
		}
	}
	return false
}

func isSign(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

func nothingSaid(string) bool { return false }

// asksFactor reports whether JSON asks for a second factor.
func asksFactor(body []byte) bool {
	asks := false
	eachMember(body, func(key, value string) { asks = asks || isFactorMember(key, value) })
	return asks
}

// isFactorMember reports whether a member of JSON says that a second factor is required:
// {"mfa_required":true}, {"two_factor":true}, {"error":"totp-required"}. A message that the
// factor is wrong or optional proves nothing: it does not mean that the password was right.
func isFactorMember(name, value string) bool {
	const longest = 200
	if len(name) > longest || len(value) > longest {
		return false
	}
	name, value = apart(name), apart(value)
	switch value {
	case "", "0", "false", "none", "no", "off", "disabled":
		return false
	}
	if hasFactor(name, nothingSaid) && !strings.Contains(name, "enabled") && !strings.Contains(name, "disabled") {
		return true
	}
	if !hasFactor(value, nothingSaid) {
		return false
	}
	for _, word := range []string{"password", "credential", "username", "email", "login"} {
		if strings.Contains(value, word) {
			return false
		}
	}
	const fewWords = 4 // error codes have few words
	return strings.Count(value, "-") < fewWords || strings.Contains(value, "required") || strings.Contains(value, "needed") || strings.Contains(value, "enter")
}

// apart returns a text in lower case with a separator between its words, which may be
// written as TwoFactor, two_factor or two factor.
func apart(text string) string {
	var b strings.Builder
	before := '-'
	for _, r := range text {
		isUpper := r >= 'A' && r <= 'Z'
		if isUpper {
			r += 'a' - 'A'
		}
		if isUpper && before >= 'a' && before <= 'z' || isSign(r) {
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
				b.WriteByte('-')
			}
		}
		if !isSign(r) {
			b.WriteRune(r)
		}
		if before = r; isUpper {
			before = '-'
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}
