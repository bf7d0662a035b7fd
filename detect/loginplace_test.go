package detect

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// At a login of people, wrong passwords from many addresses lead to a guard. At a login
// of programs they do not, because a guard would keep out unknown programs.
func TestOnlyPlacesWherePeopleLogInAreGuarded(t *testing.T) {
	const again = `<form method="post"><input type="password" name="p"></form>`
	inJSON := func(target string, status int, format string) func(i int) step {
		return func(i int) step {
			return step{target: target, form: mediaJSON, body: fmt.Sprintf(format, i), status: status}
		}
	}
	inForm := func(target string, answered step, format string) func(i int) step {
		return func(i int) step {
			s := answered
			s.target, s.body = target, fmt.Sprintf(format, i)
			return s
		}
	}
	const credentials = `{"user":"u%[1]d","password":"p%[1]d"}`
	refused := step{status: 401}
	success := func(s step) []step { s.client = "203.0.113.9"; return []step{s} }
	for _, row := range []struct {
		name   string
		before []step
		next   func(i int) step
		want   bool
	}{
		{"a webhook that answers 400", nil, inJSON("/hooks/incoming", 400, credentials), false},
		{"a webhook that answers 401", nil, inJSON("/hooks/incoming", 401, credentials), false},
		{"devices that send their values", nil, inJSON("/api/v1/telemetry", 403, credentials), false},
		{"accounts that are made", nil, inJSON("/api/users", 422, credentials), false},
		{"accounts that are made, after one that was", success(step{target: "/api/users", form: mediaJSON, body: `{"user":"a","password":"b"}`, status: 201, media: mediaJSON, answer: `{"id":7}`}), inJSON("/api/users", 422, credentials), false},
		{"one name with a password that changes each time", nil, inJSON("/hooks/incoming", 200, `{"user":"bot","password":"p%d"}`), false},
		{"one name with a password that changes each time, refused", nil, inJSON("/hooks/incoming", 401, `{"user":"bot","password":"p%d"}`), false},
		{"vouchers of a shop", nil, inForm("/cart", step{status: 422}, "coupon=SUMMER%d"), false},
		{"numbers of parcels", nil, inForm("/api/parcel", step{status: 404}, "code=%06d"), false},

		{"a login by its name", nil, inJSON("/api/login", 401, credentials), true},
		{"a session", nil, inJSON("/api/v2/session", 401, credentials), true},
		{"a login in French", nil, inForm("/connexion", refused, "email=u%[1]d&password=p%[1]d"), true},
		{"a login that the query names", nil, inForm("/index.php?module=Login", refused, "user=u%[1]d&password=p%[1]d"), true},
		{"a login that a field names", nil, inForm("/", refused, "op=do_login&user=u%[1]d&password=p%[1]d"), true},
		{"a form that comes again", nil, inForm("/members/check", step{answer: again}, "user=u%[1]d&password=p%[1]d"), true},
		{"a form that comes again, with 403", nil, inForm("/members/check", step{status: 403, answer: again}, "user=u%[1]d&password=p%[1]d"), true},
		{"a redirect back", nil, inForm("/members/check", step{status: 302, location: "/members/check"}, "user=u%[1]d&password=p%[1]d"), true},
		{"a redirect to the login", nil, inForm("/members/check", step{status: 302, location: "/login"}, "user=u%[1]d&password=p%[1]d"), true},
		{"a place that gave somebody a token", success(step{target: "/members/check", form: mediaJSON, body: `{"user":"a","password":"b"}`, media: mediaJSON, answer: `{"token":"x"}`}), inJSON("/members/check", 401, credentials), true},
		{"a place that gave somebody a session", success(step{target: "/members/check", body: "user=a&password=b", status: 302, location: "/", cookie: "s=x"}), inForm("/members/check", refused, "user=u%[1]d&password=p%[1]d"), true},
		{"GraphQL", nil, inJSON("/api", 401, `{"query":"mutation {login(user:\"u%[1]d\",password:\"p%[1]d\"){token}}"}`), true},
		{"Basic", nil, func(i int) step { return step{target: "/x", auth: fmt.Sprint("a:", i), status: 401} }, true},
		{"a second step", nil, inForm("/account/2fa", refused, "code=%06d"), true},
	} {
		d, at, guarded := New(Config{Rules: builtinRules(t)}), began, 0
		play(d, 0, row.before...)
		for i := range 60 {
			s := row.next(i)
			s.client = fmt.Sprintf("198.51.%d.%d", 100+i/200, 1+i%200)
			e := s.event(at)
			if guarded == 0 && slices.ContainsFunc(slices.Concat(d.Request(e), d.Response(e)), func(a event.Alert) bool { return a.Guard == event.GuardPlace }) {
				guarded = i + 1
			}
			at = at.Add(2 * time.Second)
		}
		if (guarded > 0) != row.want || guarded > 30 {
			t.Errorf("%s: guarded at %d, want a guard: %v, at the 30th at the latest", row.name, guarded, row.want)
		}
	}
}

// Who guesses a password of HTTP's at ever new paths is met by one guard, and where people
// are let in elsewhere on the site that is left alone.
func TestPasswordsOfHTTPAtEverNewPaths(t *testing.T) {
	guess := func(i int) step {
		return elsewhere(func(i int) step {
			return step{target: "/" + letters(i) + "/x", auth: fmt.Sprint("admin:p", i), status: 401}
		})(i)
	}
	d := New(Config{Rules: builtinRules(t)})
	play(d, 0, step{target: "/dav/a", status: 401, client: "203.0.113.9"}, step{target: "/dav/a", auth: "marie:right", client: "203.0.113.9"})
	guarded, place, at := 0, "", began
	for i := range 40 {
		e := guess(i).event(at)
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			if a.Guard == event.GuardPlace && guarded == 0 {
				guarded, place = i+1, a.Place
			}
		}
		at = at.Add(time.Second)
	}
	if guarded != 16 || place != "AUTHORIZATION blog.example" {
		t.Errorf("guarded at %d is %q, want at 16 the rest of the site", guarded, place)
	}
	for _, row := range []struct {
		name string
		step step
		want string
	}{
		{"the next guess", guess(60), place},
		{"by Digest", step{target: "/new", auth: `Digest username="a", response="b"`}, place},
		{"a part in which somebody is let in", step{target: "/dav/b", auth: "marie:right"}, "AUTHORIZATION blog.example/dav"},
		{"a page", step{target: "/" + letters(61) + "/x"}, ""},
		{"a token", step{target: "/api", auth: "Bearer x"}, ""},
	} {
		if got := d.Area(row.step.event(began)); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
