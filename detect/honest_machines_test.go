package detect

import (
	"fmt"
	"slices"
	"strings"
)

// honestMachines are what programs and devices do that ask for what is not there, or show
// what is not accepted any more. None of them is a recording.
func honestMachines() []conduct {
	var all []conduct
	add := func(name string, acts ...[]act) { all = append(all, conduct{name, slices.Concat(acts...)}) }
	const own = "Sec-Fetch-Site: same-origin|Sec-Fetch-Mode: cors|Sec-Fetch-Dest: empty|Accept: */*|Accept-Language: de"
	post := func(target string, status int) act { return act{method: "POST", target: target, status: status} }
	add("CalDAV devices of a family, one password changed", acts(240, 15, func(i int) act {
		agent := []string{"DAVx5/4.5.6-ose (dav4jvm; okhttp/5.1.0) Android/16", "iOS/18.1 (22B83) dataaccessd/1.0", "macOS/15.1 (24B83) AddressBookCore/2691", "Mozilla/5.0 Thunderbird/140.4.0"}[i%4]
		return act{agent: agent, method: "REPORT", target: fmt.Sprintf("/dav/calendars/anna/%s/", word(i%6)), header: basicOf([]string{"anna", "anna@site.example"}[i%2], "old"), status: 401, auth: "Basic realm=\"dav\""}
	}))
	add("office of 40 devices after an outage, nine with old passwords", []act{
		{method: "PROPFIND", target: "/dav/addressbooks/p0/", status: 401, auth: "Basic realm=x"}, // an iPhone asks without at first
		{method: "PROPFIND", target: "/dav/addressbooks/p0/", status: 207, header: basicOf("p0", "right")},
	}, acts(400, 0.05, func(i int) act {
		p := i % 40
		a := act{method: "PROPFIND", target: fmt.Sprintf("/dav/addressbooks/p%d/", p), header: basicOf(fmt.Sprint("p", p), "right"), status: 207}
		if p%4 == 3 && p < 36 {
			a.header, a.status, a.auth = basicOf(fmt.Sprint("p", p), "old"), 401, "Basic realm=x"
		}
		return a
	}))
	add("Nextcloud desktop syncs 5000 files", by("Mozilla/5.0 (Windows) mirall/3.17.2stable-Win64 (Nextcloud)", sending(basicOf("anna", "apptoken"), acts(1000, 0.02, func(i int) act {
		switch i % 5 {
		case 0:
			return act{method: "PROPFIND", target: fmt.Sprintf("/remote.php/dav/files/anna/%s/%s%d", word(i), word(i+3), i), status: 404}
		case 1:
			return act{method: "MKCOL", target: fmt.Sprintf("/remote.php/dav/uploads/anna/%d", i*7919), status: 201}
		case 2:
			return act{method: "PUT", target: fmt.Sprintf("/remote.php/dav/uploads/anna/%d/0001", i*7919), status: 201}
		case 3:
			return act{method: "MOVE", target: fmt.Sprintf("/remote.php/dav/uploads/anna/%d/.file", i*7919), status: []int{201, 412, 423}[i%3]}
		}
		return act{method: "GET", target: fmt.Sprintf("/remote.php/dav/files/anna/%s.odt", word(i)), status: []int{200, 404}[i%2]}
	}))))
	add("ownCloud web without php, files gone", by(chrome, sending(own+"|Authorization: Bearer "+"eyJhbGciOi.eyJzdWIi.x", acts(80, 0.1, func(i int) act {
		return act{method: "PROPFIND", target: "/dav/spaces/" + uuid(i) + "/" + word(i), status: 404}
	}))))
	add("skopeo sync: many names in a registry without a prefix", by("skopeo/1.19", acts(60, 0.1, func(i int) act {
		if i%3 == 0 {
			return act{target: "/v2/", status: 401, auth: "Bearer realm=x"}
		}
		return act{target: fmt.Sprintf("/v2/%s/manifests/%d.%d", word(i), i%9, i), status: []int{401, 404}[i%2], auth: "Bearer realm=x"}
	})))
	add("buildx cache of a registry", by("buildkit/v0.25", acts(80, 0.05, func(i int) act {
		return act{method: "HEAD", target: fmt.Sprintf("/v2/team/%s/blobs/sha256:%s", word(i), digits(i, 64)), status: 404}
	})))
	add("Swift package registry at the root", by("SwiftPackageManager/6.2", acts(30, 0.1, func(i int) act {
		return act{target: "/" + word(i) + "/" + word(i+1), status: 404}
	})))
	add("Conan remotes", by("Conan/2.21.0 (Python 3.13; Linux)", acts(40, 0.1, func(i int) act {
		return act{target: fmt.Sprintf("/v2/conans/%s/1.%d/_/_/latest", word(i), i), status: 404}
	})))
	add("Julia packages", by("curl/8.6.0 julia/1.12.1", acts(40, 0.1, func(i int) act { return act{target: "/package/" + uuid(i) + "/" + digits(i, 40), status: 404} })))
	add("flatpak repository", by("libostree/2025.6 flatpak/1.16.1", acts(60, 0.02, func(i int) act {
		return act{target: fmt.Sprintf("/repo/deltas/%s/%s-%s/superblock", digits(i, 2), digits(i, 41), digits(i+1, 43)), status: 404}
	})))
	add("guix substitutes", by("Guile", acts(80, 0.02, func(i int) act { return act{target: "/" + nixHash(i) + ".narinfo", status: 404} })))
	add("FreeBSD pkg, many repositories", by("pkg/2.3.1", gets(0.1, 404, "/meta.conf", "/meta.txz", "/packagesite.pkg", "/packagesite.tzst", "/packagesite.txz", "/data.pkg", "/data.tzst", "/filesite.pkg", "/digests.txz", "/conflicts.txz", "/Latest/pkg.pkg", "/Latest/pkg.txz.sig")))
	add("Eclipse update sites", by("Apache-HttpClient/5.4 (Java/21)", acts(48, 0.1, func(i int) act {
		return act{method: []string{"GET", "HEAD"}[i%2], target: "/" + word(i/6) + "/" + []string{"p2.index", "compositeContent.jar", "compositeContent.xml", "content.xml.xz", "content.jar", "content.xml"}[i%6], status: 404}
	})))
	add("CPAN mirror of one's own", by("App::cpanminus/1.7048", acts(30, 0.1, func(i int) act {
		return act{target: fmt.Sprintf("/authors/id/A/AB/ABC/%s-1.%d.tar.gz", word(i), i), status: 404}
	})))
	add("LuaRocks, at the root", by("LuaRocks/3.12.2 linux-x86_64", gets(0.1, 404, "/manifest-5.4.zip", "/manifest-5.4.json", "/manifest-5.4"), acts(30, 0.1, func(i int) act {
		return act{target: fmt.Sprintf("/%s-1.%d-1.%s", word(i/3), i, []string{"rockspec", "src.rock", "all.rock"}[i%3]), status: 404}
	})))
	add("Artifactory asks its remote at the root", by("Artifactory/7.117.15 81715900", acts(40, 0.1, func(i int) act {
		return act{method: "HEAD", target: "/" + word(i) + "/" + word(i+2), status: 404}
	})))
	add("vcpkg asset cache at the root", by("vcpkg/2025-10-16 (curl)", acts(40, 0.1, func(i int) act { return act{target: "/" + digits(i, 128), status: 404} })))
	add("rubygems dependency api, at the root", by("Ruby, RubyGems/3.7.2", acts(30, 0.1, func(i int) act { return act{target: "/" + word(i) + "-1.0.gem", status: 404} })))
	add("git credential prompt, wrong four times", by("git/2.51.0", acts(10, 6, func(i int) act {
		if i%2 == 0 {
			return act{target: "/team/app.git/info/refs?service=git-receive-pack", status: 401, auth: "Basic realm=\"GitLab\""}
		}
		return act{target: "/team/app.git/info/refs?service=git-receive-pack", status: 401, auth: "Basic realm=\"GitLab\"", header: basicOf("anna", fmt.Sprint("try", i))}
	})))
	add("git LFS upload, batch 401 then 403 for one team", by("git-lfs/3.7.0 (GitHub; linux amd64; go 1.25.0)", acts(60, 0.2, func(i int) act {
		return act{method: "POST", target: fmt.Sprintf("/team/%s.git/info/lfs/%s", word(i), []string{"objects/batch", "locks/verify"}[i%2]), body: `{"operation":"upload"}`, json: true, status: []int{401, 403, 404}[i%3], auth: "Basic realm=x"}
	})))
	add("links to a bucket that have ended", sending(own, by(chrome, acts(30, 0.1, func(i int) act {
		return act{target: fmt.Sprintf("/%s-%s.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261128T1&X-Amz-Expires=900&X-Amz-Signature=%s", word(i), word(i+9), digits(i, 64)), status: 403, kind: "application/xml"}
	}))))
	add("a peer with a broken signature delivers", by("Mastodon/4.5.0 (http.rb/5.3.1; +https://m.example/)", acts(120, 0.2, func(i int) act {
		return act{method: "POST", target: "/users/" + word(i) + "/inbox", body: `{"type":"Create"}`, json: true, status: 401}
	})))
	add("statistics of the Fediverse look for software", by("fedistatsCrawler/1.0", gets(0.5, 404, "/.well-known/nodeinfo", "/nodeinfo/2.0.json", "/nodeinfo/1.0", "/api/v1/instance", "/api/v2/instance", "/api/v3/site", "/api/v1/config", "/statistics.json", "/friendica/json", "/status.php", "/siteinfo.json", "/poco")))
	add("Jetpack syncs", by("Jetpack by WordPress.com", acts(200, 0.3, func(i int) act {
		a := form("/xmlrpc.php?for=jetpack&token=abc&timestamp=1&nonce="+digits(i, 10), `<?xml version="1.0"?><methodCall><methodName>jetpack.`+[]string{"syncObject", "verifyAction", "testConnection", "getUser"}[i%4]+`</methodName><params><param><value><string>`+digits(i, 12)+`</string></value></param></params></methodCall>`, 200)
		a.header = "Content-Type: text/xml"
		return a
	})))
	add("ManageWP and MainWP look after a blog", by("Mozilla/5.0 (compatible; MainWP/5.3; +https://mainwp.com)", acts(60, 2, func(i int) act {
		return form("/wp-admin/admin-ajax.php?mainwpsignature="+digits(i, 40), "function=stats&user=admin&mainwpver=1&nonce=1", []int{200, 403}[i%2])
	})))
	add("device asks for a missing path every ten seconds", by("ESP8266HTTPClient", acts(500, 10, func(i int) act { return act{target: "/update/firmware", status: 404} })))
	add("50 devices behind one address, each its own path", by("ESP32HTTPClient/1.0", acts(600, 1, func(i int) act { return act{target: fmt.Sprintf("/sensor-%s/config", digits(i%50, 6)), status: 404} })))
	add("50 devices whose names are words", by("ESP32HTTPClient/1.0", acts(600, 1, func(i int) act { return act{target: "/" + word(i%50) + "/state", status: 404} })))
	add("load balancers ask for a page that is gone", by("ELB-HealthChecker/2.0", acts(300, 5, func(i int) act { return act{target: "/health/ready", status: []int{404, 503}[i%2]} })))
	add("an assistant fetches pages for a user", by("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot", acts(20, 3, func(i int) act {
		if i%3 == 0 {
			return act{target: "/" + []string{"pricing", "about-us", "team", "docs", "faq", "contact", "support"}[i/3], status: 404}
		}
		return ok("/p/" + word(i))
	})))
	add("MCP clients find out how to log in", by("python-httpx/0.28.1", gets(0.2, 404, "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/mcp/.well-known/openid-configuration", "/.well-known/openid-configuration", "/authorize", "/sse", "/messages"), []act{post("/mcp", 404), post("/register", 404), post("/token", 404)}))
	add("short links that have ended, opened by a mail filter", by("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", acts(25, 6, func(i int) act { return act{target: "/" + shortID(i, 6), status: 404} })))
	add("paste bin, pastes that have ended", by(fox, acts(16, 5, func(i int) act { return act{target: "/" + shortID(i, 8), status: 404} })))
	add("albums of eleven letters, gone", by("Discordbot/2.0", acts(16, 2, func(i int) act { return act{target: "/" + shortID(i, 11), status: 404} })))
	add("remote desktops and management of Windows", acts(12, 2, func(i int) act {
		return act{method: []string{"RDG_OUT_DATA", "RDG_IN_DATA", "CCM_POST", "CCM_POST", "BITS_POST", "SSTP_DUPLEX_POST"}[i%6], target: []string{"/remoteDesktopGateway/", "/remoteDesktopGateway/", "/ccm_system/request", "/ccm_system_windowsauth/request", "/BITS/upload", "/sra_%7BBA195980-CD49-458b-9E23-C84EE0ADCD75%7D/"}[i%6], status: []int{401, 200}[i/6]}
	}))
	add("Lens looks at a cluster without rights", by("Lens/2025.10 kubernetes", sending("Authorization: Bearer eyJhbGciOi.eyJzdWIi.x", slices.Concat(acts(30, 0.02, func(i int) act {
		return act{target: "/apis/" + word(i) + ".k8s.io/v1", status: 200, kind: mediaJSON, size: 900 + int64(i)*91}
	}), acts(40, 0.05, func(i int) act {
		return act{target: "/api/v1/namespaces/shop/" + []string{"pods", "secrets", "configmaps", "services", "events", "endpoints", "nodes", "namespaces", "roles", "jobs", "users", "sessions", "status", "metrics", "health", "proxy", "log", "keys", "tokens", "backups"}[i%20], status: 403}
	})))))
	add("Elasticsearch clients make their indices", by("elastic-transport-python/8.17.1", acts(60, 0.05, func(i int) act {
		return act{method: []string{"HEAD", "PUT"}[i%2], target: "/" + word(i/2) + "-index", status: []int{404, 200}[i%2], kind: "application/json", size: 60}
	})))
	add("PouchDB makes its databases", by("PouchDB/9.0", acts(60, 0.05, func(i int) act {
		return act{method: []string{"GET", "PUT"}[i%2], target: "/" + word(i/2) + "db/", status: []int{404, 201}[i%2], kind: "application/json", size: 60}
	})))
	add("React Router asks for the data of pages that are gone", sending(own, by(chrome, acts(14, 0.4, func(i int) act { return act{target: "/" + word(i) + ".data", status: 404} }))))
	add("SvelteKit asks for the data of pages that are gone", sending(own, by(chrome, acts(14, 0.4, func(i int) act { return act{target: "/" + word(i) + "/__data.json", status: 404} }))))
	add("Next.js asks for the data of pages that are gone", sending(own, by(chrome, acts(20, 0.4, func(i int) act { return act{target: "/_next/data/b1/" + word(i) + ".json", status: 404} }))))
	add("push service: subscriptions that have ended", by("WebPush/1.0", acts(200, 0.1, func(i int) act { return post("/wpush/v2/"+digits(i, 80), []int{201, 410, 404}[i%3]) })))
	add("OpenTelemetry and Datadog send to a gone collector", by("OTel-OTLP-Exporter-Python/1.37", acts(200, 1, func(i int) act {
		return post([]string{"/v1/traces", "/v1/metrics", "/v1/logs", "/v0.4/traces", "/info", "/telemetry/proxy/api/v2/apmtelemetry", "/profiling/v1/input"}[i%7], 404)
	})))
	add("webhooks retried with 500, 403 and 419", by("Stripe/1.0 (+https://stripe.com/docs/webhooks)", acts(100, 30, func(i int) act {
		return form("/webhooks/"+[]string{"stripe", "paypal", "github", "mollie"}[i%4], `{"id":"evt_`+digits(i, 12)+`","type":"charge","data":{"object":{"email":"a@b","token":"tok_`+digits(i, 8)+`"}}}`, []int{500, 403, 419, 400}[i%4]).js()
	})))
	add("koreader sync", by("KOReader/2025.10", acts(60, 20, func(i int) act {
		return act{target: "/users/auth", status: 401, header: "X-Auth-User: a|X-Auth-Key: b"}
	})))
	add("Subsonic apps with an old password", by("Symfonium/13", acts(200, 1, func(i int) act {
		return act{target: fmt.Sprintf("/rest/%s.view?u=anna&t=%s&s=%s&c=x&f=json", []string{"ping", "getIndexes", "getAlbumList2", "getUser", "getPlaylists"}[i%5], digits(i, 32), digits(i, 6)), status: 200, kind: "application/json", answer: `{"subsonic-response":{"status":"failed","error":{"code":40}}}`, size: 120}
	})))
	add("network recorder with an old Digest password", by("ONVIF/2.4", acts(200, 60, func(i int) act {
		return act{target: "/ISAPI/Streaming/channels/1/picture", status: 401, header: fmt.Sprintf(`Authorization: Digest username="nvr", nonce="%s", response="%s"`, digits(i, 32), digits(i+1, 32)), auth: "Digest"}
	})))
	add("Kodi looks beside films", by("Kodi/21.2 (Linux; Android 12)", acts(120, 0.05, func(i int) act {
		return act{method: []string{"HEAD", "GET"}[i%2], target: "/" + word(i/6) + "%20(2019)/" + []string{"movie.nfo", "film.srt", "poster.jpg", "fanart.jpg", "VIDEO_TS/VIDEO_TS.IFO", "BDMV/index.bdmv"}[i%6], status: 404}
	})))
	add("WOPI: an office suite whose tokens have ended", by("COOLWSD WOPI Agent 25.4", acts(40, 1, func(i int) act {
		return act{target: fmt.Sprintf("/wopi/files/%d?access_token=%s", 100+i, digits(i, 32)), status: 401}
	})))
	add("extensions and browsers ask for what nobody links to", by(chrome, gets(0.2, 404, "/favicon.ico", "/apple-touch-icon.png", "/browserconfig.xml", "/.well-known/appspecific/com.chrome.devtools.json", "/.well-known/change-password", "/.well-known/passkey-endpoints", "/.well-known/traffic-advice", "/.well-known/dnt-policy.txt", "/.well-known/gpc.json", "/.well-known/security.txt", "/.well-known/related-website-set.json", "/ads.txt", "/opensearch.xml", "/manifest.webmanifest", "/p3p.xml", "/w3c/p3p.xml", "/fonts.css.map", "/installHook.js.map", "/sw.js", "/service-worker.js")))
	add("forum: pictures of dead hosts by the site's own proxy", sending(strings.Replace(own, "empty", "image", 1), by(chrome, acts(60, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/camo/%s/%s", digits(i, 40), digits(i+5, 60)), status: []int{404, 502}[i%2]}
	}))))
	return all
}

// shortID returns a name of n letters and digits, as sites draw them by lot.
func shortID(i, n int) string {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	h, out := digits(i*13+5, 2*n), make([]byte, n)
	for k := range out {
		out[k] = base62[(int(h[2*k])*31+int(h[2*k+1])*7+i)%62]
	}
	return string(out)
}
