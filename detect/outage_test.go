package detect

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
)

// A staff logs in one morning, each by a name of his own, and one of them mistypes first.
func staff(n int, log func(who, try int, right bool) act) []act {
	return append([]act{log(0, 99, false)}, acts(n, 20, func(i int) act { return log(i, 0, true) })...)
}

// locksOut returns the requests of the same people in six minutes in which no login
// succeeds: each tries their password three times, and another one.
func locksOut(n int, log func(who, try int, right bool) act) []act {
	all := acts(4*n, 360/float64(4*n), func(i int) act { return log(i%n, i/n/3, false) })
	all[0].gap = 3600
	return all
}

// Logins of applications, as each lets somebody in and as it answers without a directory.
func logsOfApplications() map[string]func(who, try int, right bool) act {
	inForm := func(who, try int, right bool, wrong act) act {
		a := form("/login", fmt.Sprintf("user=p%d&password=right%d-%d", who, who, try), 302).to("/home").session()
		if right {
			return a
		}
		a.status, a.location, a.cookie = wrong.status, wrong.location, wrong.cookie
		a.answer, a.kind = wrong.answer, wrong.kind
		return a
	}
	return map[string]func(who, try int, right bool) act{
		"back to the form": func(who, try int, right bool) act {
			return inForm(who, try, right, act{status: 302, location: "/login", cookie: "session=abc; Path=/"})
		},
		"401": func(who, try int, right bool) act { return inForm(who, try, right, act{status: 401}) },
		"500, and a page of what is wrong": func(who, try int, right bool) act {
			if try == 99 {
				return inForm(who, try, right, act{status: 401})
			}
			return inForm(who, try, right, act{status: 500, kind: "text/html", answer: "<h1>Can't contact LDAP server</h1>"})
		},
		"JSON": func(who, try int, right bool) act {
			body := fmt.Sprintf(`{"email":"p%d","password":"right%d-%d"}`, who, who, try)
			if right {
				return form("/api/login", body, 200).js().saying(`{"token":"abc"}`).typed(mediaJSON)
			}
			return form("/api/login", body, 403).js().saying(`{"error":"bad credentials"}`).typed(mediaJSON)
		},
		"Basic": func(who, try int, right bool) act {
			a := act{target: "/dav/calendars/", method: "PROPFIND", status: 207, header: basicOf(fmt.Sprint("p", who), fmt.Sprint("right", try))}
			if !right {
				a.status, a.auth = 401, "Basic realm=x"
			}
			return a
		},
	}
}

// If no login succeeds, people who have logged in before are not stopped, and others get
// a challenge at most.
func TestADirectoryOutage(t *testing.T) {
	rules := builtinRules(t)
	from := func(ip string, list []act) []act {
		list = slices.Clone(list)
		for i := range list {
			list[i].from = ip
		}
		return list
	}
	for name, log := range logsOfApplications() {
		strangers := func(gap float64) []act {
			return from("198.51.100.9", acts(60, gap, func(i int) act { return log(1000+i, 0, false) }))
		}
		for _, row := range []struct {
			what       string
			acts       []act
			seen, mild bool
		}{
			{"14 of a staff, whom the site knows", slices.Concat(staff(14, log), locksOut(14, log)), false, false},
			{"strangers meanwhile", slices.Concat(staff(14, log), locksOut(14, log), strangers(0.5)), true, true},
			{"strangers, and somebody is let in", slices.Concat(staff(14, log), locksOut(14, log), []act{log(3, 0, true)}, strangers(0.5)), true, false},
			{"strangers at any other time", slices.Concat(staff(14, log), strangers(0.5)), true, false},
		} {
			if name == "500, and a page of what is wrong" && row.seen {
				continue // nothing tells that a password is wrong
			}
			d, seen := New(Config{Rules: rules}), false
			for i, e := range (conduct{acts: row.acts}).events(false) {
				for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
					seen = true
					if a.Guard == 0 && a.Labels["at_most"] == "" && (a.Action != lookup.Captcha || a.Mild != row.mild) {
						t.Errorf("%s, %s: %s at %d leads to %v, mild %v", name, row.what, a.Scenario, i+1, a.Action, a.Mild)
					}
				}
			}
			if seen != row.seen {
				t.Errorf("%s, %s: seen %t", name, row.what, seen)
			}
		}
	}
}

// To be a member opens nothing but one's own name: many passwords for it are guesses, and so
// are other names, wherever the member is.
func TestAMemberGuesses(t *testing.T) {
	rules := builtinRules(t)
	log := logsOfApplications()["401"]
	for _, row := range []struct {
		name string
		by   int
		acts []act
	}{
		{"passwords for one's own name", 16, acts(20, 1, func(i int) act { return log(1, i+1, false) })},
		{"a neighbour's password", 16, acts(20, 1, func(i int) act { return log(2, i+1, false) })},
		{"other names", 30, acts(60, 1, func(i int) act { return log(1000+i, 0, false) })},
		{"the names of others, from elsewhere", 30, acts(60, 1, func(i int) act { return log(i%14, 1+i/14, false).at("198.51.100.9") })},
	} {
		before := staff(14, log)
		if at := firstAnswer(rules, (conduct{acts: slices.Concat(before, row.acts)}).events(false)); at == 0 || at-len(before) > row.by {
			t.Errorf("%s: answered at %d, want %d", row.name, at-len(before), row.by)
		}
	}
}
