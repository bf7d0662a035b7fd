package detect

import (
	"slices"
	"strings"
)

// Names of fields that people log in by, in lower case and without signs. A
// password's field may have something before it, such as login[password] and
// txtPassword; a name may, too, but a name's own words are short and common.
var (
	userFields = newStringSet(
		"log", "user", "username", "userlogin", "userid", "useremail", "usermail", "login", "loginname", "loginid", "loginemail",
		"email", "emailaddress", "mail", "uid", "uname", "usr", "account", "accountname", "identifier", "identity", "name", "nickname",
		"jusername", "osusername", "pmausername", "acname", "phone", "mobile", "msisdn", "handle", "principal", "customer", "memberid",
		"sessionusernameoremail", "usernamefld", "identifiant", "utilisateur", "usuario", "benutzer", "benutzername", "kennung", "gebruikersnaam", "utente", "uzytkownik", "mitglied",
		"usernameoremail", "loginusername", "txtusername", "authusername", "rocketchatuser",
	)
	passwordEnds = []string{"password", "passwd", "passphrase", "passwort", "motdepasse", "contrasena", "contraseña", "kennwort", "losenord", "lösenord", "wachtwoord", "salasana", "haslo", "hasło", "heslo", "jelszo", "parola", "passwordfld", "senha", "clave"}
	passwords    = newStringSet(
		"pwd", "pw", "pass", "passw", "userpass", "pswd", "psw", "userpwd", "loginpass", "authpass", "jpass", "txtpwd", "secret", "userident",
	)
	// A form with one of these sets a password, and is no login.
	newPasswords = []string{"new", "confirm", "repeat", "again", "retype", "verify", "old", "current", "password2", "password1", "pass1", "pass2", "pwd2"}
	// What people do beside logging in, in the last element of a path.
	otherForms = []string{"register", "registration", "signup", "sign-up", "sign_up", "reset", "forgot", "lost", "change", "password", "recover", "activate", "invit"}

	// What somebody may guess in order to pay less: a code of letters and digits.
	vouchers = newStringSet("coupon", "couponcode", "voucher", "vouchercode", "promo", "promocode", "promotioncode", "discountcode", "giftcard", "giftcardcode", "giftcode", "redeemcode")
	codes    = newStringSet(
		"code", "otp", "totp", "otpcode", "totpcode", "authcode", "authenticationcode", "verificationcode", "mfacode", "mfa", "twofactorcode",
		"twofactortoken", "2facode", "2fa", "pin", "smscode", "onetimecode", "onetimepassword", "securitycode", "challenge", "token",
		"usercode", "passcode", "logincode", "confirmationcode",
	)
)

// plainName returns the last part of a field's name in lower case without signs:
// username of user[user_name], of login.UserName and of ctl00$Main$UserName.
func plainName(key string) string {
	key = strings.TrimRight(key, "]")
	if cut := strings.LastIndexAny(key, "[.$:"); cut >= 0 {
		key = key[cut+1:]
	}
	var b strings.Builder
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c >= 0x80:
			b.WriteByte(c)
		case 'A' <= c && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		}
	}
	return b.String()
}

func isPasswordField(name string) bool {
	if passwords.has(name) {
		return true
	}
	for _, end := range passwordEnds {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// setsPassword reports whether a password in a field of that name is one to be set.
func setsPassword(name string) bool {
	for _, word := range newPasswords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// looksLikeOther reports whether a path is one where people do something else than log
// in, to judge by its last element.
func looksLikeOther(path string) bool {
	last := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	return slices.ContainsFunc(otherForms, func(word string) bool { return strings.Contains(last, word) })
}

// isCode reports whether a value is a number that an app or a message shows, and
// that differs each time.
func isCode(value string) bool {
	if len(value) < 4 || len(value) > 8 {
		return false
	}
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return false
		}
	}
	return true
}

// isVoucher reports whether a value may be a code that a shop gives away.
func isVoucher(value string) bool {
	const shortest, longest = 4, 32
	return len(value) >= shortest && len(value) <= longest && !strings.ContainsAny(value, " <>{}=")
}

// tokenUsers are names that stand for nobody: the password beside them is a token,
// which no one guesses, and a machine has many.
var tokenUsers = newStringSet(
	"gitlab-ci-token", "x-access-token", "x-token-auth", "x-bitbucket-api-token-auth", "oauth2", "oauth2accesstoken", "__token__", "_json_key",
	"_json_key_base64", "aws", "token", "<token>", "$oauthtoken", "00000000-0000-0000-0000-000000000000", "apikey", "api", "bearer", "jenkins-token",
)
