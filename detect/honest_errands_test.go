package detect

import (
	"fmt"
	"slices"
)

// honestErrands are more of what people, their programs and their devices do to ordinary
// sites. None of them is a recording.
func honestErrands() []conduct {
	return slices.Concat(errandsOfReaders(), errandsOfSync(), errandsOfThings(), errandsOfLogins(), errandsOfWork())
}

func adder(all *[]conduct) func(string, ...[]act) {
	return func(name string, acts ...[]act) { *all = append(*all, conduct{name, slices.Concat(acts...)}) }
}

func errandsOfReaders() []conduct {
	var all []conduct
	add := adder(&all)
	add("a reader of feeds looks for one of a site without", by("FeedMe/4.2", []act{ok("/")}, gets(0.3, 404,
		"/feed", "/rss", "/rss.xml", "/atom.xml", "/index.xml", "/feed.xml", "/feeds/posts/default", "/feed.json", "/index.rdf")))
	add("a newspaper: a reader opens thirty articles for subscribers, 402", by(fox, []act{ok("/")}, wordsAs(30, 2, 402, "/%s")))
	add("a newspaper: a reader opens articles of a section for subscribers, 403", by(fox, []act{ok("/")}, wordsAs(30, 2, 403, "/politics/%s")))
	add("films that may not be shown in a country, 451", by(chrome, []act{ok("/")}, wordsAs(30, 2, 451, "/%s")))
	add("links of an old newsletter, each with what its page embeds", by(fox, acts(36, 1, func(i int) act {
		if i%4 > 0 {
			return ok(fmt.Sprintf("/static/error-%d.css", i%4))
		}
		return act{target: "/" + word(i/4), status: 404, kind: "text/html", size: 3100}
	})))
	add("an app after a deploy: pieces at the root", by(chrome, []act{ok("/")}, acts(24, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/%d.%s.js", 100+i*7, digits(i, 16)), status: 404}
	})))
	add("an app after a deploy: named pieces with a hash, at the root", by(chrome, []act{ok("/")}, acts(24, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/%s.%s.js", word(i), digits(i, 16)), status: 404}
	})))
	add("an app after a deploy: the start page in place of pieces", by(chrome, []act{ok("/")}, acts(24, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/assets/%s-%s.js", word(i), digits(i, 8)), status: 200, kind: "text/html", size: 5120}
	})))
	add("tools of a developer: maps of sources in many folders", by(chrome, []act{ok("/")}, acts(40, 0.1, func(i int) act {
		return act{target: fmt.Sprintf("/%s/js/%s.min.js.map", word(i/4), word(i)), status: 404}
	})))
	add("tools of SEO in a browser", by(chrome, []act{ok("/")}, gets(0.2, 404, "/robots.txt", "/sitemap.xml", "/sitemap_index.xml", "/ads.txt", "/llms.txt",
		"/humans.txt", "/.well-known/security.txt", "/manifest.json", "/favicon.ico", "/sitemap.xml.gz", "/wp-sitemap.xml")))
	add("an audit by the owner: a sitemap of which one in six is gone", by("Screaming Frog SEO Spider/21.4", acts(300, 0.2, func(i int) act {
		if i%6 == 5 {
			return act{target: "/catalog/" + word(i), status: 404}
		}
		return ok("/catalog/" + word(i))
	})))
	add("a checker of links: HEAD, and GET of what is gone", by("LinkChecker/10.5", acts(220, 0.1, func(i int) act {
		switch i % 22 {
		case 20:
			return act{target: fmt.Sprintf("/guide/%s/%s", word(i/22), word(i)), method: "HEAD", status: 404}
		case 21:
			return act{target: fmt.Sprintf("/guide/%s/%s", word(i/22), word(i-1)), status: 404}
		}
		a := ok(fmt.Sprintf("/guide/%s/%s", word(i/22), word(i)))
		a.method = "HEAD"
		return a
	})))
	add("monitors with HEAD, which applications do not know", by("Better Stack Better Uptime Bot", wordsAs(30, 2, 405, "/%s")))
	add("a price comparison reads products by number, one in five gone", by("PriceSpider/3.1", acts(400, 0.5, func(i int) act {
		if i%5 == 4 {
			return act{target: fmt.Sprint("/product/", 10000+i*3), status: 404}
		}
		return ok(fmt.Sprint("/product/", 10000+i*3))
	})))
	add("an archive of photographs: private albums by number, 403", by(fox, acts(40, 2, func(i int) act {
		return act{target: fmt.Sprint("/index.php?/category/", 20+i), status: 403}
	})))
	add("a blog in a language that has few pages", by(fox, acts(40, 3, func(i int) act {
		if i%2 == 0 {
			return ok("/" + word(i))
		}
		return act{target: "/fr/" + word(i-1), status: 404}
	})))
	add("a page is saved, whose styles name fonts that are gone", by(fox, []act{ok("/")}, acts(30, 0.05, func(i int) act {
		return act{target: fmt.Sprintf("/fonts/%s/%s.woff2", word(i/3), word(i)), status: 404}
	})))
	return all
}

func errandsOfSync() []conduct {
	var all []conduct
	add := adder(&all)
	add("notes are synchronized to WebDAV, many deleted", sending(basicOf("anna", "right"), by("Joplin/1.0", gets(0.2, 404, "/notes/info.json", "/notes/.sync/version.txt", "/notes/locks"),
		acts(80, 0.1, func(i int) act { return act{target: "/notes/" + digits(i, 32) + ".md", status: 404} }))))
	add("literature is synchronized to WebDAV", sending(basicOf("anna", "right"), by("Zotero/7.0", acts(80, 0.1, func(i int) act {
		return act{target: fmt.Sprintf("/zotero/%s.prop", digits(i, 8)), status: 404}
	}))))
	add("folders of notes by a plugin, at the root", sending(basicOf("anna", "right"), by("obsidian/1.8.9", acts(40, 0.1, func(i int) act {
		if i%2 == 0 {
			return act{target: "/" + word(i/2) + "/", method: "PROPFIND", status: 404}
		}
		return act{target: "/" + word(i/2) + "/", method: "MKCOL", status: 201}
	}))))
	add("a database of passwords is written by WebDAV", sending(basicOf("anna", "right"), by("KeePass/2.57", acts(40, 20, func(i int) act {
		return []act{
			{target: "/safe/db.kdbx.tmp", method: "HEAD", status: 404},
			{target: "/safe/db.kdbx.tmp", method: "PUT", status: 201},
			{target: "/safe/db.kdbx", method: "DELETE", status: 204},
			{target: "/safe/db.kdbx.tmp", method: "MOVE", status: 201},
		}[i%4]
	}))))
	add("an office program opens a document by its link", by("Microsoft Office Word 2021", acts(1, 0, func(int) act {
		return act{target: "/docs/", method: "OPTIONS", status: 200}
	}), gets(0.2, 404, "/_vti_inf.html"), []act{
		{target: "/_vti_bin/shtml.exe/_vti_rpc", method: "POST", body: "method=server+version", status: 404},
		{target: "/docs/plan.docx", method: "HEAD", status: 200},
		{target: "/docs/", method: "PROPFIND", status: 405},
		{target: "/docs/desktop.ini", method: "PROPFIND", status: 405},
	}))
	add("books of a reader: a shop's paths that the server has not", by("Mozilla/5.0 (Linux; U; Android 2.0; en-us;) AppleWebKit/538.1 Kobo Touch 0376", gets(0.5, 404,
		"/kobo/"+digits(1, 32)+"/v1/analytics/gettests", "/kobo/"+digits(1, 32)+"/v1/user/loyalty/benefits", "/kobo/"+digits(1, 32)+"/v1/user/wishlist",
		"/kobo/"+digits(1, 32)+"/v1/deals", "/kobo/"+digits(1, 32)+"/v1/affiliate", "/kobo/"+digits(1, 32)+"/v1/user/recommendations", "/kobo/"+digits(1, 32)+"/v1/products/featured",
		"/kobo/"+digits(1, 32)+"/v1/user/profile", "/kobo/"+digits(1, 32)+"/v1/assets", "/kobo/"+digits(1, 32)+"/v1/library/tags", "/kobo/"+digits(1, 32)+"/v1/products/dailydeal", "/kobo/"+digits(1, 32)+"/v1/configuration")))
	add("catalogs of books: covers of many authors are gone", by("KOReader/2025.04", acts(60, 0.3, func(i int) act {
		return act{target: fmt.Sprintf("/opds/%s/%s/cover.jpg", word(i/3), word(i)), status: 404}
	})))
	add("Nextcloud waits for its user to log in", by("Nextcloud-android/3.33", acts(120, 5, func(i int) act {
		return act{target: "/index.php/login/v2/poll", body: "token=" + digits(7, 40), status: 404}
	})))
	add("Nextcloud asks for applications that are off", sending(basicOf("anna", "right"), by("Mozilla/5.0 (Android) Nextcloud-Talk v21", acts(24, 1, func(i int) act {
		return act{target: "/ocs/v2.php/apps/" + word(i) + "/api/v1/status", status: 404}
	}))))
	add("Jellyfin: pictures of a film's scenes and logos are gone", sending("X-Emby-Token: "+digits(3, 32), by("Jellyfin Media Player 1.12", acts(90, 0.05, func(i int) act {
		return act{target: fmt.Sprintf([]string{"/Videos/%s/Trickplay/320/%d.jpg", "/Items/%s/Images/Logo?tag=%d", "/Videos/%s/Subtitles/%d/Stream.vtt"}[i%3], digits(i/9, 32), i), status: 404}
	}))))
	add("an assistant's app after it was installed anew", by("Home Assistant/2025.11 (Android 15)", acts(200, 2, func(i int) act {
		return act{target: "/api/webhook/" + digits(5, 64), body: `{"type":"update_location"}`, json: true, status: []int{404, 410}[i%2]}
	})))
	add("an assistant's app renews a token that was revoked", by("Home Assistant/2025.11 (Android 15)", acts(50, 2, func(i int) act {
		return form("/auth/token", "grant_type=refresh_token&refresh_token="+digits(9, 64)+"&client_id=https%3A%2F%2Fhome-assistant.io%2Fandroid", 400)
	})))
	add("git with a token that has ended, in ten repositories", by("git/2.51.0", acts(60, 0.3, func(i int) act {
		a := act{target: fmt.Sprintf("/team/%s.git/info/refs?service=git-upload-pack", word(i/6)), status: 401, auth: `Basic realm="Git"`}
		if i%2 == 1 {
			a.header = basicOf("anna", "ghp_old")
		}
		return a
	})))
	add("images are looked at for newer ones", by("Watchtower", acts(40, 0.2, func(i int) act {
		return act{target: "/v2/" + word(i) + "/manifests/latest", method: "HEAD", status: []int{404, 401}[i%2], auth: "Bearer realm=x"}
	})))
	add("keys of mail addresses are looked up", by("Thunderbird/140.0", acts(40, 1, func(i int) act {
		return act{target: "/.well-known/openpgpkey/hu/" + nixHash(i) + "?l=" + word(i), status: 404}
	})))
	add("uploads by signed addresses that have ended", by(chrome, acts(40, 0.2, func(i int) act {
		return act{target: fmt.Sprintf("/uploads/%s/%s.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=300&X-Amz-Signature=%s", word(i), uuid(i), digits(i, 64)), method: "PUT", status: 403}
	})))
	return all
}

func errandsOfThings() []conduct {
	var all []conduct
	add := adder(&all)
	add("phones and laptops of a hotel find out whether there is a way to the Internet", acts(60, 1, func(i int) act {
		return act{target: []string{
			"/generate_204", "/hotspot-detect.html", "/connecttest.txt", "/ncsi.txt", "/success.txt", "/canonical.html", "/library/test/success.html",
			"/nm-check.txt", "/kindle-wifi/wifistub.html", "/gen_204", "/mobile/status.php", "/check_network_status.txt",
		}[i%12], status: 404, agent: []string{chrome, iphone, fox}[i%3]}
	}))
	add("chargers of cars behind one address", by("OCPP/1.6", acts(60, 1, func(i int) act {
		return act{target: fmt.Sprintf("/ocpp/CP%04d", i%30), status: 404, header: "Upgrade: websocket|Sec-Websocket-Protocol: ocpp1.6"}
	})))
	add("chargers of cars with names, at the root", by("OCPP/2.0.1", acts(60, 30, func(i int) act {
		return act{target: "/" + word(i%9), status: 404, header: "Upgrade: websocket|Sec-Websocket-Protocol: ocpp2.0.1"}
	})))
	add("printers look for queues", by("CUPS/2.4.10 (Linux 6.12; x86_64) IPP/2.0", acts(30, 1, func(i int) act {
		return act{target: "/printers/" + word(i), method: "POST", body: "\x02\x00", status: 404}
	})))
	add("a hundred sensors, each with a token of its own that has ended", acts(200, 0.5, func(i int) act {
		return act{target: fmt.Sprintf("/api/v1/%s/telemetry", digits(i%100, 20)), body: `{"t":21}`, json: true, status: 401, agent: "ESP32HTTPClient"}
	}))
	add("relays look for newer firmware", by("ESP8266HTTPClient", acts(24, 1, func(i int) act {
		return act{target: fmt.Sprintf("/tasmota-%s.bin.gz", word(i)), status: 404}
	})))
	add("a player of channels whose subscription has ended", by("VLC/3.0.21 LibVLC/3.0.21", acts(1, 0, func(int) act {
		return act{target: "/player_api.php?username=anna&password=tv", status: 200, kind: mediaJSON, answer: `{"user_info":{"auth":1,"status":"Expired"}}`}
	}), acts(40, 2, func(i int) act { return act{target: fmt.Sprintf("/live/anna/tv/%d.ts", 100+i), status: 403} })))
	add("a launcher of a game: skins of players and settings of mods", by("Minecraft Launcher/3.10", acts(40, 0.1, func(i int) act {
		return act{target: fmt.Sprintf([]string{"/skins/%s.png", "/mods/%s/manifest.json"}[i%2], word(i)), status: 404}
	})))
	add("a television app: posters of channels, at the root", by("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36", []act{ok("/")}, acts(30, 0.1, func(i int) act {
		return act{target: "/" + word(i) + ".png", status: 404}
	})))
	add("an app in the background reports and asks what is not there", by(iphone, acts(300, 10, func(i int) act {
		return act{target: []string{"/api/track", "/api/notifications", "/api/badge", "/api/flags", "/api/push/renew", "/api/presence"}[i%6], status: []int{503, 404}[i%2]}
	})))
	add("a game asks for events and offers of many kinds", by("UnityPlayer/6000.1 (UnityWebRequest/1.0)", acts(40, 0.5, func(i int) act {
		return act{target: "/v1/liveops/" + word(i), status: 404}
	})))
	return all
}

func errandsOfLogins() []conduct {
	var all []conduct
	add := adder(&all)
	add("a family mistypes at three applications, and gets in", acts(18, 20, func(i int) act {
		who, place := i/3, []string{"/login", "/user/login", "/accounts/login/"}[i/6]
		if i%3 < 2 {
			return form(place, fmt.Sprintf("user=m%d&password=x%d", who, i), 401)
		}
		return form(place, fmt.Sprintf("user=m%d&password=right%d", who, who), 302).to("/home").session()
	}))
	add("an old password in five browsers and apps after it was changed", mixed(acts(25, 5, func(i int) act {
		return act{target: "/remote.php/dav/files/anna/", method: "PROPFIND", status: 401, header: basicOf("anna", "old"), auth: "Basic", agent: "mirall/3.17"}
	}), acts(25, 5, func(i int) act {
		return form("/index.php/login", "user=anna&password=old", 303).to("/index.php/login?user=anna")
	})))
	add("a locked account: two passwords in turns, nine times", acts(9, 15, func(i int) act {
		return form("/realms/x/login-actions/authenticate?session_code="+digits(i, 8), fmt.Sprintf("username=anna&password=p%d&credentialId=", i%2), 200)
	}))
	add("six tries in five minutes, a reset, and in", acts(6, 50, func(i int) act { return form("/login", fmt.Sprint("email=o%40x&password=Garten", i), 422) }),
		[]act{
			form("/password/email", "email=o%40x", 302).to("/password/reset"), form("/password/reset", "token="+digits(1, 40)+"&email=o%40x&password=n&password_confirmation=n", 302).to("/login"),
			form("/login", "email=o%40x&password=n", 302).to("/home").session(),
		})
	add("a class logs in by names and PINs, every sixth wrong", acts(36, 4, func(i int) act {
		if i%6 == 5 {
			return form("/class/login", fmt.Sprintf("name=pupil%d&pin=%04d", i, i*37), 401)
		}
		return form("/class/login", fmt.Sprintf("name=pupil%d&pin=%04d", i, i*31), 302).to("/class").session()
	}))
	add("tests of a login: wrong, empty, locked and right ones, in a row", acts(12, 2, func(i int) act {
		if i%3 == 2 {
			return form("/login", "email=e2e%40x&password=right", 302).to("/app").session()
		}
		return form("/login", fmt.Sprintf("email=e2e%%40x&password=%s", []string{"wrong", "", "", "WRONG"}[i%4]), 422)
	}))
	add("GraphQL: a login with two mistakes, then work", acts(40, 3, func(i int) act {
		if i > 2 {
			return act{target: "/graphql", json: true, body: fmt.Sprintf(`{"query":"{item(id:%d){id}}"}`, i), status: 200, kind: mediaJSON, answer: `{"data":{}}`}
		}
		answer := `{"errors":[{"message":"Invalid credentials"}],"data":{"login":null}}`
		if i == 2 {
			answer = `{"data":{"login":{"token":"x"}}}`
		}
		return act{target: "/graphql", json: true, body: fmt.Sprintf(`{"query":"mutation($u:String!,$p:String!){login(user:$u,password:$p){token}}","variables":{"u":"anna","p":"p%d"}}`, i), status: 200, kind: mediaJSON, answer: answer}
	}))
	add("GraphQL: queries that the server does not know by their hash yet", by("apollo-ios/1.15", acts(80, 0.1, func(i int) act {
		return act{
			target: "/graphql", json: true, body: fmt.Sprintf(`{"operationName":"Q%d","extensions":{"persistedQuery":{"version":1,"sha256Hash":"%s"}}}`, i, digits(i, 64)), status: []int{200, 400}[i%2], kind: mediaJSON,
			answer: `{"errors":[{"message":"PersistedQueryNotFound"}]}`,
		}
	})))
	add("GraphQL with a token that has ended", by("apollo-ios/1.15", acts(120, 0.1, func(i int) act {
		return act{target: "/graphql", json: true, header: "Authorization: Bearer " + digits(1, 40), body: fmt.Sprintf(`{"query":"{item(id:%d){id}}"}`, i), status: 401}
	})))
	add("a mobile bank: codes that came late", acts(4, 40, func(i int) act { return form("/tan", fmt.Sprintf("tan=%06d", i*7919%1000000), 422) }),
		[]act{form("/tan", "tan=123456", 302).to("/account").session()})
	add("a person who forgot the name tries five, with one password", acts(5, 12, func(i int) act {
		return form("/login", fmt.Sprintf("user=%s&password=same", []string{"anna", "anna.m", "a.mueller", "anna@m.example", "amueller"}[i]), 401)
	}), []act{form("/login", "user=anna.mueller&password=same", 302).to("/").session()})
	return all
}

func errandsOfWork() []conduct {
	var all []conduct
	add := adder(&all)
	add("accounts are kept in step by a service of identity", sending("Authorization: Bearer right", by("Okta SCIM Client 1.0.0", acts(180, 0.5, func(i int) act {
		return []act{
			{target: "/scim/v2/Users?filter=userName+eq+%22" + word(i) + "%22", status: 200, kind: mediaJSON, size: 90},
			{target: "/scim/v2/Users/" + uuid(i), status: 404},
			{target: "/scim/v2/Users", json: true, body: fmt.Sprintf(`{"userName":"%s","password":"start%d"}`, word(i), i), status: 409},
		}[i%3]
	}))))
	add("tickets at a door, one in five used before", acts(500, 3, func(i int) act {
		return act{target: "/api/checkin", json: true, body: fmt.Sprintf(`{"code":"%s"}`, digits(i, 10)), status: []int{200, 200, 200, 200, 409}[i%5]}
	}))
	add("a librarian scans books, most of which the catalog has not", acts(120, 5, func(i int) act {
		return act{target: fmt.Sprint("/isbn/978", 3000000000+i*977), status: []int{404, 404, 200}[i%3]}
	}))
	add("a warehouse scans goods, half of them unknown", acts(150, 3, func(i int) act {
		return act{target: fmt.Sprint("/api/stock/", 4000000000000+i*991), status: []int{404, 200}[i%2]}
	}))
	add("users of an old tracker are looked up for an import", sending("Authorization: Bearer right", by("JiraImporter/9", acts(60, 0.2, func(i int) act {
		return act{target: "/rest/api/2/user?username=" + word(i), status: 404}
	}))))
	add("payments tell plugins that are gone", acts(40, 20, func(i int) act {
		return act{
			target: []string{"/?wc-api=wc_gateway_paypal", "/wc-api/wc_stripe/", "/wp-json/stripe/v1/hook", "/paypal/ipn.php", "/shopify/orders", "/mollie/webhook", "/klarna/push"}[i%7], body: "id=x", status: []int{404, 500}[i%2],
			agent: []string{"Stripe/1.0 (+https://stripe.com/docs/webhooks)", "PayPal IPN ( https://www.paypal.com/ipn )", "Shopify-Captain-Hook", "Mollie.nl HTTP client/1.0"}[i%4],
		}
	}))
	add("GitHub tells a site that is broken, a week long", by("GitHub-Hookshot/ab12cd3", acts(200, 3000, func(i int) act {
		return act{target: "/hooks/deploy", json: true, body: fmt.Sprintf(`{"ref":"refs/heads/main","after":"%s"}`, digits(i, 40)), status: 500}
	})))
	add("accounts of the Fediverse are deleted elsewhere", by("Mastodon/4.5.0 (http.rb/5.3.1; +https://social.example/)", acts(200, 1, func(i int) act {
		return act{target: "/inbox", body: fmt.Sprintf(`{"type":"Delete","actor":"https://social.example/users/%s"}`, word(i)), header: "Content-Type: application/activity+json|Signature: keyId=x", status: 401}
	})))
	add("a server of Matrix asks for events that it may not see", by("Synapse/1.142.0", acts(120, 0.2, func(i int) act {
		return act{target: fmt.Sprintf("/_matrix/federation/v1/event/$%s", digits(i, 43)), status: []int{403, 404}[i%2]}
	})))
	add("a toolbar of a framework asks for what was profiled", by(chrome, acts(60, 1, func(i int) act {
		return act{target: fmt.Sprintf("/_wdt/%s", digits(i, 6)), status: 404}
	})))
	add("a service is set up: the owner reads which of its pages work", by(fox, []act{ok("/")}, acts(8, 8, func(i int) act {
		return act{target: "/" + []string{"status", "health", "metrics", "version", "api", "docs", "swagger", "graphql"}[i], status: 404}
	})))
	add("an editor's plugin asks for words of an extension that is off", sending("Cookie: session=abc", by(chrome, acts(30, 0.3, func(i int) act {
		return act{target: "/api/editor/" + word(i) + "/suggestions", status: 403}
	}))))
	add("a room's display loads a board whose parts moved", by("Mozilla/5.0 (X11; CrOS armv7l) Chrome/140.0.0.0", acts(160, 60, func(i int) act {
		return act{target: "/board/" + []string{"weather", "menu", "news", "traffic", "rooms", "birthdays", "clock", "photos"}[i%8], status: 404}
	})))
	return all
}
