package detect

import (
	"fmt"
	"testing"
)

// Names and passwords are read by the names that fields have in many languages.
func TestFieldsOfManyLanguages(t *testing.T) {
	for _, row := range []struct{ language, user, password string }{
		{"English", "username", "passcode"},
		{"English, short", "usr", "loginPwd"},
		{"French", "identifiant", "mdp"},
		{"French, by nickname", "pseudo", "mot_de_passe"},
		{"Norwegian", "brukernavn", "passord"},
		{"Danish", "brugernavn", "adgangskode"},
		{"Danish, another", "bruger", "kodeord"},
		{"Swedish", "användarnamn", "lösenord"},
		{"Icelandic", "notandanafn", "lykilorð"},
		{"Finnish", "käyttäjätunnus", "salasana"},
		{"Estonian", "kasutajanimi", "parool"},
		{"Latvian", "lietotājvārds", "parole"},
		{"Lithuanian", "vartotojo_vardas", "slaptažodis"},
		{"Turkish", "kullanici_adi", "sifre"},
		{"Turkish, as it is written", "Kullanıcı_Adı", "ŞİFRE"},
		{"Azerbaijani", "istifadeci", "parol"},
		{"Croatian", "korisnicko_ime", "lozinka"},
		{"Serbian", "korisničkoIme", "šifra"},
		{"Slovene", "uporabniško_ime", "geslo"},
		{"Polish", "nazwa_uzytkownika", "hasło"},
		{"Czech", "uživatelské_jméno", "heslo"},
		{"Slovak", "používateľ", "heslo"},
		{"Hungarian", "felhasználónév", "jelszó"},
		{"Romanian", "utilizator", "parola"},
		{"Dutch", "gebruikersnaam", "wachtwoord"},
		{"German", "Benutzername", "Kennwort"},
		{"Portuguese", "utilizador", "palavra_passe"},
		{"Brazilian", "cpf", "senha"},
		{"Spanish", "nombre_de_usuario", "contraseña"},
		{"Catalan", "usuari", "contrasenya"},
		{"Italian", "nomeUtente", "parola_chiave"},
		{"Albanian", "perdoruesi", "fjalëkalimi"},
		{"Vietnamese", "ten_dang_nhap", "mat_khau"},
		{"Indonesian", "nama_pengguna", "kata_sandi"},
		{"Chinese, in Latin letters", "yonghuming", "mima"},
		{"Chinese", "用户名", "密码"},
		{"Japanese, in Latin letters", "yuza_mei", "pasuwado"},
		{"Japanese", "ユーザー名", "パスワード"},
		{"Korean", "아이디", "비밀번호"},
		{"Russian", "логин", "Пароль"},
	} {
		for _, s := range []step{
			{target: "/login", body: fmt.Sprintf("%s=anna&%s=hunter2", row.user, row.password)},
			{target: "/login", form: mediaJSON, body: fmt.Sprintf(`{"%s":"anna","%s":"hunter2"}`, row.user, row.password)},
		} {
			if got, want := attemptOf(s.event(began)), (attempt{kind: kindForm, user: "anna", secret: "hunter2"}); got != want {
				t.Errorf("%s: %+v of %s", row.language, got, s.body)
			}
		}
	}
}

// Fields that are not for a name and a password, though their names are like it.
func TestFieldsThatAreNone(t *testing.T) {
	for _, body := range []string{
		"name=anna&compass=north", "user=anna&bypass=1", "username=anna&anima=x", "email=a&boardingpass=77", "user=anna&parolees=3",
		"email=a&sifrelenmis=1", "user=anna&minima=2", "login=anna&passenger=2", "email=a&heslovnik=1",
	} {
		if got := attemptOf(step{target: "/form", body: body}.event(began)); got.kind != "" {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

// Types of content that are JSON by their names.
func TestTypesOfJSON(t *testing.T) {
	for _, media := range []string{
		"application/json", "application/json-rpc", "application/jsonrequest", "application/vnd.api+json", "application/x-json", "text/json", "text/x-json",
		"application/x-amz-json-1.1", "application/ld+json; charset=utf-8", "Application/JSON", "application/x-ndjson",
	} {
		s := step{target: "/api", form: media, body: `{"jsonrpc":"2.0","method":"user.login","params":{"username":"anna","password":"hunter2"}}`, status: 401}
		if got := attemptOf(s.event(began)); got.kind != kindForm || got.user != "anna" {
			t.Errorf("%s: %+v", media, got)
		}
	}
}
