package detect

import (
	"net/http"
	"slices"
	"strings"
)

// makesAccount reports whether the form creates or edits an account and is not a login: the
// user chooses a name and a password there, for himself or for others. If the application
// answers such forms with a new session or with 401, it is a login after all.
func (v *view) makesAccount() bool {
	p := strings.ToLower(v.path()) // lower-casing can make it longer than the path
	if end := scriptEnd(p); end > 0 {
		p = p[:end] // the client can write anything after the name of a script
	}
	elements := strings.Split(strings.Trim(p, "/"), "/")
	if isRegistration(elements[len(elements)-1]) {
		return true
	}
	return v.evt.Status != http.StatusUnauthorized && isAboutPeople(elements) && !v.isPlace(placeLogsIn)
}

// makesThing reports whether the posted name and password belong to a new object, such as a
// camera, a data source or a mailbox, and are no login: the answer is 201 and starts no
// session, or the place has answered so before. An error for such a form is not a wrong
// password, unless the status is 401 or 403.
func (v *view) makesThing() bool {
	switch v.evt.Status {
	case http.StatusCreated:
		return !v.logsIn() && !v.beginsCookie() && v.answerResult() == loginTry
	case http.StatusOK, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		return v.isPlace(placeMakes) && !v.logsIn()
	}
	return false
}

// isRegistration reports whether a path ends like one for creating an account.
func isRegistration(last string) bool {
	return slices.ContainsFunc(registrations, func(word string) bool { return strings.HasPrefix(last, word) })
}

var registrations = []string{
	"register", "registration", "signup", "sign-up", "sign_up", "create-account", "create_account", "createaccount", "new-account", "newaccount", "join", "enroll",
	"registrieren", "registrierung", "inscription", "inscrire", "registro", "registrar", "cadastro", "cadastrar", "registrazione", "registrati",
	"registreren", "rejestracja", "registrace", "kayit", "regisztracio",
}

// isAboutPeople reports whether a path, in lower case, is about accounts: all accounts, as
// /admin/users, or one account or a new one, as /admin/user/17/edit. If one of its elements
// names a login, it is a login.
func isAboutPeople(elements []string) bool {
	if slices.ContainsFunc(elements, func(e string) bool { return loginWords.has(e) || looksLikeLogin("/"+e) }) {
		return false
	}
	at := slices.IndexFunc(elements, func(e string) bool { return people.has(e) || person.has(e) })
	if at < 0 {
		return false
	}
	last := elements[len(elements)-1]
	return people.has(last) || at < len(elements)-1 && edits(last)
}

// edits reports whether an element says that something is created or changed, or is an
// object's number.
func edits(element string) bool {
	switch template("/"+element, 1) {
	case "/*", "/#":
		return true
	}
	return slices.ContainsFunc([]string{"new", "add", "create", "edit", "update", "store", "save", "import", "bulk", "batch"}, func(word string) bool {
		return strings.HasPrefix(element, word)
	})
}

// Names for owners of accounts. The path of a login is often singular, as /account, but not
// plural.
var (
	people = newStringSet(strings.Fields(`
		users accounts members employees customers students teachers pupils patients staff people persons contacts clients participants
		attendees subscribers operators agents authors residents tenants volunteers benutzer usuarios utilisateurs utenti gebruikers`)...)
	person = newStringSet(strings.Fields(`
		user account member employee customer student teacher pupil patient person contact client participant
		attendee subscriber operator agent author resident tenant volunteer profile`)...)
)
