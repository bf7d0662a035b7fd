package detect

import (
	"fmt"
	"slices"
	"testing"
)

// Other programs with honest requests all day are not challenged, on any site.
func TestHonestPrograms(t *testing.T) {
	missing := func(agent, format string, n int, gap float64, f func(i int) any) []act {
		return by(agent, acts(n, gap, func(i int) act { return act{target: fmt.Sprintf(format, f(i)), status: 404} }))
	}
	number := func(i int) any { return i }
	hash := func(i int) any { return digits(i, 40) }
	name := func(i int) any { return word(i) }
	for _, m := range []conduct{
		{"a podcast app whose feeds have moved", missing("AntennaPod/3.7.0", "/feed/podcast/%s", 30, 0.2, name)},
		{"Mastodon fetches people who are gone", missing("Mastodon/4.4.3 (http.rb/5.3.1; +https://m.example/)", "/users/%s", 60, 0.3, name)},
		{"Mastodon fetches posts that are gone", missing("Mastodon/4.4.3 (http.rb/5.3.1; +https://m.example/)", "/objects/%s", 60, 0.1, func(i int) any { return uuid(i) })},
		{"a registry mirror asks for blobs", missing("containerd/2.1.4", "/v2/library/app/blobs/sha256:%s", 40, 0.1, func(i int) any { return digits(i, 64) })},
		{"Nextcloud asks for previews", missing(chrome, "/index.php/core/preview?fileId=%d&x=256", 60, 0.05, number)},
		{"a client of S3 looks before it writes", by("Boto3/1.40.1 md/Botocore#1.40.1", acts(60, 0.05, func(i int) act {
			return act{method: "HEAD", target: "/bucket/" + word(i) + "/" + digits(i, 20) + ".parquet", status: 404}
		}))},
		{"CalDAV looks for calendars", by("DAVx5/4.5", acts(8, 0.3, func(i int) act {
			return act{method: "PROPFIND", target: []string{"/.well-known/caldav", "/", "/caldav/", "/dav/", "/principals/", "/calendars/", "/remote.php/dav", "/SOGo/dav"}[i], status: 404}
		}))},
		{"Matrix asks for media that are gone", missing("Synapse/1.138.0", "/_matrix/federation/v1/media/download/%s", 60, 0.1, hash)},
		{"a game launcher checks its files", missing("GameLauncher/2.1 (Windows)", "/depot/chunk/%s", 100, 0.02, hash)},
		{"map tiles of an empty sea", missing("okhttp/4.12.0", "/tiles/12/%d/77.pbf", 120, 0.02, number)},
		{"IPTV with dead channels", missing("VLC/3.0.21 LibVLC/3.0.21", "/live/anna/x/%d.ts", 60, 1, number)},
		{"Home Assistant polls what is refused", by("HomeAssistant/2026.11 aiohttp/3.12", acts(200, 30, func(int) act { return act{target: "/api/status", status: 403} }))},
		{"monitoring of health pages", by("Prometheus/3.5.0", acts(60, 15, func(i int) act { return act{target: "/" + word(i%12) + "/metrics", status: 404} }))},
		{"a phone with an old token", sending("Authorization: Bearer old", by("MyApp/5 CFNetwork/1568 Darwin/24", acts(60, 2, func(i int) act { return act{target: "/api/v2/" + word(i), status: 401} })))},
		{"a proxy of packages", missing("Nexus/3.80.0 (OSS)", "/repository/npm/%s", 60, 0.1, name)},
		{"a link checker of the site's own links", append(by("LinkChecker/10.5", acts(40, 0.2, func(i int) act { return ok("/page/" + word(i)) })), missing("LinkChecker/10.5", "/old/%s", 15, 0.2, name)...)},
		{"restored tabs", by(chrome, acts(25, 0.1, func(i int) act {
			a := ok("/docs/" + word(i))
			if i%4 == 3 {
				a = act{target: "/docs/" + word(i), status: 404}
			}
			return a
		}))},
		{"webmentions of posts that were taken back", missing("Webmention (https://blog.example)", "/2026/11/%s-and-what-came-of-it", 20, 5, name)},
	} {
		t.Run(m.name, func(t *testing.T) {
			for _, without := range []bool{false, true} {
				d := New(Config{Rules: builtinRules(t)})
				for i, e := range m.events(without) {
					for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
						t.Errorf("%s at %d", a.Scenario, i+1)
					}
				}
			}
		})
	}
}
