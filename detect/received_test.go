package detect

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// A client that clones a published repository is not stopped. A client that copies a
// repository that is there by accident, or reads secrets of others, is.
func TestWhoMayReadWhatOnlyASearchAsksFor(t *testing.T) {
	const plain = "text/plain"
	got := func(media string, targets ...string) []step {
		all := make([]step, len(targets))
		for i, target := range targets {
			all[i] = step{target: target, media: media, size: 300, agent: "git/2.47.0"}
		}
		return all
	}
	objects := func(repo string) []step {
		steps := []step{{target: repo + "/.git/objects/info/http-alternates", status: 404}, {target: repo + "/.git/objects/info/alternates", status: 404}}
		steps = append(steps, got(plain, repo+"/.git/HEAD", repo+"/.git/objects/info/packs")...)
		for i := range 20 {
			d := digits(i, 40)
			steps = append(steps, got("application/octet-stream", repo+"/.git/objects/"+d[:2]+"/"+d[2:], repo+"/.git/objects/pack/pack-"+d+".idx")...)
		}
		return steps
	}
	refs := got(plain, "/.git/info/refs?service=git-upload-pack")
	dump := got(plain, "/.git/HEAD", "/.git/config", "/.git/index", "/.git/logs/HEAD", "/.git/refs/heads/main")
	deep := got(plain, "/app/config/.env", "/app/config/.env.production", "/app/deploy/.ssh/id_rsa", "/app/deploy/.aws/credentials")
	with := func(auth string, steps ...[]step) []step {
		var all []step
		for _, s := range slices.Concat(steps...) {
			s.auth = auth
			all = append(all, s)
		}
		return all
	}
	for _, row := range []struct {
		name  string
		steps []step
		want  bool
	}{
		{"git clones the root of a site", append(slices.Clone(refs), objects("")...), false},
		{"git clones a folder", append(got(plain, "/project/.git/info/refs"), objects("/project")...), false},
		{"the same without the list", objects(""), true},
		{"with a list that is not there", append([]step{{target: "/.git/info/refs", status: 404}}, objects("")...), true},
		{"with a list that is the start page", append(got("text/html", "/.git/info/refs"), objects("")...), true},
		{"with the list of another repository", append(got(plain, "/project/.git/info/refs"), objects("")...), true},
		{"with somebody else's list", append(from("192.0.2.9", refs...), objects("")...), true},
		{"a dump", dump, true},
		{"a dump with the list before", append(slices.Clone(refs), dump...), true},
		{"a dump of a folder", got(plain, "/shop/.git/config", "/shop/.git/index", "/shop/.git/logs/HEAD"), true},

		{"secrets two folders deep", deep, true},
		{"with credentials that nobody has asked for", with("a:b", deep), true},
		{"with credentials that were asked for", with("a:b", append([]step{{target: "/app/config/.env", status: 401}}, deep...)), false},
		{"a backup that is restored", with("a:b", []step{{target: "/app/config/", method: "PROPFIND", status: 207}}, deep), false},
		{"a backup that is checked after it was written", with("a:b", []step{{target: "/app/x", method: "PUT", status: 201}}, deep), false},
		{"a front controller that answers 200 to PUT", append([]step{{target: "/app/x", method: "PUT"}}, deep...), true},
		{"a place elsewhere", append([]step{{target: "/other/x", method: "PUT", status: 201}}, deep...), true},
		{"pages that have such names", got("text/html; charset=utf-8", "/app/config/.env", "/app/config/.env.production", "/app/deploy/.ssh/id_rsa"), false},
		{"source code that is shown", got(plain, "/dotfiles/plain/.env", "/dotfiles/plain/.ssh/config", "/dotfiles/plain/.netrc"), false},
	} {
		d := New(Config{Rules: builtinRules(t)})
		alerts := slices.DeleteFunc(play(d, time.Second, row.steps...), func(name string) bool { return !strings.HasSuffix(name, "-files") })
		if (len(alerts) > 0) != row.want {
			t.Errorf("%s: %q, want some: %v", row.name, alerts, row.want)
		}
	}
	d := New(Config{Rules: builtinRules(t)})
	for _, s := range with("AWS4-HMAC-SHA256 Credential=x/y", deep) {
		e := s.event(began)
		e.Header.Set("X-Amz-Request-Id", "1")
		if alerts := append(d.Request(e), d.Response(e)...); len(alerts) > 0 {
			t.Errorf("a bucket that is restored: %s", alerts[0].Scenario)
		}
	}
	if d.Known(netip.MustParseAddr("192.0.2.1"), began) {
		t.Error("a signature gives standing")
	}
}
