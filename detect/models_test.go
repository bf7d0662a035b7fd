package detect

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// A model is what somebody does, invented: no person's requests are here.
type model struct {
	name  string
	gap   time.Duration
	steps []step
}

// targets returns a step for each target, all of one status.
func targets(status int, all ...string) []step {
	return times(len(all), through(status, all...))
}

// numbered returns n steps for a format with one number.
func numbered(n, status int, format string) []step {
	return times(n, func(i int) step { return step{target: fmt.Sprintf(format, i), status: status} })
}

// worded returns a step for each word, in a format with one text.
func worded(status int, format, words string) []step {
	var steps []step
	for word := range strings.FieldsSeq(words) {
		steps = append(steps, step{target: fmt.Sprintf(format, word), status: status})
	}
	return steps
}

// changed returns the steps with each changed.
func changed(steps []step, f func(i int, s *step)) []step {
	all := slices.Clone(steps)
	for i := range all {
		f(i, &all[i])
	}
	return all
}

// words are forty that are no scanner's.
const words = "apple birch cedar dahlia elder fern ginkgo hazel iris juniper kale larch maple nettle oak pine quince rose sage thyme " +
	"umber violet willow yarrow zinnia aster basil clover daisy ebony fig grape holly ivy jasmine kiwi lilac mint nutmeg olive"

// tried returns a wrong password of each application's, numbered; done the right one.
func tried(app application, n int) []step {
	return times(n, func(i int) step { return guesses(app.post)(i).answered(app.wrong) })
}

func done(app application) step { return app.post.answered(app.right) }

func applicationNamed(name string) application {
	all := applications()
	return all[slices.IndexFunc(all, func(a application) bool { return a.name == name })]
}

func honestModels() []model {
	const second, minute = time.Second, time.Minute
	gitea, nextcloud, vaultwarden, laravel := applicationNamed("Gitea"), applicationNamed("Nextcloud"), applicationNamed("Vaultwarden"), applicationNamed("Laravel")
	by := func(method string, steps []step) []step {
		return changed(steps, func(_ int, s *step) { s.method = method })
	}
	with := func(auth string, steps []step) []step {
		return changed(steps, func(_ int, s *step) { s.auth = auth })
	}
	whose := func(a event.Attribution, steps []step) []step {
		return changed(steps, func(_ int, s *step) { s.whose = a })
	}
	return []model{
		{"somebody reads sixty pages", 10 * second, times(60, page)},
		{"somebody reads, and eight links are old", 5 * second, slices.Concat(times(20, page), worded(404, "/%s", "apple birch cedar dahlia elder fern ginkgo hazel"), times(20, page))},
		{"a gallery has lost its thumbnails", 0, numbered(200, 404, "/thumbs/%d/preview")},
		{"people without pictures", 0, worded(404, "/avatar/%s", words)},
		{"a forum links to pictures that are gone", 0, whose(event.Foreign, worded(404, "/%s/picture.jpg", words))},
		{"a page of evil", 0, whose(event.Foreign, targets(404, "/.env?1", "/.env?2", "/.git/config", "/wp-config.php~", "/c99.php", "/c99.php?2"))},
		{"a user of the forum posts pictures of evil", 0, whose(event.Embedded, targets(404, "/.env", "/.git/config", "/wp-config.php~", "/c99.php", "/shell.php"))},
		{"a form of another page logs in again and again", 0, whose(event.Foreign, tried(gitea, 9))},

		{"a registry's client asks for layers first", 0, by("HEAD", times(60, func(i int) step {
			return step{target: fmt.Sprintf("/v2/team/app/blobs/sha256:%x", sha256.Sum256([]byte{byte(i)})), status: 404}
		}))},
		{"a mirror of a distribution", 0, numbered(80, 404, "/debian/dists/stable/main/i18n/Translation-%d.xz")},
		{"an index of crates", 0, worded(404, "/index/cr/at/%s", words)},
		{"an index of gems", 0, worded(404, "/info/%s", words)},
		{"packages of Python, private ones first", 0, worded(404, "/simple/%s/", words)},
		{"packages of PHP", 0, worded(404, "/p2/vendor/%s~dev.json", words)},
		{"packages of .NET", 0, worded(404, "/v3/registration5-gz-semver2/%s/index.json", words)},
		{"modules of Go", 0, worded(404, "/%s.example/x/y/@v/list", words)},
		{"a build cache is empty", 0, times(300, func(i int) step {
			return step{target: fmt.Sprintf("/cache/ac/%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)})), status: 404}
		})},
		{"an object store is filled", 0, slices.Concat(by("HEAD", worded(404, "/bucket/%s.csv", words)), by("PUT", worded(200, "/bucket/%s.csv", words)))},
		{"folders of a disk are copied", 0, slices.Concat(by("PROPFIND", worded(404, "/%s/", words)), by("MKCOL", worded(201, "/%s/", words)))},
		{"a backup begins", 0, slices.Concat(by("HEAD", targets(404, "/repo/config", "/repo/config", "/repo/keys/x")), by("POST", targets(200, "/repo/?create=true")), times(100, func(i int) step {
			return step{target: fmt.Sprintf("/repo/data/%x", sha256.Sum256([]byte{byte(i)})), method: "POST", form: "application/octet-stream"}
		}))},
		{"git asks without a password, and then with", 100 * time.Millisecond, times(60, func(i int) step {
			if i%2 == 0 {
				return step{target: "/team/app.git/info/refs?service=git-upload-pack", status: 401}
			}
			return step{target: "/team/app.git/info/refs?service=git-upload-pack", auth: "marie:token"}
		})},

		{"maps without tiles at sea", 0, numbered(400, 404, "/tiles/12/2100/%d.pbf")},
		{"a film's last pieces", 0, numbered(60, 404, "/live/stream/segment-%d.m4s")},
		{"texts in a language that is missing", 0, worded(404, "/locales/de-AT/%s.json", words)},
		{"pieces of a page that was built anew", 0, times(40, func(i int) step { return step{target: fmt.Sprintf("/assets/chunk-%08x.js", i*7919), status: 404} })},
		{"red links of a wiki", second, worded(404, "/wiki/%s", words)},
		{"feeds, some of them gone", 30 * second, slices.Concat(numbered(20, 200, "/blog%d/feed.xml"), targets(410, "/a/feed", "/b/feed", "/c/feed", "/d/feed"))},
		{"a monitor of twelve things, of which some are not there", 0, slices.Concat(times(50, func(i int) step {
			return step{target: []string{"/healthz", "/readyz", "/livez", "/metrics", "/api/status"}[i%5], status: []int{404, 404, 200, 404, 503}[i%5]}
		}))},
		{"a checker of links", 100 * time.Millisecond, times(240, func(i int) step {
			if i%20 == 19 {
				return step{target: "/gone-" + letters(i), status: 404}
			}
			return page(i)
		})},
		{"a crawler", 200 * time.Millisecond, times(600, func(i int) step {
			if i%15 == 14 {
				return step{target: "/old-" + letters(i), status: 404, agent: "Examplebot/1.0 (+https://bot.example/)"}
			}
			s := page(i)
			s.agent = "Examplebot/1.0 (+https://bot.example/)"
			return s
		})},
		{"a server of a network of servers", 0, slices.Concat(numbered(40, 410, "/users/user%d"), numbered(30, 404, "/.well-known/webfinger?resource=acct:%d"),
			times(60, same(step{target: "/inbox", form: "application/activity+json", body: `{"type":"Create"}`, status: 202})))},
		{"a program's pages at fixed addresses, all one file", 300 * time.Millisecond, slices.Concat(times(30, func(i int) step {
			return step{target: "/api/v1/" + letters(i), media: mediaJSON, size: int64(200 + i)}
		}), changed(worded(200, "/%s", "energy history logbook map settings todo calendar media profile rooms lights climate"), func(_ int, s *step) { s.size = 6100 }))},
		{"tabs of a site that wants a login again", 0, changed(worded(302, "/team/%s", words), func(_ int, s *step) { s.location = "/login?next=x" })},

		{"a password is mistyped four times", 9 * second, append(tried(gitea, 4), done(gitea))},
		{"a password is forgotten", 40 * second, append(tried(nextcloud, 7), step{target: "/lostpassword/email", body: "user=marie"})},
		{"a password manager with an old one", 5 * second, times(100, same(tried(nextcloud, 1)[0]))},
		{"an office logs in, and some mistype", 6 * second, times(40, func(i int) step {
			s := laravel.post
			s.body = strings.Replace(strings.Replace(s.body, "a%40", letters(i/2)+"%40", 1), "GUESS", fmt.Sprint("x", i), 1)
			if i%2 == 0 && i%6 == 0 {
				return s.answered(laravel.wrong)
			}
			return s.answered(laravel.right)
		})},
		{"twelve people with a second factor", 8 * second, times(24, func(i int) step {
			s := vaultwarden.post
			s.body = strings.Replace(strings.Replace(s.body, "a%40", letters(i/2)+"%40", 1), "GUESS", fmt.Sprint("x", i/2), 1)
			if i%2 == 0 {
				return s.answered(vaultwarden.wrong)
			}
			s.body += "&twoFactorToken=123456&twoFactorProvider=0"
			return s.answered(vaultwarden.right)
		})},
		{"codes from a phone whose clock is wrong", 20 * second, times(8, func(i int) step {
			return step{target: "/2fa", body: fmt.Sprintf("otp=%06d", 100000+i*7), status: 401}
		})},
		{"registrations that are refused", 3 * second, times(12, func(i int) step {
			return step{target: "/register", body: fmt.Sprintf("name=bob&email=b%%40b.example&password=x%d&password_confirmation=x%d", i, i), status: 422}
		})},
		{"a password is changed, with mistakes", 3 * second, times(9, func(i int) step {
			return step{target: "/profile/password", body: fmt.Sprintf("current_password=x%d&password=y%d&password_confirmation=y", i, i), status: 302, location: "/profile/password"}
		})},
		{"a metrics agent with an old password", second, times(300, same(step{target: "/api/v1/write", method: "POST", form: "application/x-protobuf", auth: "agent:old", status: 401}))},
		{"a phone with an old password", second, times(100, same(step{target: "/Microsoft-Server-ActiveSync?Cmd=Ping", method: "POST", auth: "marie:old", status: 401}))},
		{"a token that has expired", 0, with("Bearer abcdef", numbered(100, 401, "/api/items/%d"))},
		{"tokens of a hundred pages, all signed", 0, times(100, func(i int) step {
			return step{target: "/api/me", auth: fmt.Sprintf("Bearer eyJhbGciOiJIUzI1NiJ9.eyJuIjo%d.x", i), status: 401}
		})},
		{"runners with tokens of their jobs", second, times(25, func(i int) step {
			return step{target: "/team/lib.git/info/refs", auth: fmt.Sprintf("gitlab-ci-token:job%d", i), status: 401}
		})},
		{"Digest with numbers that grow old", second, times(60, func(i int) step {
			s := step{target: "/dav/", auth: fmt.Sprintf(`Digest username="bob", nonce="%d", response="%032x"`, i/2, i)}
			return s
		})},
		{"an application of GraphQL", 0, times(200, func(i int) step {
			return step{target: "/graphql", form: mediaJSON, body: fmt.Sprintf(`{"query":"{item(id:\"%d\"){name}}"}`, i), media: mediaJSON, answer: `{"data":{}}`}
		})},
		{"accounts are made by a program of the owner", second, times(40, func(i int) step {
			return step{target: "/api/users", form: mediaJSON, auth: "Bearer admin-token", body: fmt.Sprintf(`{"username":"%s","password":"start%d"}`, letters(i), i), status: 201, media: mediaJSON, answer: `{"id":1}`}
		})},
		{"a developer tries addresses", 10 * second, targets(404, "/docs", "/api", "/api/docs", "/swagger.json", "/openapi.json", "/redoc")},
		{"a manual about files of systems", second, targets(200, "/docs/etc/passwd", "/docs/etc/shadow", "/docs/proc/self", "/docs/win.ini", "/docs/.env.example", "/docs/id_rsa.pub")},
	}
}

func attackModels() []struct {
	model
	most int // requests until the first alert
} {
	const second, minute = time.Second, time.Minute
	type row = struct {
		model
		most int
	}
	attack := func(name string, most int, gap time.Duration, next func(i int) step) row {
		return row{model{name, gap, times(200, next)}, most}
	}
	from := func(next func(i int) step, client func(i int) string) func(int) step {
		return func(i int) step { s := next(i); s.client = client(i); return s }
	}
	anew := func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/200, 1+i%200) }
	dictionary := strings.Fields(words)
	word := func(i int) string {
		return fmt.Sprint(dictionary[i%len(dictionary)], strings.Repeat("s", i/len(dictionary)))
	}
	guessing := func(name string) func(int) step {
		app := applicationNamed(name)
		return func(i int) step { return guesses(app.post)(i).answered(app.wrong) }
	}
	leaked := func(i int) step {
		return step{target: "/login", body: fmt.Sprintf("user=%s&password=leaked%d", letters(i), i), status: 401}
	}
	oneName := func(i int) step {
		return step{target: "/login", body: fmt.Sprint("user=admin&password=x", i), status: 401}
	}
	with := func(next func(i int) step, f func(i int, s *step)) func(int) step {
		return func(i int) step { s := next(i); f(i, &s); return s }
	}
	return []row{
		attack("a dictionary, answered by 404", 10, 0, func(i int) step { return step{target: "/" + word(i), status: 404} }),
		attack("a dictionary, answered by 403", 10, 0, func(i int) step { return step{target: "/" + word(i), status: 403} }),
		attack("a dictionary, answered by the start page", 13, 0, func(i int) step { return step{target: "/" + word(i), size: 7000} }),
		attack("a dictionary, redirected to the start page", 13, 0, func(i int) step { return step{target: "/" + word(i), status: 302, location: "/"} }),
		attack("a dictionary, redirected to the login", 13, 0, func(i int) step {
			return step{target: "/" + word(i), status: 302, location: "/login?next=/" + word(i)}
		}),
		attack("a dictionary, with a page that is there between", 38, 0, func(i int) step {
			if i%2 == 0 {
				return page(i / 2)
			}
			return step{target: "/" + word(i/2), status: 404}
		}),
		attack("a dictionary, a word every five minutes", 44, 5*minute, func(i int) step { return step{target: "/" + word(i), status: 404} }),
		attack("a dictionary of scripts", 10, 0, func(i int) step { return step{target: "/" + word(i) + ".php", status: 404} }),
		attack("scripts that look like pictures", 10, 0, func(i int) step { return step{target: "/" + word(i) + ".php/x.png", status: 404} }),
		attack("a dictionary, by HEAD", 10, 0, func(i int) step { return step{target: "/" + word(i), method: "HEAD", status: 404} }),
		attack("a dictionary, with junk for credentials", 10, 0, func(i int) step { return step{target: "/" + word(i), auth: fmt.Sprint("a:", i), status: 404} }),
		attack("known software", 6, 0, through(404, "/phpmyadmin/", "/jenkins", "/solr/", "/manager/html", "/adminer.php", "/cgi-bin/luci")),
		attack("an API's words", 10, 0, through(404, "/v1/users", "/v1/admin", "/v1/config", "/v1/debug", "/v1/env", "/v1/keys", "/v1/tokens", "/v1/auth", "/v1/internal", "/v1/logs")),
		attack("orders of others", 46, 0, func(i int) step { return step{target: fmt.Sprint("/orders/", 5000+i), status: 403} }),
		attack("archives", 4, 0, through(404, "/site.zip", "/backup.tar.gz", "/dump.sql", "/www.rar", "/old.7z")),
		attack("secrets", 3, 0, through(404, "/.env", "/.aws/credentials", "/.git/HEAD")),
		attack("secrets, on a site that answers all", 3, 0, through(200, "/.env", "/.env.production", "/.git/HEAD")),
		attack("shells", 2, 0, through(404, "/wso.php", "/wp-content/uploads/a.php")),
		attack("ways up", 4, 0, func(i int) step { return step{target: "/" + strings.Repeat("..%2f", i+2) + "etc/passwd", status: 400} }),
		attack("a tool that says its name", 1, 0, same(step{target: "/", agent: "Mozilla/5.0 (compatible; Nikto/2.5.0)"})),
		attack("plugins of WordPress", 5, 0, func(i int) step {
			return step{target: "/wp-content/plugins/" + word(i) + "/readme.txt", status: 404}
		}),
		attack("names of WordPress", 16, 0, func(i int) step {
			return step{target: fmt.Sprint("/?author=", i+1), status: 301, location: "/author/x"}
		}),

		attack("passwords for Nextcloud", 6, 0, guessing("Nextcloud")),
		attack("passwords for Gitea", 6, 0, guessing("Gitea")),
		attack("passwords for Laravel", 6, 0, guessing("Laravel")),
		attack("passwords for Magento", 6, 0, guessing("Magento")),
		attack("passwords for Uptime Kuma, which does not tell", 8, 0, guessing("Uptime Kuma")),
		attack("passwords for Home Assistant", 6, 0, guessing("Home Assistant")),
		attack("passwords for Jellyfin", 6, 0, guessing("Jellyfin")),
		attack("passwords, one in two minutes", 17, 2*minute, oneName),
		attack("passwords behind a token that means nothing", 6, 0, with(oneName, func(_ int, s *step) { s.auth = "Bearer junk" })),
		attack("passwords by a client that has credentials", 6, 0, with(oneName, func(_ int, s *step) { s.auth = "client:secret" })),
		attack("passwords beside a field for a new one", 6, 0, with(oneName, func(_ int, s *step) { s.body += "&new_password=x" })),
		attack("names, with one password", 6, 0, func(i int) step {
			return step{target: "/login", body: "user=" + letters(i) + "&password=x", status: 401}
		}),
		attack("names, with one password, one in 30 seconds", 14, 30*second, func(i int) step {
			return step{target: "/login", body: "user=" + letters(i) + "&password=x", status: 401}
		}),
		attack("passwords by Basic", 6, 0, func(i int) step { return step{target: "/", auth: fmt.Sprint("admin:", i), status: 401} }),
		attack("passwords by Digest", 16, 0, func(i int) step {
			return step{target: "/", auth: fmt.Sprintf(`Digest username="admin", response="%032x"`, i), status: 401}
		}),
		attack("tokens", 51, 0, func(i int) step { return step{target: "/api", auth: fmt.Sprint("Bearer ", letters(i)), status: 401} }),
		attack("codes", 16, 0, func(i int) step { return step{target: "/2fa", body: fmt.Sprintf("otp=%06d", i), status: 401} }),
		attack("a document of GraphQL", 1, 0, same(step{target: "/graphql", form: mediaJSON, body: graphQL(60)})),
		attack("a bundle of XML-RPC", 1, 0, same(step{target: "/xmlrpc.php", form: "text/xml", body: xmlBundle(20)})),
		attack("calls of XML-RPC", 6, 0, guessing("XML-RPC of WordPress")),
		attack("leaked passwords, a new address each", 16, 0, from(leaked, anew)),
		attack("leaked passwords, a new address every 20 seconds", 23, 20*second, from(leaked, anew)),
		attack("one name, a new address every two minutes", 17, 2*minute, from(oneName, anew)),
		attack("a dictionary, from a new /64 each", 26, 0, from(func(i int) step { return step{target: "/" + word(i), status: 404} },
			func(i int) string { return fmt.Sprintf("2001:db8:7:%x::1", i) })),
	}
}

// severity returns what an alert leads to by itself: nothing where all of it was sent
// by other pages, and a captcha at the most where there is a guard.
func severity(a event.Alert) lookup.Action {
	switch {
	case !a.Remediation || a.Reflected:
		return lookup.None
	case a.Guard != event.NoGuard:
		return lookup.Captcha
	case a.Action == lookup.None:
		return lookup.Ban
	}
	return a.Action
}

// played shows a model to a detector, and returns the alerts, each with the number of
// the request.
func (m model) played(d *Detector) (alerts []event.Alert, at []int) {
	now := began
	for i, s := range m.steps {
		e := s.event(now)
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			alerts, at = append(alerts, a), append(at, i+1)
		}
		now = now.Add(m.gap)
	}
	return alerts, at
}

// No honest client is banned, and hardly any is challenged.
func TestHonestModels(t *testing.T) {
	skipUnderRace(t)
	rules, challenged, all := builtinRules(t), []string(nil), honestModels()
	for _, m := range all {
		alerts, at := m.played(New(Config{Rules: rules}))
		for i, a := range alerts {
			switch severity(a) {
			case lookup.None:
			case lookup.Captcha:
				challenged = append(challenged, fmt.Sprintf("%s: %s at request %d", m.name, a.Scenario, at[i]))
			default:
				t.Errorf("%s: %s bans at request %d", m.name, a.Scenario, at[i])
			}
		}
	}
	if len(challenged) > 1 || len(all) < 40 {
		t.Errorf("of %d models these are challenged, want at most one:\n%s", len(all), strings.Join(challenged, "\n"))
	}
}

// Every attack is seen within so many requests.
func TestAttackModels(t *testing.T) {
	skipUnderRace(t)
	rules, all := builtinRules(t), attackModels()
	for _, m := range all {
		alerts, at := m.played(New(Config{Rules: rules}))
		switch {
		case len(alerts) == 0:
			t.Errorf("%s: nobody sees it, want an alert at request %d", m.name, m.most)
		case at[0] != m.most:
			t.Errorf("%s: %s at request %d, want it at %d", m.name, alerts[0].Scenario, at[0], m.most)
		case severity(alerts[0]) == lookup.None:
			t.Errorf("%s: %s leads to nothing", m.name, alerts[0].Scenario)
		}
	}
	if len(all) < 25 {
		t.Errorf("%d attacks, want 25 at least", len(all))
	}
}
