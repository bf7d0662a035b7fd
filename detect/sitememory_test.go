package detect

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// outcomeOf returns evt.Meta.outcome of an event at the sites that d knows.
func (d *Detector) outcomeOf(s step) string {
	e := s.event(began)
	v := d.prog.Load().open(e, event.ClientOf(e.Client))
	defer v.close()
	v.sites, v.clients = d.sites, d.clients
	outcome, _ := v.outcome()
	return outcome
}

// plays shows a site many steps in a row.
func plays(steps ...step) func(*Detector) {
	return func(d *Detector) { play(d, 0, steps...) }
}

// from returns steps as another client sends them.
func from(client string, steps ...step) []step {
	all := make([]step, len(steps))
	for i, s := range steps {
		s.client = client
		all[i] = s
	}
	return all
}

// A link is broken if clients miss it that have nothing to do with each other, and
// find what else they ask for.
func TestBrokenLinks(t *testing.T) {
	old := step{target: "/old/page", status: 404}
	visit := append(times(4, page), old) // of somebody honest
	visits := func(clients ...string) func(*Detector) {
		return func(d *Detector) {
			for _, c := range clients {
				play(d, 0, from(c, visit...)...)
			}
		}
	}
	for _, row := range []struct {
		name   string
		before func(*Detector)
		want   string
	}{
		{"nobody has missed it", func(*Detector) {}, outcomeMissing},
		{"two have", visits("198.51.100.1", "203.0.113.1"), outcomeMissing},
		{"three have", visits("198.51.100.1", "203.0.113.1", "192.0.2.9"), ""},
		{"three of IPv6", visits("2001:db8::1", "2001:db9::1", "2001:dba::1"), ""},
		{"three neighbours", visits("198.51.100.1", "198.51.100.2", "198.51.7.3"), outcomeMissing},
		{"three neighbours of IPv6", visits("2001:db8::1", "2001:db8:1::1", "2001:db8:ffff::1"), outcomeMissing},
		{"one, three times", visits("198.51.100.1", "198.51.100.1", "198.51.100.1"), outcomeMissing},
		{"three that find nothing else", plays(from("198.51.100.1", old)[0], from("203.0.113.1", old)[0], from("192.0.2.9", old)[0]), outcomeMissing},
		{"three that find two pages for it", func(d *Detector) {
			for _, c := range []string{"198.51.100.1", "203.0.113.1", "192.0.2.9"} {
				play(d, 0, from(c, page(1), page(2), old)...)
			}
		}, outcomeMissing},
		{"three that find pages and search, too", func(d *Detector) {
			for _, c := range []string{"198.51.100.1", "203.0.113.1", "192.0.2.9"} {
				play(d, 0, from(c, append(append(times(4, page), times(4, missingPage)...), old)...)...)
			}
		}, outcomeMissing},
		{"three that other pages send", func(d *Detector) {
			for _, c := range []string{"198.51.100.1", "203.0.113.1", "192.0.2.9"} {
				play(d, 0, from(c, times(4, page)...)...)
				foreign := old
				foreign.whose = event.Foreign
				play(d, 0, from(c, foreign)...)
			}
		}, outcomeMissing},
		{"three, of another host", func(d *Detector) {
			for _, c := range []string{"198.51.100.1", "203.0.113.1", "192.0.2.9"} {
				other := old
				other.host = "other.example"
				play(d, 0, from(c, append(times(4, page), other)...)...)
			}
		}, outcomeMissing},
	} {
		d := New(Config{Rules: builtinRules(t)})
		row.before(d)
		if got := d.outcomeOf(old); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		if got := d.outcomeOf(step{target: "/old/page2", status: 404}); got != outcomeMissing {
			t.Errorf("%s: another page is %q", row.name, got)
		}
	}
	d := New(Config{Rules: builtinRules(t)})
	script := step{target: "/shell-x.php", status: 404}
	for _, c := range []string{"198.51.100.1", "203.0.113.1", "192.0.2.9"} {
		play(d, 0, from(c, append(times(4, page), script)...)...)
	}
	if got := d.outcomeOf(script); got != outcomeMissing {
		t.Errorf("a script is no broken link: %q", got)
	}
}

// A site that answers for what it has not as for what it has is known by how it
// answers for what no site has.
func TestSoftMissing(t *testing.T) {
	skipUnderRace(t)
	impossible := []string{"/.env", "/.git/config", "/c99.php", "/wp-config.php~"}
	taught := func(n int, answer step) []step {
		return times(n, func(i int) step {
			s := answer
			s.target, s.client = impossible[i], "198.51.100.1"
			return s
		})
	}
	shell := step{size: 4000}
	home := step{status: 302, location: "https://blog.example/"}
	for _, row := range []struct {
		name   string
		before []step
		asked  step
		want   string
	}{
		{"two impossible paths are no proof", taught(2, shell), step{target: "/a", size: 4000}, ""},
		{"three are", taught(3, shell), step{target: "/a", size: 4000}, outcomeMissing},
		{"one, three times, is not", append(taught(1, shell), append(taught(1, shell), taught(1, shell)...)...), step{target: "/a", size: 4000}, ""},
		{"of about the same size", taught(3, shell), step{target: "/a", size: 4128}, outcomeMissing},
		{"of another size", taught(3, shell), step{target: "/a", size: 4129}, ""},
		{"of another size, of a large page", taught(3, step{size: 100_000}), step{target: "/a", size: 102_000}, outcomeMissing},
		{"of quite another size", taught(3, step{size: 100_000}), step{target: "/a", size: 102_001}, ""},
		{"of another kind", taught(3, shell), step{target: "/a", size: 4000, media: "application/json"}, ""},
		{"of another host", taught(3, shell), step{target: "/a", size: 4000, host: "other.example"}, ""},
		{"of the same host with a port", taught(3, shell), step{target: "/a", size: 4000, host: "blog.example:443"}, outcomeMissing},
		{"a file that pages embed", taught(3, shell), step{target: "/a.css", size: 4000}, ""},
		{"a page that was refused", taught(3, shell), step{target: "/a", size: 4000, status: 403}, outcomeRefused},
		{"files of secrets that are there", taught(3, step{size: 300, media: "text/plain"}), step{target: "/a", size: 300, media: "text/plain"}, ""},
		{"empty answers", taught(3, step{}), step{target: "/a"}, ""},
		{"different answers", append(taught(1, shell), append(taught(2, step{size: 9000})[1:], taught(3, step{size: 12000})[2:]...)...), step{target: "/a", size: 4000}, ""},
		{"redirects to one place", taught(3, home), step{target: "/a", status: 302, location: "/"}, outcomeMissing},
		{"redirects to one place, by another status", taught(3, home), step{target: "/a", status: 301, location: "/"}, ""},
		{"redirects to another place", taught(3, home), step{target: "/a", status: 302, location: "/b"}, ""},
		{"redirects to how it should be written", taught(3, home), step{target: "/a", status: 302, location: "https://blog.example/a/"}, ""},
		{"404, as it should be", nil, step{target: "/a", status: 404}, outcomeMissing},
		{"gone", nil, step{target: "/a", status: 410}, outcomeMissing},
		{"403", nil, step{target: "/a", status: 403}, outcomeRefused},
		{"401", nil, step{target: "/a", status: 401}, ""},
		{"a page", nil, step{target: "/a", size: 4000}, ""},
		{"an error of the server", nil, step{target: "/a", status: 500}, ""},
	} {
		d := New(Config{Rules: builtinRules(t)})
		play(d, 0, row.before...)
		if got := d.outcomeOf(row.asked); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// A client that gets the very same answer for one page after the other finds none.
func TestTheSameAgain(t *testing.T) {
	same := func(i int) step { return step{target: "/" + letters(i), size: 4000} }
	moved := func(i int) step {
		return step{target: "/" + letters(i), status: 302, location: "/start?x=" + letters(i)}
	}
	canonical := func(i int) step {
		return step{target: "/" + letters(i), status: 301, location: "https://blog.example/" + letters(i) + "/"}
	}
	for _, row := range []struct {
		name   string
		before []step
		asked  step
		want   string
	}{
		{"two pages", times(2, same), same(9), ""},
		{"three", times(3, same), same(9), outcomeMissing},
		{"one, three times", []step{same(1), same(1), same(1)}, same(9), ""},
		{"by somebody else", from("198.51.100.1", times(9, same)...), same(9), ""},
		{"a page of another size", times(3, same), page(9), ""},
		{"pages of another size between", []step{same(1), same(2), page(1), same(3), same(4)}, same(9), outcomeMissing},
		{"redirects to one place", times(3, moved), moved(9), outcomeMissing},
		{"redirects to how it should be written", times(30, canonical), canonical(9), ""},
		{"redirects to capitals", times(30, func(i int) step {
			return step{target: "/" + letters(i), status: 301, location: "/A" + letters(i) + "B"}
		}), moved(9), ""},
		{
			"answers of a program", times(30, func(i int) step { return step{target: "/api/" + letters(i), size: 300, media: mediaJSON} }),
			step{target: "/api/x", size: 300, media: mediaJSON},
			"",
		},
	} {
		d := New(Config{Rules: builtinRules(t)})
		play(d, 0, row.before...)
		if got := d.outcomeOf(row.asked); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

func TestWhereARedirectLeads(t *testing.T) {
	for _, row := range []struct {
		asked, location string
		want            redirect
	}{
		{"/a/b", "", redirect{path: "/a/b"}},
		{"/a/b", "/", redirect{path: "/"}},
		{"/a/b", "/c?d=1#e", redirect{path: "/c", query: "d=1", fragment: "e"}},
		{"/a/b", "https://other.example:8443/c", redirect{host: "other.example", path: "/c"}},
		{"/a/b", "https://blog.example?d", redirect{path: "/", query: "d"}},
		{"/a/b", "//other.example/c", redirect{host: "other.example", path: "/c"}},
		{"/a/b", "login", redirect{path: "/a/login"}},
		{"/a/b/", "login", redirect{path: "/a/b/login"}},
		{"/a/b", "b/", redirect{path: "/a/b/"}},
		{"/a/b", "../", redirect{path: "/"}},
		{"/a/b", "../login?e=1", redirect{path: "/login", query: "e=1"}},
		{"/login", "LOGIN", redirect{path: "/login"}},
		{"/a/b", "?e=1", redirect{path: "/a/b", query: "e=1"}},
		{"/", "login", redirect{path: "/login"}},
		{"*", "login", redirect{path: "/login"}},
	} {
		v := view{evt: step{target: row.asked, location: row.location}.event(began)}
		v.split()
		if got := v.redirect(); got != row.want {
			t.Errorf("%s, Location %q: %+v, want %+v", row.asked, row.location, got, row.want)
		}
	}
}

// All that is learned of sites is bounded, whoever asks for how much.
func TestSiteMemoryIsBounded(t *testing.T) {
	skipUnderRace(t)
	d := New(Config{Rules: builtinRules(t)})
	h := d.sites
	seen := func(i int, s step) *view {
		s.host, s.target = fmt.Sprintf("h%d.example", i), fmt.Sprint("/", letters(i%17576), i)
		e := s.event(began)
		e.Client = netip.AddrFrom4([4]byte{byte(1 + i%200), byte(i / 200), 0, 1})
		v := &view{evt: e, sites: h, client: event.ClientOf(e.Client)}
		v.split()
		return v
	}
	for i := range 20_000 {
		h.learnMissing(seen(i, step{size: int64(1000 + i)}))
		h.isBroken(seen(i, step{status: 404}), true)
		for kind := range placeKinds {
			for _, whose := range []event.Attribution{event.Own, event.Foreign} {
				v := seen(i, step{whose: whose})
				h.learnPlace(v, kind, h.hash(v.spot()))
			}
		}
	}
	for i := range 100 { // answers of one site
		v := seen(1, step{size: int64(1000 + 1000*i)})
		h.learnMissing(v)
	}
	for _, row := range []struct {
		name      string
		got, want int
	}{
		{"sites", h.missing.own.len(), 1024},
		{"broken links", h.broken.len(), 8192},
		{"places", h.places[placeAsks].own.len(), 8192},
		{"places that others teach", h.places[placeAsks].others.len(), 1024},
	} {
		if row.got != row.want {
			t.Errorf("%d %s, want %d", row.got, row.name, row.want)
		}
	}
}

// A guard does not stop requests from pages of other origins at a place that works for
// those.
func TestWorks(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	hook := step{target: "/hook/17", body: "{}", form: mediaJSON, whose: event.Foreign}
	if d.Works(hook.event(began)) {
		t.Error("it has worked before it was asked for")
	}
	play(d, 0, hook, step{target: "/own"}, step{target: "/not", status: 404, whose: event.Foreign}, step{target: "/part", whose: event.Embedded})
	for _, s := range asking("/app/config/.env", "/shop/.git/config", "/.env", "/phpmyadmin", "/wp-content/plugins/x/readme.txt", "/view?page=../../etc/passwd", "/list?author=1") {
		s.whose = event.Foreign
		if play(d, 0, s); d.Works(s.event(began)) {
			t.Errorf("%s works, which is asked for by who searches alone", s.target)
		}
	}
	for _, row := range []struct {
		s    step
		want bool
	}{
		{hook, true},
		{step{target: "/hook/18", body: "x"}, true},
		{step{target: "/hook/17"}, false},
		{step{target: "/own"}, false},
		{step{target: "/not"}, false},
		{step{target: "/part"}, false},
	} {
		if got := d.Works(row.s.event(began)); got != row.want {
			t.Errorf("%s: %v, want %v", row.s.target, got, row.want)
		}
	}
}

func TestHarmless(t *testing.T) {
	for target, want := range map[string]bool{
		"/a.png": true, "/a.CSS?x": true, "/a/b.woff2": true, "/": false, "/a": false, "/a.php": false,
		"/a.php/x.png": false, "/A.PHP/x.png": false, "/a.aspx/x.png": false, "/a%2ephp/x.png": false, "/a.html": false, "/.png": false,
	} {
		if got := Harmless(&event.Event{Target: target}); got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
}

// A server knows the answer later than the request, and learns from it all the same.
func TestWhatNoSiteHasTeachesWhenItIsAnswered(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	live := func(target string) string {
		e := step{target: target}.event(began)
		d.Request(e)
		e.Status, e.Size, e.ContentType = 200, 7000, "text/html; charset=utf-8"
		outcome := d.outcomeOf(step{target: target, size: 7000})
		d.Response(e)
		return outcome
	}
	for _, target := range []string{"/.env", "/phpmyadmin", "/c99.php"} {
		if got := live(target); got != "" {
			t.Errorf("%s: %q before the site is known", target, got)
		}
	}
	if got := live("/page"); got != outcomeMissing {
		t.Errorf("what is answered like these: %q", got)
	}
}
