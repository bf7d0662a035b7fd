package detect

import (
	"fmt"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// The result of a login follows from where and how it was tried.
func TestLoginByKind(t *testing.T) {
	key := func(header string, status int) act { return act{target: "/api/me", header: header, status: status} }
	for _, row := range []struct {
		name string
		act  act
		want string
	}{
		{"a key in a field of its own", key("X-Api-Key: abc", 401), loginFailure},
		{"a key in a field of its own, and 403", key("Private-Token: abc", 403), loginFailure},
		{"a key that is accepted", key("X-Api-Key: abc", 200), ""},
		{"a key in the query", act{target: "/api/me?x=1&api_key=abc", status: 401}, loginFailure},
		{"a link whose signature has expired", act{target: "/camera?token=abc", status: 403}, ""},
		{"no key", act{target: "/api/me?x=1", status: 401}, ""},
		{"a token, and 403", key("Authorization: Bearer abc", 403), loginFailure},
		{"a password in the query", act{target: "/auth.cgi?account=anna&passwd=x", status: 401}, loginFailure},
		{"a password in the query, and 200", act{target: "/auth.cgi?account=anna&passwd=x", status: 200}, loginTry},
		{"a page about passwords", act{target: "/search?q=password", status: 403}, ""},
		{"a short form", form("/doku.php", "do=login&u=anna&p=x", 403), loginFailure},
		{"a beacon", form("/collect", "u=https://site.example/&p=2", 403), ""},
		{"a page number", form("/list", "p=2", 403), ""},
		{"a form in German", form("/anmelden", "benutzer=anna&kennwort=x", 401), loginFailure},
		{"a form in Polish", form("/logowanie", "login=anna&haslo=x", 401), loginFailure},
		{"a registration that is refused", form("/signup", "email=anna&password=x", 422), ""},
		{"a grant of OAuth that fails", form("/connect/token", "grant_type=password&username=a&password=x", 400), loginFailure},
		{"a grant of OAuth", form("/connect/token", "grant_type=password&username=a&password=x", 200), loginSuccess},
		{"who only calls it a grant", form("/login", "grant_type=password&username=a&password=x", 200), loginTry},
		{"who calls it one behind a script", form("/login.php/token", "grant_type=password&username=a&password=x", 200), loginTry},
		{"a wrong code that leads back", form("/2fa", "otp=123456", 302).to("/2fa"), loginFailure},
		{"a right code", form("/2fa", "otp=123456", 302).to("/").session(), loginSuccess},
		{"a camera that is made", form("/api/cameras", `{"username":"admin","password":"x"}`, 201).js(), ""},
		{"a camera that is made badly", form("/api/cameras", `{"username":"admin","password":"x"}`, 400).js(), loginFailure}, // nothing tells yet
		{"a session that is made", form("/api/sessions", `{"username":"admin","password":"x"}`, 201).js(), loginTry},
		{"something that is made, and a session", form("/api/in", `{"username":"admin","password":"x"}`, 201).js().session(), loginSuccess},
		{"a voucher that there is not", form("/cart", "voucher=SPRING20", 404), loginFailure},
	} {
		if got := fieldsOf(row.act.event(began, true))["Meta.login"]; got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// If a place answers a wrong password with 401, an answer of 200 means that the password
// is right, whatever its text.
func TestWhatAnswers401LetsInBy200(t *testing.T) {
	office := func(wrong int) []act {
		return acts(48, 2, func(i int) act {
			return form("/login", fmt.Sprintf("email=p%d&password=x%d", i/2, i), []int{wrong, 200}[i%2])
		})
	}
	for _, row := range []struct {
		name string
		acts []act
		want string
	}{
		{"everybody mistypes once", office(401), ""},
		{"a token against forgery is missing each other time", office(403), "tocsin/http-login-bf"},
	} {
		if got := firstAlertOf(t, row.acts); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// Where names and passwords create objects, a refused value is no wrong password. A
// refusal by 401, and a try where people log in, are failures as before.
func TestWhereThingsAreMade(t *testing.T) {
	rules := builtinRules(t)
	post := func(target string, status int) *event.Event {
		return form(target, `{"username":"admin","password":"x"}`, status).js().event(began, true)
	}
	for _, row := range []struct {
		target      string
		made, after int
		want        string
	}{
		{"/api/cameras", 201, 400, ""},
		{"/api/cameras", 201, 422, ""},
		{"/api/cameras", 201, 200, ""},
		{"/api/cameras", 201, 401, loginFailure},
		{"/api/cameras", 201, 403, loginFailure},
		{"/api/cameras", 400, 400, loginFailure},
		{"/api/login", 201, 400, loginFailure},
		{"/api/sessions", 201, 422, loginFailure},
	} {
		d := New(Config{Rules: rules})
		d.Response(post(row.target, row.made))
		v := &view{evt: post(row.target, row.after), sites: d.sites, gen: 1}
		v.split()
		if got, _ := v.login(); got != row.want {
			t.Errorf("%s: %d after %d is %q, want %q", row.target, row.after, row.made, got, row.want)
		}
	}
}
