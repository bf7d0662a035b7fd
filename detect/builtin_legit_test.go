package detect

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

const (
	welcome = "wordpress_logged_in_5f3e=marie%7C1767%7Cx; path=/; HttpOnly"
	goodbye = "wordpress_logged_in_5f3e=%20; expires=Thu, 23-Nov-2000 20:00:00 GMT; Max-Age=0; path=/"
)

// adminAjax is a call of WordPress's admin-ajax.php.
func adminAjax(action string, status int) step {
	return step{target: "/wp-admin/admin-ajax.php", body: "action=" + action + "&_nonce=1a2b", status: status}
}

// upload is a picture on its way to WordPress.
func upload(status int) step {
	return step{
		target: "/wp-admin/async-upload.php", form: "multipart/form-data; boundary=x", status: status, cut: true,
		body: "--x\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nupload-attachment\r\n" +
			"--x\r\nContent-Disposition: form-data; name=\"async-upload\"; filename=\"password.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG",
	}
}

// typed returns a search for text, letter by letter, as a page that finds while
// one types sends it.
func typed(text string) []step {
	var steps []step
	for i := range len(text) {
		steps = append(steps, step{target: "/wp-json/wp/v2/search?search=" + url.QueryEscape(text[:i+1]) + "&per_page=20&type=post&_locale=user"})
	}
	return steps
}

// Honest requests raise no alert, however many there are.
func TestBuiltinSparesTheInnocent(t *testing.T) {
	for _, row := range []struct {
		name  string
		gap   time.Duration
		steps []step
	}{
		{"an office logs in at nine", 100 * time.Millisecond, times(50, same(step{target: "/wp-login.php", body: wpLogin("marie", "x"), status: 302, cookie: welcome}))},
		{"the window that asks for the password again answers 200", 0, times(20, same(step{
			target: "/wp-login.php", body: wpLogin("marie", "x") + "&interim-login=1", cookie: welcome,
		}))},
		{"logged in, though the page says that cookies are blocked", 0, times(20, same(step{target: "/wp-login.php", body: wpLogin("marie", "x"), cookie: welcome}))},
		{"a right password in parts", 0, times(20, same(step{
			target: "/wp-login.php", form: "multipart/form-data; boundary=x", status: 302, cookie: welcome,
			body: "--x\r\nContent-Disposition: form-data; name=\"log\"\r\n\r\nadmin\r\n--x\r\nContent-Disposition: form-data; name=\"pwd\"\r\n\r\nx\r\n--x--\r\n",
		}))},
		{"logout and another login", 0, times(30, through(302, "/wp-login.php?action=logout&_wpnonce=1", "/wp-login.php?loggedout=true", "/wp-login.php?reauth=1"))},
		{"source code that is named as shells are", time.Second, times(5, through(0, "/cake/app/src/branch/3.x/src/Console/Shell.php", "/cake/app/raw/branch/3.x/src/Console/Shell.php",
			"/sf/phpunit/src/branch/10.x/src/Util/PHP/eval-stdin.php", "/sf/phpunit/raw/branch/10.x/src/Util/PHP/eval-stdin.php", "/x/y/src/branch/main/shell.jsp"))},
		{"houses for sale", time.Second, times(3, through(0, "/idx.php?city=a", "/idx.php?city=b", "/idx.php?city=c"))},
		{"parts for motorcycles and cars", time.Second, times(4, through(0, "/c100.php", "/c100-engine.php", "/alfa.php?model=156", "/alfa.php?model=147"))},
		{"payments of CiviCRM", time.Second, times(4, through(0, "/wp-content/uploads/civicrm/ext/a/ipn.php?r=0", "/wp-content/uploads/civicrm/ext/a/ipn.php?r=1"))},
		{"the cookie is deleted", 0, times(30, same(step{target: "/wp-login.php?reauth=1", cookie: goodbye}))},
		{"somebody mistypes five times, and then remembers", 8 * time.Second, append(
			times(5, func(i int) step { return step{target: "/wp-login.php", body: wpLogin("paul", fmt.Sprint("x", i))} }),
			step{target: "/wp-login.php", body: wpLogin("paul", "y"), status: 302, cookie: welcome})},
		{"somebody who needs ten seconds for a try does not remember", 10 * time.Second, times(15, func(i int) step {
			return step{target: "/wp-login.php", body: wpLogin("paul", fmt.Sprint("x", i))}
		})},
		{"ten people of an office mistype", time.Minute, times(10, func(i int) step {
			return step{target: "/wp-login.php", body: wpLogin(fmt.Sprint("user", i), "x")}
		})},
		{"a phone with an old password", 30 * time.Second, times(500, same(step{target: "/sync", method: "POST", auth: "paul:old", status: 401}))},
		{"a program with an old password asks for all its folders", 0, times(200, func(i int) step {
			return step{target: fmt.Sprint("/dav/", i), method: "PROPFIND", auth: "paul:old", status: 401}
		})},
		{"lost passwords", 0, times(20, same(step{target: "/wp-login.php?action=lostpassword", body: "user_login=paul&redirect_to=&wp-submit=Get+New+Password"}))},
		{"lost passwords, of which nobody kept the body", 0, times(20, same(step{target: "/wp-login.php?action=lostpassword", method: "POST", status: 302}))},
		{"protected pages, wrong passwords too", 0, times(20, same(step{target: "/wp-login.php?action=postpass", body: "post_password=x&Submit=Enter", status: 302}))},
		{"the login page", 0, times(50, same(step{target: "/wp-login.php"}))},
		{"the site is broken", 0, times(20, same(step{target: "/wp-login.php", body: wpLogin("paul", "y"), status: 502}))},
		{"first visits of an application", 0, times(100, through(401, "/api/me", "/api/notifications", "/private/"))},
		{"a token has expired", 0, times(100, same(step{target: "/graphql", form: "application/json", body: `{"query":"{me}"}`, auth: "Bearer x", status: 401}))},
		{"malformed JSON", 0, times(50, same(step{target: "/login", form: "application/json", body: `{"user":`, status: 400}))},
		{"registrations that the form refuses", 0, times(20, same(step{target: "/register", body: "email=a&password=b", status: 422}))},

		{"an app of WordPress at work", 100 * time.Millisecond, slices.Concat(
			times(2, same(step{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("wp.getUsersBlogs", xmlString("marie"), xmlString("x"))})),
			times(100, func(i int) step {
				return step{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("wp.getPost", "<int>1</int>", xmlString("marie"), xmlString("x"), fmt.Sprint(i))}
			}),
			times(2, same(step{target: "/xmlrpc.php", form: "text/xml", body: regexp.MustCompile("pw[0-9]+").ReplaceAllString(xmlBundle(40), "pw")})))},
		{"how to find xmlrpc.php", 0, times(50, same(step{target: "/xmlrpc.php?rsd"}))},
		{"the block editor asks who may write", 0, slices.Concat(
			times(50, func(i int) step {
				return step{target: fmt.Sprintf("/wp-json/wp/v2/users?who=authors&per_page=50&_fields=id,name&context=view&page=%d&_locale=user", i)}
			}),
			times(50, same(step{target: "/wp-json/wp/v2/users/me?_locale=user"})),
			times(50, func(i int) step {
				return step{target: fmt.Sprintf("/wp-json/wp/v2/users/%d?context=edit&_locale=user", i)}
			}),
			times(4, func(i int) step { return step{target: fmt.Sprintf("/wp-json/wp/v2/users/%d?_locale=user", i)} }))},
		{"posts by author", 0, times(50, func(i int) step {
			return step{target: fmt.Sprintf([]string{"/wp-admin/edit.php?post_type=post&author=%d", "/wp-json/wp/v2/posts?author=%d", "/author/user%d/"}[i%3], i)}
		})},
		{"nonces have expired in an old tab", 0, times(100, func(i int) step {
			if i%2 == 0 {
				return step{target: fmt.Sprint("/wp-json/wp/v2/posts/", i), form: "application/json", body: `{"title":"my password"}`, status: 403}
			}
			return adminAjax(fmt.Sprint("save", i), 403)
		})},
		{"a plugin that visitors may not use", 0, times(100, same(adminAjax("fancy_counter", 400)))},
		{"an editor's heartbeat", time.Second, times(600, same(adminAjax("heartbeat", 200)))},
		{"uploads", 100 * time.Millisecond, times(60, func(i int) step { return upload([]int{200, 200, 403}[i%3]) })},
		{"comments come twice and too fast", 0, times(60, func(i int) step {
			return step{target: "/wp-comments-post.php", body: "author=x&email=y&comment=drop+table", status: []int{302, 409, 429}[i%3]}
		})},
		{"what browsers and crawlers ask for unasked", 0, times(100, through(404,
			"/apple-touch-icon.png", "/apple-touch-icon-precomposed.png", "/apple-touch-icon-120x120.png", "/apple-touch-icon-120x120-precomposed.png",
			"/favicon.ico", "/robots.txt", "/ads.txt", "/app-ads.txt", "/security.txt", "/.well-known/security.txt", "/.well-known/assetlinks.json",
			"/sitemap.xml", "/sitemap_index.xml", "/humans.txt", "/manifest.json", "/browserconfig.xml", "/feed/", "/llms.txt", "/crossdomain.xml",
		))},
		{"a page whose pictures are gone", 0, times(100, func(i int) step {
			return step{target: fmt.Sprintf("/wp-content/uploads/2024/05/%d.jpg?w=1", i), status: 404}
		})},
		{"the same missing file, by a program", 0, times(60, same(step{target: "/packages/client.deb", status: 404}))},
		{"eight broken links in a long visit", 0, slices.Concat(times(8, func(i int) step { return step{target: fmt.Sprint("/old/", i), status: 404} }),
			times(482, func(i int) step { return step{target: fmt.Sprint("/page/", i)} }))},
		{"addresses that are guessed", 0, times(50, through(301, "/hello-worl/", "/login", "/admin", "/wp-admin"))},
		{"feeds, parts of files, and what has not changed", 0, times(200, func(i int) step {
			return step{target: []string{"/feed/", "/video.mp4", "/style.css"}[i%3], status: []int{304, 206, 304}[i%3]}
		})},
		{"the site editor's double slashes", 0, times(50, same(step{target: "/wp-json/wp/v2/template-parts/twentytwentythree//header?context=edit&_locale=user"}))},
		{"searches that look like attacks", 0, times(60, through(200,
			"/?s=%27+OR+1%3D1--+", "/?s=%3Cscript%3Ealert%281%29%3C%2Fscript%3E", "/?s=union+select+password+from+users",
			"/?s=..%2F..%2Fetc%2Fpasswd", "/?s=wp-config.php", "/?s=%2Fetc%2Fpasswd&paged=2", "/?s=sqlmap+.env+c99.php",
		))},
		{"a search while one types", 200 * time.Millisecond, typed("../../../etc/passwd permissions")},
		{"posts about attacks", 0, times(60, through(200,
			"/how-to-edit-wp-config-php/", "/what-is-etc-passwd/", "/sqlmap-and-nikto/", "/dot-env-files/", "/shell-php/", "/git/config/", "/env/", "/git-config/",
		))},
		{"what is written about attacks", 0, times(60, same(step{
			target: "/wp-json/wp/v2/posts/7/autosaves?_locale=user", form: "application/json",
			body: `{"content":"<script>' or 1=1; ../../etc/passwd log=admin&pwd=x"}`,
		}))},
		{"relative paths in parameters", 0, times(50, through(200, "/?next=../index.html", "/?return=%2F..%2Fshop", "/view?doc=a..b"))},
		{"source code is shown", 0, times(50, through(200,
			"/owner/repo/src/branch/main/.env.example", "/owner/repo/src/branch/main/.npmrc", "/owner/repo/-/blob/main/.git/config",
			"/owner/repo.git/info/refs?service=git-upload-pack", "/owner/repo/raw/branch/main/web.config", "/.env.example",
		))},
		{"downloads", 0, times(50, through(200, "/files/manual.zip", "/release-1.tar.gz", "/northwind.sql"))},
		{"packages that a mirror has not", 0, times(9, func(i int) step {
			return step{target: fmt.Sprintf("/debian/dists/bookworm/main/i18n/Translation-%d.tar.gz", i), status: 404}
		})},
		{"a folder mounted by WebDAV", 0, times(100, func(i int) step {
			return step{target: fmt.Sprint("/dav/", i), method: []string{"OPTIONS", "PROPFIND", "PUT", "LOCK", "DELETE", "MKCALENDAR"}[i%6], status: 207}
		})},
		{"agents whose names hold those of scanners", 0, times(60, func(i int) step {
			return step{target: "/", agent: []string{
				"python-httpx/0.27", "Mozilla/5.0 (compatible; discobot/2.0)", "Vegan Browser/1.0", "brutusapp 2", "Havijah/3 nucleic",
				"curl/8.5.0", "Go-http-client/2.0", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "",
			}[i%9]}
		})},
		{"the site calls itself", 0, times(200, same(step{target: "/wp-cron.php?doing_wp_cron=1", method: "POST", agent: "WordPress/6.1.9; http://blog.example", client: "127.0.0.1"}))},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := play(New(Config{Rules: builtinRules(t)}), row.gap, row.steps...); len(got) > 0 {
				t.Errorf("alerts: %q", got)
			}
		})
	}
}

// What a browser does with WordPress in half a minute, as it was counted: 840
// requests, 522 of them in ten seconds, by somebody who reads, searches, mistypes a
// password, logs in, writes, uploads and administers.
func TestBuiltinSparesABrowserAtItsPeak(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	static := func() step {
		dirs := []string{"/wp-includes/js/dist/", "/wp-content/themes/twentytwentythree/assets/", "/wp-admin/css/", "/wp-content/uploads/2024/05/"}
		exts := []string{".min.js?ver=6.1.9", ".css?ver=6.1.9", ".woff2", ".png", ".svg"}
		return step{target: fmt.Sprint(dirs[rng.IntN(len(dirs))], rng.IntN(500), exts[rng.IntN(len(exts))]), status: []int{200, 200, 304}[rng.IntN(3)]}
	}
	pages := []step{
		{target: "/"},
		{target: "/hello-world/"},
		{target: "/?s=%27select+*+from+users%27"},
		{target: "/not-there/", status: 404},
		{target: "/favicon.ico", status: 302},
		{target: "/wp-comments-post.php", body: "comment=x", status: 302},
		{target: "/wp-admin/", status: 302},
		{target: "/wp-login.php?redirect_to=%2Fwp-admin%2F&reauth=1", cookie: goodbye},
		{target: "/wp-login.php", body: wpLogin("admin", "Corect")},
		{target: "/wp-login.php", body: wpLogin("admin", "Correct"), status: 302, cookie: welcome},
		{target: "/wp-admin/index.php"},
		{target: "/wp-admin/post.php", body: "action=post-quickdraft-save&post_title=x"},
		{target: "/wp-admin/post-new.php"},
		{target: "/wp-json/wp/v2/users/me?_locale=user"},
		{target: "/wp-json/wp/v2/users?who=authors&per_page=50&_fields=id%2Cname&context=view&_locale=user"},
		{target: "/wp-json/wp/v2/users/1?context=view&_locale=user"},
		{target: "/wp-json/wp/v2/template-parts/twentytwentythree//header?context=edit&_locale=user"},
		{target: "/wp-json/wp/v2/posts/9/autosaves?_locale=user", form: "application/json", body: `{"content":"<script>alert(1)</script> union select"}`},
		{target: "/wp-json/batch/v1?_locale=user", form: "application/json", body: "{}", status: 207},
		upload(200),
		adminAjax("heartbeat", 200),
		adminAjax("query-attachments", 200),
		{target: "/wp-admin/edit.php?post_type=post&author=1"},
		{target: "/wp-admin/user-new.php", body: "action=createuser&user_login=x&email=y&pass1=z&pass2=z", status: 302},
		{target: "/wp-admin/options.php", body: "action=update", status: 302},
		{target: "/wp-login.php?action=logout&_wpnonce=1a", status: 302, cookie: goodbye},
	}
	d := New(Config{Rules: builtinRules(t)})
	at, seen := began, 0
	for i := range 840 {
		s := static()
		if i%8 == 0 {
			s = pages[i/8%len(pages)]
		}
		e := s.event(at)
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			t.Errorf("request %d, %s: %s", i, e.Target, a.Message)
		}
		seen++
		gap := 10 * time.Second / 522
		if i >= 522 {
			gap = 15 * time.Second / (840 - 522)
		}
		at = at.Add(gap)
	}
	if took := at.Sub(began); took > 25*time.Second || seen != 840 {
		t.Errorf("%d requests in %v", seen, took)
	}
}

func TestBuiltinScenariosSayWhatTheyCount(t *testing.T) {
	rules := builtinRules(t)
	for _, s := range rules.scenarios {
		switch {
		case !strings.HasPrefix(s.name, "tocsin/"):
			t.Errorf("%s is not named tocsin/…", s.name)
		case !strings.HasPrefix(s.description, "Counts ") && !strings.HasPrefix(s.description, "Alerts on "):
			t.Errorf("%s does not say what it counts: %q", s.name, s.description)
		case !s.remediation || s.action == 0 && s.guard == event.NoGuard:
			t.Errorf("%s does not say what to do", s.name)
		case s.blackhole == 0 || s.groupby == nil:
			t.Errorf("%s would alert of everybody, or all the time", s.name)
		}
		if !s.trigger && !strings.Contains(s.description, fmt.Sprintf("more than %d in a burst", s.capacity)) &&
			!strings.Contains(s.description, fmt.Sprintf("more than %d, ", s.capacity)) {
			t.Errorf("%s does not say from when on it alerts: %q", s.name, s.description)
		}
	}
}

// The interpreter takes too long to be asked about every request.
func TestBuiltinFiltersAreCompiled(t *testing.T) {
	rules := builtinRules(t)
	for _, r := range compile(rules, testIDs()).rules {
		if r.filter.cost >= 5000 {
			t.Errorf("%s costs %d", r.name, r.filter.cost)
		}
	}
	n := 20_000
	if testing.Short() || raceEnabled {
		n = 1000
	}
	agree(t, rules, "builtin", n)
}
