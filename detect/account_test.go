package detect

import (
	"fmt"
	"testing"
)

// A form that makes an account or edits one is no login, and nothing that a client can
// write behind the name of a script makes one of a login.
func TestFormsOfAccountsAreNoLogins(t *testing.T) {
	for target, want := range map[string]string{
		"/register": "", "/join": "", "/inscription": "", "/user/register.php": "", "/account/create": "",
		"/users": "", "/api/v1/accounts/": "", "/admin/users/17/edit": "", "/admin/user/new": "", "/customer/account/createpost/": "", "/members/a3f9c2d17b": "",
		"/admin/employees/import": "",

		"/user": loginFailure, "/account": loginFailure, "/my-account/": loginFailure, "/customer/check": loginFailure, "/user/17/check": loginFailure,
		"/users/login": loginFailure, "/users/sign_in": loginFailure, "/users/session/new": loginFailure, "/auth/users/new": loginFailure, "/login/users/new": loginFailure,
		"/check.php/register": loginFailure, "/check.php/users/new": loginFailure, "/check.aspx/users": loginFailure, "/index.php/users": loginFailure,
		"/": loginFailure, "/enter": loginFailure,
	} {
		d := New(Config{Rules: builtinRules(t)})
		if got := d.loginOf(step{target: target, body: "user=a&password=b", status: 422}.event(began)); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
		if got := d.loginOf(step{target: target, body: "fields[user]=a&fields[password]=b", status: 422}.event(began)); got != "" {
			t.Errorf("%s, a row of a database: %q, want nothing", target, got)
		}
	}
	for name, steps := range map[string][]step{
		"401 says that it is a login":       {{target: "/users", body: "user=a&password=b", status: 401}},
		"a bundle of passwords is one, too": {{target: "/api/login", form: mediaJSON, body: graphQL(60), status: 401}},
	} {
		d := New(Config{Rules: builtinRules(t)})
		if got := d.loginOf(steps[0].event(began)); got != loginFailure {
			t.Errorf("%s: %q, want a failure", name, got)
		}
	}
}

// Repeats of the same request are one try, also if the name and password cannot be read,
// as long as the whole request is known.
func TestWhatIsNotReadCountsOnceIfItIsTheSame(t *testing.T) {
	resume := func(i int) step {
		return step{target: "/api/login/token", form: mediaJSON, body: fmt.Sprintf(`{"refreshToken":"abc%d"}`, i), status: 401}
	}
	for _, row := range []struct {
		name string
		next func(i int) step
		want int
	}{
		{"the same", same(resume(1)), 0},
		{"another one each time", resume, 6},
		{"the same, of which the end is not known", func(int) step { s := resume(1); s.cut = true; return s }, 6},
		{"nothing that is known", same(step{target: "/login", method: "POST", form: mediaForm, status: 401}), 6},
		{"the same with another query", func(i int) step { s := resume(1); s.target += fmt.Sprint("?n=", i); return s }, 6},
	} {
		if got := firstAlert(New(Config{Rules: builtinRules(t)}), "http-login-unread", 0, 40, row.next); got != row.want {
			t.Errorf("%s: alerted at %d, want %d", row.name, got, row.want)
		}
	}
}

// Requests to a store, to a site of short links and to a fleet of devices are one place.
// Those of a search are many, even if they look similar.
func TestNamesThatNobodySearchesFor(t *testing.T) {
	for _, row := range []struct {
		name string
		next func(i int) step
		want int // the request at which http-probing alerts
	}{
		{"short links", func(i int) step { return step{target: fmt.Sprintf("/a%dB%cx", i%10, 'a'+i%26), status: 404} }, 0},
		{"words with a number behind", func(i int) step { return step{target: "/My" + letters(i) + "1", status: 404} }, 10},
		{"links whose signature has ended", func(i int) step {
			return step{target: "/" + letters(i) + ".pdf?X-Amz-Signature=" + digits(i, 64), status: 403}
		}, 0},
		{"the same, of what is missing", func(i int) step {
			return step{target: "/" + letters(i) + ".pdf?X-Amz-Signature=" + digits(i, 64), status: 404}
		}, 10},
		{"an invalid signature", func(i int) step { return step{target: "/" + letters(i) + "?sig=1", status: 403} }, 10},
		{"devices with serial numbers", func(i int) step { return step{target: "/sensor-" + digits(i, 6) + "/config", status: 404} }, 0},
		{"words with a dash", func(i int) step { return step{target: "/sensor-" + letters(i) + "/config", status: 404} }, 10},
		{"databases that are made", func(i int) step {
			return step{target: "/" + letters(i/2), method: []string{"HEAD", "PUT"}[i%2], status: []int{404, 200}[i%2], media: mediaJSON}
		}, 0},
		{"others that are written", func(i int) step {
			return step{target: "/" + letters(i), method: []string{"HEAD", "PUT"}[i%2], status: []int{404, 200}[i%2], media: mediaJSON}
		}, 35},
	} {
		if got := firstAlert(New(Config{Rules: builtinRules(t)}), "http-probing", 0, 60, row.next); got != row.want {
			t.Errorf("%s: alerted at %d, want %d", row.name, got, row.want)
		}
	}
}
