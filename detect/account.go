package detect

import (
	"net/http"
	"slices"
	"strings"
)

// makesAccount reports whether the form is one by which somebody makes an account or
// edits one, and no login: a name and a password are chosen there, for oneself or for
// others. Where an application has begun a session for these, or answers 401, it is one.
func (v *view) makesAccount() bool {
	p := strings.ToLower(v.path()) // which can be longer than the path
	if end := scriptEnd(p); end > 0 {
		p = p[:end] // what follows the name of a script is for the client to say
	}
	elements := strings.Split(strings.Trim(p, "/"), "/")
	if isRegistration(elements[len(elements)-1]) {
		return true
	}
	return v.evt.Status != http.StatusUnauthorized && isAboutPeople(elements) && !v.isPlace(placeLogsIn)
}

// makesThing reports whether the name and the password that were posted belong to something
// that is made of them, such as a camera, a source of data or a mailbox, and let nobody
// in: the answer is 201 and begins no session, or the place has answered so before. What
// is not valid there is no wrong password, unless the answer is 401 or 403.
func (v *view) makesThing() bool {
	switch v.evt.Status {
	case http.StatusCreated:
		return !v.logsIn() && !v.beginsCookie() && v.answerResult() == loginTry
	case http.StatusOK, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		return v.isPlace(placeMakes) && !v.logsIn()
	}
	return false
}

// isRegistration reports whether people make an account at a path that ends so.
func isRegistration(last string) bool {
	return slices.ContainsFunc(registrations, func(word string) bool { return strings.HasPrefix(last, word) })
}

var registrations = []string{
	"register", "registration", "signup", "sign-up", "sign_up", "create-account", "create_account", "createaccount", "new-account", "newaccount", "join", "enroll",
	"registrieren", "registrierung", "inscription", "inscrire", "registro", "registrar", "cadastro", "cadastrar", "registrazione", "registrati",
	"registreren", "rejestracja", "registrace", "kayit", "regisztracio",
}

// isAboutPeople reports whether a path, in lower case, is one of accounts: of all, as
// /admin/users, or of one or a new one, as /admin/user/17/edit. Where one of the elements
// names a login, it is one.
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

// edits reports whether an element says that something is made or changed, or is the
// number of it.
func edits(element string) bool {
	switch template("/"+element, 1) {
	case "/*", "/#":
		return true
	}
	return slices.ContainsFunc([]string{"new", "add", "create", "edit", "update", "store", "save", "import", "bulk", "batch"}, func(word string) bool {
		return strings.HasPrefix(element, word)
	})
}

// Who has accounts. A login is often at the one of who logs in, as /account, and not at
// that of all.
var (
	people = newStringSet(strings.Fields(`
		users accounts members employees customers students teachers pupils patients staff people persons contacts clients participants
		attendees subscribers operators agents authors residents tenants volunteers benutzer usuarios utilisateurs utenti gebruikers`)...)
	person = newStringSet(strings.Fields(`
		user account member employee customer student teacher pupil patient person contact client participant
		attendee subscriber operator agent author resident tenant volunteer profile`)...)
)
