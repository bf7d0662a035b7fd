package detect

import (
	"fmt"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// Places are few for what one program asks, and many for a search.
func TestPlacesOfProgramsAndSearches(t *testing.T) {
	for _, row := range []struct {
		name   string
		acts   []act
		places int
	}{
		{"words at the top", gets(1, 404, "/intranet", "/secure", "/legacy", "/vault"), 4},
		{"words at the top as pages", gets(1, 404, "/intranet.html", "/secure.txt", "/legacy.bak", "/vault.json"), 4},
		{"scripts of one name in many folders", gets(1, 404, "/old1/index.php", "/old2/index.php", "/old3/x.php"), 3},
		{"start pages of many folders", gets(1, 404, "/intranet/index.html", "/secure/index.html", "/legacy/index.html"), 3},
		{"one secret in many folders", gets(1, 404, "/shop/config.json", "/blog/config.json", "/mail/config.json"), 3},
		{"endings made of others", gets(1, 404, "/a.php_old", "/b.bak2", "/c.sql_1"), 3},
		{"plugins of WordPress", gets(1, 404, "/wp-content/plugins/akismet/", "/wp-content/plugins/jetpack/readme.txt"), 2},
		{"depths that differ in all", gets(1, 404, "/boaform/admin/formLogin", "/hnap1/x", "/remote/fgt_lang"), 3},

		{"files deep inside plugins", gets(1, 404, "/wp-content/plugins/akismet/a/b.json", "/wp-content/plugins/jetpack/a/b.json"), 1},
		{"a health check of each application", gets(1, 404, "/shop/health", "/blog/health", "/mail/health", "/wiki/health"), 2},
		{"two files of each repository", gets(1, 404, "/a1a/dists/InRelease", "/a1a/dists/Release", "/b2b/dists/InRelease", "/b2b/dists/Release"), 2},
		{"many things below one folder", gets(1, 404, "/api/a", "/api/b", "/api/c", "/api/b"), 2},
		{"a sparse index of packages", gets(1, 404, "/se/rd/serde", "/to/ki/tokio", "/ra/nd/rand"), 1},
		{"objects by their hash", gets(1, 404, "/e3/39376465202fb3e54bdf5682e04216c5f56", "/1f/0937646520aab3e54bdf5682e04216c5f56"), 1},
		{"kinds of files that nobody searches for", gets(1, 404, "/a.narinfo", "/kernel32.pdb/1/kernel32.pd_", "/zdf/live.m3u8", "/org/x/a/1/a-1.pom"), 1},
		{"archives that are deep", gets(1, 404, "/org/x/a/1/a-1.jar", "/com/y/b/2/b-2.jar"), 1},
		{"names of articles", gets(1, 404, "/how-to-bake-bread", "/ten-ways-to-rest", "/the_history_of_tea/"), 1},
		{"packages without a scope", by("npm/11.6.0 node/v24", gets(1, 404, "/left-pad", "/express", "/lodash")), 1},
		{"who claims to be npm, and asks for files", by("npm/11.6.0 node/v24", gets(1, 404, "/dump.sql", "/shell.php", "/x.bak")), 3},
	} {
		d := New(Config{Rules: builtinRules(t)})
		places := make(map[string]bool)
		for _, e := range (conduct{acts: row.acts}).events(true) {
			v := d.prog.Load().open(e, event.ClientOf(e.Client))
			v.sites, v.clients = d.sites, d.clients
			place, _ := v.place()
			places[place] = true
			v.close()
			d.Response(e)
		}
		if len(places) != row.places {
			t.Errorf("%s: %d places, want %d: %v", row.name, len(places), row.places, places)
		}
	}
}

// A crawler that finds two pages of three, and an uploader that asks before it
// writes, do not search; one valid page with each that is missing is no credit.
func TestMeritOfWhatIsFound(t *testing.T) {
	page := func(i int) act { return act{target: fmt.Sprint("/", word(i)), status: 200} }
	for _, row := range []struct {
		name string
		acts []act
		want string
	}{
		{"two of three are there", acts(90, 1, func(i int) act { a := page(i); a.status = []int{200, 200, 404}[i%3]; return a }), ""},
		{"each is asked for, and then written", acts(90, 1, func(i int) act {
			a := page(i / 2)
			a.method, a.status = []string{"HEAD", "PUT"}[i%2], []int{404, 201}[i%2]
			return a
		}), ""},
		{"one of two is there", acts(90, 1, func(i int) act { a := page(i); a.status = []int{200, 404}[i%2]; return a }), "tocsin/http-probing"},
	} {
		if got := firstAlertOf(t, row.acts); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// A site that answers for what it has not as for what it has, or sends everybody
// elsewhere, is no place to hide, whatever is asked in between and by whoever's page.
func TestAnswersThatAreAlike(t *testing.T) {
	page := func(size func(target string) int64) []act {
		return acts(30, 0.1, func(i int) act {
			target := "/" + word(i)
			return act{target: target, status: 200, kind: "text/html", size: size(target)}
		})
	}
	moves := func(to ...string) []act {
		return acts(40, 0.1, func(i int) act { return act{target: "/" + word(i), status: 302, location: to[i%len(to)]} })
	}
	found := acts(40, 0.1, func(i int) act {
		return act{target: fmt.Sprint("/shop/", word(i)), status: 200, kind: "text/html", size: int64(3000 + 731*i)}
	})
	const probing = "tocsin/http-probing"
	for _, row := range []struct {
		name string
		acts []act
		want string
	}{
		{"one page for all", page(func(string) int64 { return 7312 }), probing},
		{"one page that repeats the path twice", page(func(target string) int64 { return 7312 + 2*int64(len(target)) }), probing},
		{"pages that differ", page(func(target string) int64 { return 7312 + 97*int64(target[1]) + 31*int64(target[2]) }), ""},
		{"to one place", moves("/"), probing},
		{"to three in turns", moves("/", "/home", "/de/"), probing},
		{"to each in other words", moves("/a", "/b", "/c", "/d", "/e", "/f", "/g"), ""},
		{"with pages in between", mixed(moves("/"), found), probing},
		{"with a page elsewhere that sends them", sending("Referer: https://search.example/", moves("/")), probing},
	} {
		if got := firstAlertOf(t, row.acts); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// firstAlertOf returns the name of the scenario that the built-ins alert first of.
func firstAlertOf(t *testing.T, list []act) string {
	t.Helper()
	d := New(Config{Rules: builtinRules(t)})
	for _, e := range (conduct{acts: list}).events(false) {
		for _, a := range append(d.Request(e), d.Response(e)...) {
			return a.Scenario
		}
	}
	return ""
}
