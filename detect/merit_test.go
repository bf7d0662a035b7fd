package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// firstAlert plays what next returns until a scenario alerts, and returns at which
// step it did; 0 if not within most.
func firstAlert(d *Detector, scenario string, gap time.Duration, most int, next func(i int) step) int {
	at := began
	for i := range most {
		e := next(i).event(at)
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			if a.Scenario == "tocsin/"+scenario {
				return i + 1
			}
		}
		at = at.Add(gap)
	}
	return 0
}

// letters returns a word that is no other number's.
func letters(i int) string {
	return string([]byte{'q', byte('a' + i/676%26), byte('a' + i/26%26), byte('a' + i%26), 'q'})
}

func missingPage(i int) step { return step{target: "/" + letters(i), status: 404} }

// page is one that is there; each has a length of its own.
func page(i int) step { return step{target: "/there/" + letters(i), size: int64(5000 + 500*i)} }

// Found pages offset missing ones, up to a limit.
func TestFoundPagesAreCredit(t *testing.T) {
	known := func(d *Detector) {
		d.clients.accept(keyOf(event.ClientOf(netip.MustParseAddr("192.0.2.1"))), began.Add(time.Hour).UnixNano())
	}
	pages := func(n int, next func(int) step) func(*Detector) {
		return func(d *Detector) { play(d, 0, times(n, next)...) }
	}
	for _, row := range []struct {
		name   string
		before func(*Detector)
		want   int // the missing page at which http-probing alerts
	}{
		{"a client that found nothing", func(*Detector) {}, 10},
		{"one page", pages(1, page), 10},
		{"two pages", pages(2, page), 11},
		{"ten pages", pages(10, page), 15},
		{"72 pages, four times the capacity", pages(72, page), 46},
		{"a thousand pages are not more", pages(1000, page), 46},
		{"credentials that were accepted, three times more", known, 37},
		{"both", func(d *Detector) { pages(1000, page)(d); known(d) }, 73},
		{"one page a hundred times", pages(100, same(page(1))), 10},
		{"sixteen pages in a circle", pages(160, func(i int) step { return page(i % 16) }), 18},
		{"redirects are no pages", pages(40, func(i int) step {
			return step{target: "/r/" + letters(i), status: 302, location: fmt.Sprint("/to/", i)}
		}), 10},
		{"nor are pictures", pages(40, func(i int) step { return step{target: "/" + letters(i) + ".png"} }), 10},
		{"nor is what other pages have it ask for", pages(40, func(i int) step { s := page(i); s.whose = event.Foreign; return s }), 10},
		{"nor what the site's pages embed", pages(40, func(i int) step { s := page(i); s.whose = event.Embedded; return s }), 10},
		{"nor is one answer to all", pages(40, func(i int) step { return step{target: "/same/" + letters(i), size: 5000} }), 8},
		{"a challenge that was solved is five pages", func(d *Detector) { d.Vouch(netip.MustParseAddr("192.0.2.1"), began) }, 12},
		{"others' pages", func(d *Detector) {
			play(d, 0, times(40, func(i int) step { s := page(i); s.client = "192.0.2.2"; return s })...)
		}, 10},
		{"mixed in, each second request", nil, 38},
	} {
		d := New(Config{Rules: builtinRules(t)})
		next := missingPage
		if row.before != nil {
			row.before(d)
		} else {
			next = func(i int) step {
				if i%2 == 0 {
					return page(i)
				}
				return missingPage(i)
			}
		}
		if got := firstAlert(d, "http-probing", 0, 200, next); got != row.want {
			t.Errorf("%s: alerted at %d, want %d", row.name, got, row.want)
		}
	}
}

// Credit allows one burst. After that the usual limits apply.
func TestCreditIsNoRate(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	alerted := 0
	at := began
	for i := range 1200 { // an hour, with a page that is there for each that is not
		for _, s := range []step{page(i), missingPage(i)} {
			e := s.event(at)
			for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
				if a.Scenario == "tocsin/http-probing" && alerted == 0 {
					alerted = i + 1
				}
			}
		}
		at = at.Add(3 * time.Second)
	}
	if alerted != 29 {
		t.Errorf("a missing page every three seconds is alerted of at %d, want 29", alerted)
	}
}

// The count of found pages is halved from time to time.
func TestMeritIsHalved(t *testing.T) {
	const minute = time.Minute
	for _, row := range []struct {
		after time.Duration
		want  int
	}{
		{0, 100}, {10*minute - 1, 100}, {10 * minute, 50}, {19 * minute, 50}, {20 * minute, 25}, {60 * minute, 1}, {70 * minute, 0}, {1000 * time.Hour, 0},
	} {
		d := New(Config{Rules: builtinRules(t)})
		play(d, 0, times(100, page)...)
		if got := d.clients.behaviour(keyOf(netip.MustParsePrefix("192.0.2.1/32")), began.Add(row.after).UnixNano()).found; got != row.want {
			t.Errorf("after %v: %d pages, want %d", row.after, got, row.want)
		}
	}
	d := New(Config{Rules: builtinRules(t)})
	play(d, 0, times(100, page)...)
	if got := d.clients.behaviour(keyOf(netip.MustParsePrefix("192.0.2.1/32")), began.Add(-time.Hour).UnixNano()).found; got != 100 {
		t.Errorf("a clock that is put back: %d pages, want 100", got)
	}
}

// Which clients count as known, by what, and for how long.
func TestKnown(t *testing.T) {
	login := step{target: "/wp-login.php", body: wpLogin("marie", "x"), status: 302, cookie: welcome}
	asks := step{target: "/api/me", status: 401, client: "198.51.100.9"}
	const other = "198.51.100.9"
	wrong := step{target: "/login", body: "user=c&password=d", status: 302, location: "/login", client: other}
	right := step{target: "/login", body: "user=a&password=b", status: 302, location: "/", cookie: "s=x"}
	inJSON := func(s step) step {
		s.form, s.body, s.location, s.media = mediaJSON, `{"user":"a","password":"b"}`, "", mediaJSON
		return s
	}
	for _, row := range []struct {
		name  string
		steps []step
		want  time.Duration
	}{
		{"nobody", nil, 0},
		{"a page", []step{{target: "/"}}, 0},
		{"a login", []step{login}, 12 * time.Hour},
		{"a login of any application", []step{wrong, right}, 12 * time.Hour},
		{"a login of any application, of which nobody is refused", []step{right}, 0},
		{"a token for a login", []step{inJSON(step{target: "/login", status: 401, client: other}), inJSON(step{target: "/login", answer: `{"token":"x"}`})}, 12 * time.Hour},
		{"a login that fails", []step{{target: "/wp-login.php", body: wpLogin("marie", "y")}}, 0},
		{"a login of which nothing tells", []step{{target: "/login", body: "user=a&password=b"}}, 0},
		{"accepted where it is asked for", []step{asks, {target: "/api/me", auth: "a:b"}}, time.Hour},
		{"a token, likewise", []step{asks, {target: "/api/me", auth: "Bearer x"}}, time.Hour},
		{"before it was asked for", []step{{target: "/api/me", auth: "a:b"}, asks}, 0},
		{"junk on a public page", []step{{target: "/", auth: "a:b"}, {target: "/about", auth: "Bearer x"}}, 0},
		{"junk on a public page of a site that asks elsewhere", []step{asks, {target: "/", auth: "a:b"}, {target: "/api/public", auth: "Bearer x"}}, 0},
		{"junk on a public page of another host", []step{asks, {target: "/api/me", auth: "a:b", host: "other.example"}}, 0},
		{"junk, by another method", []step{asks, {target: "/api/me", method: "OPTIONS", auth: "a:b"}}, 0},
		{"where another page of its kind asks", []step{{target: "/posts/6", status: 401}, {target: "/posts/5", auth: "a:b"}}, 0},
		{"a key in a field of its own", []step{asks, {target: "/api/me", header: "X-Api-Key: k"}}, time.Hour},
		{"a key where other keys are refused", []step{{target: "/api/me", header: "X-Api-Key: wrong", status: 401, client: "198.51.100.9"}, {target: "/api/me", header: "X-Api-Key: k"}}, time.Hour},
		{"a key by which everybody is let in", []step{{target: "/api/me", header: "X-Api-Key: k"}, {target: "/api/me", header: "X-Api-Key: other", client: "198.51.100.9"}}, 0},
		{"a key in a field that nobody reads", []step{{target: "/api/me", auth: "Bearer x", status: 401}, {target: "/api/me", header: "X-Api-Key: k"}}, 0},
		{"a key that is refused", []step{asks, {target: "/api/me", header: "X-Api-Key: k", status: 403}}, 0},
		{"a JSON Web Token where others are refused", []step{{target: "/api/me", auth: "Bearer eyJ.eyJ.y", status: 401, client: "198.51.100.9"}, {target: "/api/me", auth: "Bearer eyJ.eyJ.x"}}, time.Hour},
		{"a JSON Web Token by which everybody is let in", []step{{target: "/api/me", auth: "Bearer eyJ.eyJ.x"}, {target: "/api/me", auth: "Bearer eyJ.eyJ.y", client: "198.51.100.9"}}, 0},
		{"a JSON Web Token that is refused", []step{asks, {target: "/api/me", auth: "Bearer eyJ.eyJ.x", status: 401}}, 0},
		{"a JSON Web Token, which nobody checks here", []step{asks, {target: "/api/me", auth: "Bearer eyJ.eyJ.x"}}, time.Hour},
		{"no credentials where they are asked for", []step{asks, {target: "/api/me"}}, 0},
		{"refused", []step{asks, {target: "/api/me", auth: "a:b", status: 401}}, 0},
		{"a login by somebody else", []step{func() step { s := login; s.client = "192.0.2.9"; return s }()}, 0},
	} {
		told := false
		d := New(Config{Rules: builtinRules(t), Good: func(client netip.Addr, _ time.Time) { told = told || client.String() == "192.0.2.1" }})
		play(d, 0, row.steps...)
		if told != (row.want > 0) {
			t.Errorf("%s: told of it is %v", row.name, told)
		}
		for _, at := range []time.Duration{0, row.want - time.Second, row.want} {
			if got, want := d.Known(netip.MustParseAddr("192.0.2.1"), began.Add(at)), at >= 0 && at < row.want; got != want {
				t.Errorf("%s: known after %v is %v", row.name, at, got)
			}
		}
	}
	d := New(Config{Rules: builtinRules(t)})
	login.client = "2001:db8:1:2::1"
	play(d, 0, login)
	if !d.Known(netip.MustParseAddr("2001:db8:1:2::ffff"), began) || d.Known(netip.MustParseAddr("2001:db8:1:3::1"), began) {
		t.Error("of IPv6 a /64 is one client")
	}
}

const guessed = `type: leaky
name: test/guessed
filter: evt.Meta.login == 'failure'
groupby: evt.Meta.source_ip
distinct: evt.Meta.login_try
capacity: 5
leakspeed: 1h
blackhole: 1m
labels: {remediation: true, forgiven_by: login}`

// A success takes back the failures of the same name, and no others; a second step,
// which has no name, the last failure only.
func TestASuccessTakesBack(t *testing.T) {
	wrong := func(name string, i int) step {
		return step{target: "/wp-login.php", body: wpLogin(name, fmt.Sprint("x", i))}
	}
	right := func(name string) step {
		return step{target: "/wp-login.php", body: wpLogin(name, "right"), status: 302, cookie: welcome}
	}
	second := step{target: "/wp-login.php?action=validate_2fa", body: "authcode=123456", status: 302, cookie: welcome}
	fails := func(name string, n int) []step { return times(n, func(i int) step { return wrong(name, i) }) }
	for _, row := range []struct {
		name   string
		before []step
		want   int // the next guess for admin at which it alerts
	}{
		{"nothing", nil, 6},
		{"five failures", fails("marie", 5), 1},
		{"five failures, and the right password", append(fails("marie", 5), right("marie")), 6},
		{"the same, in other letters", append(fails("Marie", 5), right("mARIE")), 6},
		{"the right password of somebody else", append(fails("marie", 5), right("paul")), 1},
		{"two people, of whom one remembers", slices.Concat(fails("marie", 2), fails("paul", 3), []step{right("paul")}), 4},
		{"a second step", append(fails("marie", 5), second), 2},
		{"two of them", append(fails("marie", 5), second, second), 3},
		{"more of them than failures", append(fails("marie", 2), second, second, second, second), 6},
		{"the right password without failures", []step{right("marie"), right("marie"), right("marie")}, 6},
		{"a token that is accepted, which begins no login", append(fails("marie", 5), step{target: "/api/me", status: 401}, step{target: "/api/me", auth: "Bearer x"}), 1},
		{"by others", []step{wrong("marie", 1), wrong("marie", 2), func() step { s := right("marie"); s.client = "192.0.2.9"; return s }()}, 4},
	} {
		d := New(Config{Rules: parse(t, guessed)})
		play(d, 0, row.before...)
		got := 0
		for i := range 10 {
			if len(play(d, 0, wrong("admin", 100+i))) > 0 {
				got = i + 1
				break
			}
		}
		if got != row.want {
			t.Errorf("%s: the guess that alerts is %d, want %d", row.name, got, row.want)
		}
	}
}

// Who has an account can log in between two guesses. What that gains is this many
// guesses and not more: a success with a name takes back nothing of others, and a
// nameless one nothing of what is counted by name. Guards do not count here: they
// leave alone who is known.
func TestWhatAnAccountGains(t *testing.T) {
	own := step{target: "/wp-login.php", body: wpLogin("mallory", "right"), status: 302, cookie: welcome}
	nameless := step{target: "/wp-login.php?action=validate_2fa", body: "authcode=123456", status: 302, cookie: welcome}
	oneName := func(i int) step { return step{target: "/wp-login.php", body: wpLogin("admin", fmt.Sprint("x", i))} }
	manyNames := func(i int) step { return step{target: "/wp-login.php", body: wpLogin(letters(i), "Summer2026")} }
	for _, row := range []struct {
		name    string
		success step
		guess   func(i int) step
		gap     time.Duration
		stopped string // the scenario that is the first to alert
		guesses int    // that were tried then
	}{
		{"one name, no account", step{target: "/"}, oneName, 0, "http-login-bf", 6},
		{"one name, with a name", own, oneName, 0, "http-login-bf-slow", 16},
		{"one name, without", nameless, oneName, 0, "http-login-bf-slow", 16},
		{"one name, with a name, a guess a minute", own, oneName, time.Minute, "http-login-bf-slow", 17},
		{"many names, no account", step{target: "/"}, manyNames, 0, "http-login-bf", 6},
		{"many names, with a name", own, manyNames, 0, "http-login-bf", 21},
		{"many names, without", nameless, manyNames, 0, "http-login-bf", 41},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, at := New(Config{Rules: builtinRules(t)}), began
			for i := range 500 {
				for _, s := range []step{row.success, row.guess(i)} {
					e := s.event(at)
					alerts := slices.DeleteFunc(slices.Concat(d.Request(e), d.Response(e)), func(a event.Alert) bool { return a.Guard != event.NoGuard })
					if len(alerts) > 0 {
						got := strings.TrimPrefix(alerts[0].Scenario, "tocsin/")
						if got != row.stopped || i+1 != row.guesses {
							t.Errorf("%s after %d guesses, want %s after %d", got, i+1, row.stopped, row.guesses)
						}
						return
					}
				}
				at = at.Add(row.gap)
			}
			t.Errorf("500 guesses raise nothing, want %s after %d", row.stopped, row.guesses)
		})
	}
}

// However many clients there are, so many are remembered.
func TestClientsAreBounded(t *testing.T) {
	d := New(Config{Rules: builtinRules(t), Clients: 1000})
	for i := range 5000 {
		e := page(1).event(began)
		e.Client = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		d.Response(e)
	}
	if n := d.Stats().Clients; n < 900 || n > 1000 {
		t.Errorf("%d clients are remembered, want 1000 at most", n)
	}
}

func TestOwnLabels(t *testing.T) {
	const scenario = "type: leaky\nname: test/x\nfilter: \"true\"\ngroupby: evt.Meta.source_ip\ncapacity: 1\nleakspeed: 1s\n"
	for _, row := range []struct{ labels, wrong string }{
		{"credit: known", ""},
		{"credit: found known", ""},
		{"guard: place", ""},
		{"guard: network", ""},
		{"teaches: missing", ""},
		{"teaches: sought", ""},
		{"credit: generous", `"generous": want known, found, logins, codes, or several of them`},
		{"guard: house", `"house": want place or network`},
		{"credit: logins", `"logins": requires forgiven_by: login too`},
		{"at_most: ban", `"ban": want captcha`},
		{"forgiven_by: time", `"time": want login`},
		{"forgiven_by: login", `"login": requires the key distinct too`},
		{"teaches: found", `"found": want missing or sought`},
	} {
		rules, err := Parse("test.yaml", []byte(scenario+"labels: {"+row.labels+"}"), nil)
		said := ""
		if err != nil {
			said = err.Error()
		} else if len(rules.Skipped()) > 0 {
			said = fmt.Sprint(rules.Skipped())
		}
		if (row.wrong == "") != (said == "") || !strings.Contains(said, row.wrong) {
			t.Errorf("%s: %q, want %q", row.labels, said, row.wrong)
		}
	}
}

// A form that takes a name and sets a cookie is no login, and takes back nothing of
// what was tried at one.
func TestASuccessElsewhereTakesBackNothing(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	at, alerted := began, 0
	for i := range 20 {
		for _, s := range []step{
			{target: "/login", body: fmt.Sprint("username=admin&password=guess", i), status: 401},
			{target: "/wp-comments-post.php", body: "comment=x&username=admin&password=x", status: 302, location: "/2024/hello/", cookie: "comment_author_1=admin"},
		} {
			e := s.event(at)
			for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
				if a.Scenario == "tocsin/http-login-bf" && alerted == 0 {
					alerted = i + 1
				}
			}
		}
		at = at.Add(2 * time.Second)
	}
	if alerted == 0 || alerted > 8 {
		t.Errorf("http-login-bf alerts at guess %d, want at most the 8th", alerted)
	}
	if d.Known(netip.MustParseAddr("192.0.2.1"), at) {
		t.Error("who posts a comment is known")
	}
}
