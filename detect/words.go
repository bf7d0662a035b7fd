package detect

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names of login fields, in lower case and without punctuation and accents. The name of a
// password field may have a prefix, as in login[password] and txtPassword. A user name field
// may too, but its words are short and common.
var (
	userFields = newStringSet(strings.Fields(`
		log user username userlogin userid useremail usermail login loginname loginid loginemail loginuser loginusername logon logonid
		logonname signinname email emailaddress emailadresse mailaddress mail uid uname usr account accountname identifier identity
		accesskey identification uniqueid eid hordeuser sapuser wpname usernamefield
		name nickname nick screenname jusername osusername pmausername acname phone mobile msisdn handle principal customer memberid
		customernumber sessionusernameoremail usernamefld usernameoremail txtusername authusername rocketchatuser
		identifiant utilisateur nomutilisateur nomdutilisateur pseudo courriel
		usuario nombreusuario nombredeusuario correo correoelectronico usuari utilizador nomeusuario nomedeusuario nomeutilizador cpf matricula
		utente nomeutente codiceutente utilizator numeutilizator
		benutzer benutzername kennung anmeldename mitglied kundennummer nutzername gebruiker gebruikersnaam klantnummer
		bruger brugernavn bruker brukernavn anvandare anvandarnamn epost epostadress notandi notandanafn
		kayttaja kayttajatunnus kayttajanimi tunnus sahkoposti kasutaja kasutajanimi lietotajs lietotajvards vartotojas vartotojovardas
		uzytkownik nazwauzytkownika uzivatel uzivatelskejmeno prihlasovacijmeno pouzivatel felhasznalo felhasznalonev
		korisnik korisnickoime uporabnik uporabniskoime perdoruesi potrebitel polzovatel imyapolzovatelya korystuvach xristis onomaxristi
		kullanici kullaniciadi eposta istifadeci tendangnhap taikhoan namapengguna pengguna
		yonghu yonghuming zhanghao zhanghu yuza yuzamei yuzaid riyousha riyoushaid aidi sayongja
		用户名 帐号 账号 ユーザー名 아이디 логин пользователь`)...)
	passwordEnds = strings.Fields(`
		password passwd pwd passphrase passcode passwrd passwordfld passwordfield passwordinput
		motdepasse motpasse contrasena contrasenya contrasinal pasahitza clave claveacceso senha palavrapasse palavrachave parolachiave
		parola parool passwort kennwort losungswort geheimwort wachtwoord
		passord adgangskode kodeord losenord lykilord salasana salasona slaptazodis haslo heslo jelszo
		lozinka zaporka sifra sifre geslo fjalekalimi sinthimatiko matkhau katasandi katalaluan nenosiri
		mima kouling pasuwado pasuwaado anshobango bimilbeonho
		密码 密碼 口令 パスワード 暗証番号 비밀번호 пароль`)
	passwords = newStringSet(strings.Fields(`
		pw pass passw userpass userpw pswd psw loginpass loginpw authpass jpass wppass mypass txtpass txtpw webpass adminpass
		credential secretkey passuser hordepass
		secret userident mdp codeacces codesecret sandi losen kodikos parole parol`)...)
	// A form with one of these fields sets a new password, and is not a login.
	newPasswords = []string{"new", "confirm", "repeat", "again", "retype", "verify", "old", "current", "password2", "password1", "pass1", "pass2", "pwd2"}
	// Actions other than a login, in the last element of a path.
	otherForms = []string{"register", "registration", "signup", "sign-up", "sign_up", "reset", "forgot", "lost", "change", "password", "recover", "activate", "invit"}

	// Names of codes of letters and digits that someone may guess to pay less.
	vouchers = newStringSet("coupon", "couponcode", "voucher", "vouchercode", "promo", "promocode", "promotioncode", "discountcode", "giftcard", "giftcardcode", "giftcode", "redeemcode")
	codes    = newStringSet(
		"code", "otp", "totp", "otpcode", "totpcode", "authcode", "authenticationcode", "verificationcode", "mfacode", "mfa", "twofactorcode",
		"twofactortoken", "2facode", "2fa", "pin", "smscode", "onetimecode", "onetimepassword", "securitycode", "challenge", "token",
		"usercode", "passcode", "logincode", "confirmationcode", "otpattempt", "otptoken", "otptokens", "totptoken", "totppasscode", "tfacode", "tfa",
		"twofactor", "secondfactor", "secondfactortoken", "mfatoken", "authenticatorcode", "googlecode", "gauthcode", "validationcode", "emailcode", "accesscode",
		"resetcode", "recoverycode", "verifycode", "confirmcode", "phonecode", "pincode", "tan", "mtan", "smstan",
	)
)

// generalCodes are names of codes that are not always for logging in.
var generalCodes = newStringSet("code", "pin", "token", "challenge", "usercode", "accesscode", "confirmationcode", "securitycode", "confirmcode", "pincode")

// plainName returns the last part of a field's name in lower case, without punctuation and
// accents: username for user[user_name], for login.UserName and for ctl00$Main$UserName,
// sifre for Şifre.
func plainName(key string) string {
	key = strings.TrimRight(key, "]")
	if cut := strings.LastIndexAny(key, "[.$:"); cut >= 0 {
		key = key[cut+1:]
	}
	var b strings.Builder
	for _, r := range key {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b.WriteByte(byte(r))
		case 'A' <= r && r <= 'Z':
			b.WriteByte(byte(r) + 'a' - 'A')
		case r >= utf8.RuneSelf:
			b.WriteRune(withoutAccent(unicode.ToLower(r)))
		}
	}
	return b.String()
}

// accents are lower case letters with an accent, and plain are the same letters without it.
const (
	accents = "àáâãäåāăąạảấầậắæçćčđďèéêëēėęěếềệğíìîïīįıłľñńňòóôõöøőơốồộŕřśşšșťțþùúûüūůűųưýÿźžżð"
	plain   = "aaaaaaaaaaaaaaaacccddeeeeeeeeeeegiiiiiiillnnnooooooooooorrsssstttuuuuuuuuuyyzzzd"
)

// withoutAccent returns the letter without its accent. Combining accents are left alone: a
// client that sends them does so in every form.
func withoutAccent(r rune) rune {
	at := 0
	for _, a := range accents {
		if a == r {
			return rune(plain[at])
		}
		at++
	}
	return r
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

// setsPassword reports whether a field with that name sets a new password.
func setsPassword(name string) bool {
	for _, word := range newPasswords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// looksLikeOther reports whether the last element of a path is an action other than a login.
func looksLikeOther(path string) bool {
	last := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	return slices.ContainsFunc(otherForms, func(word string) bool { return strings.Contains(last, word) })
}

// isCode reports whether a value is a one-time number from an app or a message.
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

// isVoucher reports whether a value may be a voucher code of a shop.
func isVoucher(value string) bool {
	const shortest, longest = 4, 32
	return len(value) >= shortest && len(value) <= longest && !strings.ContainsAny(value, " <>{}=")
}

// tokenUsers are names that are not users: the password beside them is a token, which cannot
// be guessed, and a machine has many of them.
var tokenUsers = newStringSet(
	"gitlab-ci-token", "x-access-token", "x-token-auth", "x-bitbucket-api-token-auth", "oauth2", "oauth2accesstoken", "__token__", "_json_key",
	"_json_key_base64", "aws", "token", "<token>", "$oauthtoken", "00000000-0000-0000-0000-000000000000", "apikey", "api", "bearer", "jenkins-token",
)
