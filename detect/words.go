package detect

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names of fields that people log in by, in lower case and without signs and accents. A
// password's field may have something before it, such as login[password] and
// txtPassword; a name may, too, but a name's own words are short and common.
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
	// A form with one of these sets a password, and is no login.
	newPasswords = []string{"new", "confirm", "repeat", "again", "retype", "verify", "old", "current", "password2", "password1", "pass1", "pass2", "pwd2"}
	// What people do beside logging in, in the last element of a path.
	otherForms = []string{"register", "registration", "signup", "sign-up", "sign_up", "reset", "forgot", "lost", "change", "password", "recover", "activate", "invit"}

	// What somebody may guess in order to pay less: a code of letters and digits.
	vouchers = newStringSet("coupon", "couponcode", "voucher", "vouchercode", "promo", "promocode", "promotioncode", "discountcode", "giftcard", "giftcardcode", "giftcode", "redeemcode")
	codes    = newStringSet(
		"code", "otp", "totp", "otpcode", "totpcode", "authcode", "authenticationcode", "verificationcode", "mfacode", "mfa", "twofactorcode",
		"twofactortoken", "2facode", "2fa", "pin", "smscode", "onetimecode", "onetimepassword", "securitycode", "challenge", "token",
		"usercode", "passcode", "logincode", "confirmationcode", "otpattempt", "otptoken", "otptokens", "totptoken", "totppasscode", "tfacode", "tfa",
		"twofactor", "secondfactor", "secondfactortoken", "mfatoken", "authenticatorcode", "googlecode", "gauthcode", "validationcode", "emailcode", "accesscode",
		"resetcode", "recoverycode", "verifycode", "confirmcode", "phonecode", "pincode", "tan", "mtan", "smstan",
	)
)

// generalCodes are names of codes by which people do not always log in.
var generalCodes = newStringSet("code", "pin", "token", "challenge", "usercode", "accesscode", "confirmationcode", "securitycode", "confirmcode", "pincode")

// plainName returns the last part of a field's name in lower case without signs and
// accents: username of user[user_name], of login.UserName and of ctl00$Main$UserName,
// sifre of Şifre.
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

// accents are letters in lower case with an accent, and plain what is below it.
const (
	accents = "àáâãäåāăąạảấầậắæçćčđďèéêëēėęěếềệğíìîïīįıłľñńňòóôõöøőơốồộŕřśşšșťțþùúûüūůűųưýÿźžżð"
	plain   = "aaaaaaaaaaaaaaaacccddeeeeeeeeeeegiiiiiiillnnnooooooooooorrsssstttuuuuuuuuuyyzzzd"
)

// withoutAccent returns the letter without its accent. One that is combined with it is
// left alone, for who sends that does so with all browsers' forms.
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
