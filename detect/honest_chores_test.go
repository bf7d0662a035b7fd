package detect

import (
	"fmt"
	"slices"
)

// honestChores are what else people and programs do all day: forms that are refused, sites
// that answer everything alike, offices, and devices of a house. None of them is a recording.
func honestChores() []conduct {
	return slices.Concat(choresOfForms(), choresOfSites(), choresOfMachines())
}

func choresOfForms() []conduct {
	var all []conduct
	add := adder(&all)
	add("an invoice is corrected until the form takes it", acts(25, 15, func(i int) act {
		return form("/invoices", fmt.Sprintf("number=%d&iban=DE%d&email=a%%40x&name=Anna", i, i*7), 422)
	}))
	add("an editor saves drafts whose session has ended, 401", acts(60, 10, func(i int) act {
		return act{target: fmt.Sprintf("/api/posts/%d/autosave", 17), method: "PUT", json: true, body: fmt.Sprintf(`{"title":"x%d","body":"y"}`, i), status: 401}
	}))
	add("an application form with a field for a password of a file", acts(12, 20, func(i int) act {
		return form("/convert", fmt.Sprintf("file=x.pdf&pdf_password=%s&page=%d", word(i), i), 400)
	}))
	add("a Wi-Fi access point is set up, passphrase by passphrase", acts(10, 20, func(i int) act {
		return form("/setup/wifi", fmt.Sprintf("ssid=home&passphrase=%s-%d", word(i), i), 302).to("/setup/wifi?error=1")
	}))
	add("a mailing list's members unsubscribe by links that have ended", acts(40, 20, func(i int) act {
		return act{target: "/unsubscribe/" + digits(i, 24), status: []int{410, 200}[i%2]}
	}))
	add("people confirm addresses twice", acts(40, 10, func(i int) act {
		return act{target: "/confirm?token=" + digits(i/2, 40), status: []int{302, 410}[i%2], location: "/welcome"}
	}))
	add("an auction: bids that come late", acts(80, 1, func(i int) act {
		return act{target: "/api/lots/44/bids", json: true, body: fmt.Sprintf(`{"amount":%d}`, 100+i), status: []int{409, 422, 201}[i%3]}
	}))
	add("a booking: dates that are taken", acts(40, 4, func(i int) act {
		return act{target: fmt.Sprintf("/api/availability?from=2026-12-%02d", 1+i%30), status: []int{404, 200, 409}[i%3]}
	}))
	add("a search as one types that finds nothing, 404", by(chrome, []act{ok("/")}, acts(60, 0.3, func(i int) act {
		return act{target: "/api/search/" + word(i / 6)[:1+i%3], status: 404}
	})))
	add("names for an account are tried until one is free", acts(20, 3, func(i int) act {
		return act{target: "/api/username-available/" + word(i), status: []int{404, 200}[i%2]}
	}))
	add("a till logs in with a card and a PIN each sale", acts(120, 40, func(i int) act {
		return form("/till/login", fmt.Sprintf(`{"card":"%d","pin":"%04d"}`, i%8, 1000+i%8*37), []int{200, 200, 200, 200, 200, 403}[i%6]).js()
	}))
	add("a VPN portal: fourteen people of a course mistype once, then get in", acts(28, 6, func(i int) act {
		if i%2 == 0 {
			return form("/remote/logincheck", fmt.Sprintf("username=c%d&credential=x%d", i/2, i), 200)
		}
		return form("/remote/logincheck", fmt.Sprintf("username=c%d&credential=right%d", i/2, i/2), 200).session()
	}))
	add("a user with two keyboards mistypes seven times in an hour, and gets in", append(acts(7, 400, func(i int) act {
		return form("/login", fmt.Sprintf("email=anna&password=Gar+ten%d", i), 302).to("/login")
	}), form("/login", "email=anna&password=right", 302).to("/home").session(), ok("/home")))
	add("an API with passwords of documents in the query", acts(30, 5, func(i int) act {
		return act{target: fmt.Sprintf("/documents/%d/preview?password=open%d", 40+i, i), status: 200, kind: "application/pdf", size: 9000 + int64(i)*77}
	}))
	add("a contest: entries with codes from bottles, one in three wrong", acts(30, 25, func(i int) act {
		return form("/contest", fmt.Sprintf("email=a%%40x&code=%s", digits(i, 8)), []int{200, 200, 422}[i%3])
	}))
	return all
}

func choresOfSites() []conduct {
	var all []conduct
	add := adder(&all)
	shell := func(target string) act { return act{target: target, status: 200, kind: "text/html", size: 2711} }
	add("a SPA: a person opens twenty deep links from a chat over a day", acts(20, 1200, func(i int) act { return shell("/boards/" + uuid(i)) }))
	add("a SPA: a person opens tabs of all that the menu has", by(chrome, acts(9, 1, func(i int) act {
		return shell("/" + []string{"dashboard", "people", "calendar", "files", "mail", "tasks", "wiki", "chat", "settings"}[i])
	})))
	add("a shop in a SPA: a person opens products in tabs", by(chrome, acts(30, 2, func(i int) act { return shell("/p/" + word(i) + "-" + fmt.Sprint(1000+i)) })))
	add("a site behind maintenance: people read on, 503 each", by(chrome, wordsAs(40, 2, 503, "/%s")))
	add("a site that limits requests: a reader is told so, 429 each", by(fox, wordsAs(40, 0.5, 429, "/%s")))
	add("a page in an iframe of a partner, whose pictures are gone", sending("Referer: https://partner.example/|Sec-Fetch-Site: cross-site|Sec-Fetch-Dest: image", by(chrome, wordsAs(8, 0.1, 404, "/%s/teaser"))))
	add("a reader of a wiki in a language with accents, old links", by(fox, readBefore(20, "/wiki/%s", acts(30, 4, func(i int) act {
		return act{target: "/wiki/" + word(i) + "%C3%A9", status: []int{404, 200}[i%2]}
	}))))
	add("a company's start page of 30 browsers asks what was switched off", acts(90, 2, func(i int) act {
		return act{target: []string{"/weather", "/stocks", "/canteen"}[i%3], status: 404, agent: []string{chrome, fox, iphone}[i%3]}
	}))
	add("a documentation in versions: a reader follows what a new one lacks", by(chrome, acts(40, 3, func(i int) act {
		if i%2 == 0 {
			return ok("/docs/v1/" + word(i))
		}
		return act{target: "/docs/v2/" + word(i-1), status: 404}
	})))
	add("a directory of a club: members by initial, most letters empty", by(fox, []act{ok("/members")}, acts(26, 2, func(i int) act {
		return act{target: fmt.Sprintf("/members/%c", 'a'+i), status: []int{404, 404, 200}[i%3]}
	})))
	add("a radio: streams by name, off the air", by("Sonos/84.1", wordsAs(8, 5, 404, "/%s.m3u")))
	add("a school class opens a page on forty devices, each with a browser of its own", acts(160, 0.5, func(i int) act {
		a := ok([]string{"/lesson", "/lesson/style", "/lesson/words", "/lesson/score"}[i/40])
		a.agent = fmt.Sprintf("Mozilla/5.0 (Linux; Android %d; Tab%d) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 10+i%5, i%40, 120+i%20)
		return a
	}))
	add("a reader of a catalog goes through numbers of six digits", by(fox, acts(60, 4, func(i int) act { return ok(fmt.Sprint("/item/", 104000+i*7)) })))
	add("a lab of ten pages polls by the second", acts(300, 0.3, func(i int) act {
		return act{target: fmt.Sprint("/measure?", 1764400000+i/3), status: 200, kind: mediaJSON, size: 80 + int64(i%9)}
	}))
	add("a picture frame asks for albums of a cloud, deleted", by("PhotoFrame/2.1", acts(60, 30, func(i int) act { return act{target: "/s/" + digits(i%14, 15) + "/download", status: 404} })))
	add("a map of hikes: profiles of tracks that were not computed", by(iphone, acts(60, 0.2, func(i int) act { return act{target: fmt.Sprintf("/tracks/%s/profile.json", word(i)), status: 404} })))
	add("a translator's browser asks each page in three more languages", by(chrome, acts(60, 2, func(i int) act {
		if i%4 == 0 {
			return ok("/" + word(i/4))
		}
		return act{target: "/" + []string{"", "it", "es", "pt"}[i%4] + "/" + word(i/4), status: 404}
	})))
	add("a calendar is subscribed by feeds of forty teams, of which many folded", by("Google-Calendar-Importer", acts(40, 5, func(i int) act {
		return act{target: "/teams/" + word(i) + "/calendar.ics", status: []int{404, 200}[i%2]}
	})))
	add("a speech assistant asks for skills", by("AlexaMediaPlayer/2.1", acts(20, 3, func(i int) act {
		return act{target: "/alexa/" + word(i), method: "POST", body: "{}", json: true, status: 404}
	})))
	add("a browser tries names with and without www, slashes and endings", by(chrome, []act{ok("/")}, gets(2, 404, "/contact", "/contact/", "/contact.html", "/contact.php", "/kontakt", "/kontakt/", "/kontakt.html")))
	add("a teacher's list of links to a site that moved, opened by 25 pupils", acts(75, 2, func(i int) act {
		return act{target: "/" + word(i%3) + "/worksheet", status: 404, agent: []string{chrome, fox, iphone}[i%3]}
	}))
	return all
}

func choresOfMachines() []conduct {
	var all []conduct
	add := adder(&all)
	add("infrastructure as code looks whether things are there", sending("Authorization: Bearer right", by("Terraform/1.13 provider", acts(60, 0.1, func(i int) act {
		if i%2 == 0 {
			return act{target: "/api/v1/" + word(i/2%9) + "/" + word(i), status: 404}
		}
		return act{target: "/api/v1/" + word(i/2%9), method: "POST", json: true, body: "{}", status: 201}
	}))))
	add("a scraper of metrics with an exporter that is off", by("Prometheus/3.7", acts(120, 15, func(int) act { return act{target: "/metrics", status: 404} })))
	add("logs are sent to an index that is not there", by("Fluent-Bit", acts(120, 1, func(i int) act {
		return act{target: "/logs-" + word(i%4) + "-2026.11.29/_doc", method: "POST", json: true, body: "{}", status: 404}
	})))
	add("a backup of a phone: chunks by hash are asked for before they are sent", by("PhotoSync/9", acts(300, 0.05, func(i int) act {
		if i%2 == 0 {
			return act{target: "/backup/" + digits(i, 2) + "/" + digits(i, 40), method: "HEAD", status: 404}
		}
		return act{target: "/backup/" + digits(i-1, 2) + "/" + digits(i-1, 40), method: "PUT", body: "x", status: 201}
	})))
	add("a package is published: what is there is asked first", by("npm/11.6.0 node/v24.9.0", acts(12, 1, func(i int) act {
		return act{target: "/@team%2f" + word(i), status: []int{404, 201}[i%2], method: []string{"GET", "PUT"}[i%2], body: []string{"", "{}"}[i%2], json: true}
	})))
	add("a mirror of documentation by wget, a twentieth gone", by("Wget/1.25.0", acts(300, 0.2, func(i int) act {
		if i%20 == 19 {
			return act{target: "/manual/" + word(i), status: 404}
		}
		return ok("/manual/" + word(i))
	})))
	add("a rack of cameras pushes stills, refused since the disk is full", acts(200, 1, func(i int) act {
		return act{target: fmt.Sprintf("/cam/%d/still.jpg", i%12), method: "PUT", body: "x", status: 507, agent: "IPCam/3.2"}
	}))
	add("a proxy of video calls looks for rooms", by("Jitsi/2.1", acts(60, 1, func(i int) act { return act{target: "/rooms/" + word(i%20) + "/config", status: 404} })))
	add("a fleet of scooters reports with keys that were rotated", acts(200, 0.5, func(i int) act {
		return act{target: "/v2/telemetry", method: "POST", json: true, body: "{}", status: 401, header: "X-Api-Key: " + digits(i%30, 32), agent: "FleetClient/4"}
	}))
	add("a house's heating asks for three tariffs of a supplier, forbidden", acts(150, 60, func(i int) act {
		return act{target: "/tariffs/" + []string{"day", "night", "peak"}[i%3], status: 403, agent: "HeatPump/1.4"}
	}))
	add("a crawler of a library keeps what has a DOI, many withdrawn", by("OpenAlexBot/1.0 (+https://openalex.example)", acts(120, 2, func(i int) act {
		return act{target: fmt.Sprintf("/doi/10.1234/%s.%d", word(i%5), 2000+i), status: []int{200, 410, 200}[i%3], kind: "text/html", size: 4000 + int64(i)*131}
	})))
	add("a webhook's sender checks that a place is there, HEAD and GET", acts(16, 1, func(i int) act {
		return act{target: "/hook/" + word(i/2), method: []string{"HEAD", "GET"}[i%2], status: 405, agent: "Svix-Webhooks/1.2"}
	}))
	add("a cluster's parts ask a proxy by the names of services", by("kube-probe/1.34", acts(60, 5, func(i int) act {
		return act{target: "/" + word(i%9) + "/healthz", status: []int{404, 200, 503}[i%3]}
	})))
	return all
}
