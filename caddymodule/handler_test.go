package caddymodule

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// ourPage is in every page of ours: the reference stands in it.
const ourPage = "eference"

// withList returns global options with a blocklist of the banned client.
func (h *host) withList(more ...string) string {
	h.list("banned.txt", banned)
	return globals("blocklist {DIR}/banned.txt\nsnapshot {DIR}/snap\n" + strings.Join(more, "\n"))
}

func TestNothingOfTheSiteReachesABannedClient(t *testing.T) {
	h := newHost(t)
	h.file("index.html", "the site")
	for name, site := range map[string]string{
		"respond":        `respond "the site"`,
		"redir":          `redir https://elsewhere.example`,
		"rewrite":        "root {DIR}\nrewrite /index.html\nfile_server",
		"file_server":    "root {DIR}\nfile_server",
		"try_files":      "root {DIR}\ntry_files {path} /index.html\nfile_server",
		"handle_path":    "handle_path /* {\nrespond \"the site\"\n}",
		"route":          "route {\nrespond \"the site\"\n}",
		"header":         "header X-Site yes\nrespond \"the site\"",
		"deferred":       "header >Cache-Control \"public, max-age=600\"\nrespond \"the site\"",
		"encode":         "encode gzip\nrespond \"the site\"",
		"basic_auth":     "basic_auth {\nbob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\nrespond \"the site\"",
		"error":          "error 404",
		"reverse_proxy":  "reverse_proxy 127.0.0.1:1",
		"php_fastcgi":    "root {DIR}\nphp_fastcgi 127.0.0.1:1",
		"in handle":      "handle /* {\ntocsin\nrespond \"the site\"\n}",
		"after rewrites": "route {\nrewrite /index.html\ntocsin\nrespond \"the site\"\n}",
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.load(h.withList() + "http://{ADDR} {\ntocsin\n" + site + "\n}")
			h.waitStatus(banned, http.StatusForbidden)
			a := h.get(banned, "/x")
			if a.status != http.StatusForbidden || !strings.Contains(a.body, ourPage) ||
				strings.Contains(a.body, "the site") || a.header.Get("X-Site") != "" {
				t.Errorf("banned client: %+v", a)
			}
			if cc := a.header.Get("Cache-Control"); cc != "private, no-store" {
				t.Errorf("Cache-Control %q: a shared cache could keep the page", cc)
			}
			if a := h.get(allowed, "/x"); a.status == http.StatusForbidden {
				t.Errorf("allowed client: %+v", a)
			}
		})
	}
}

func TestErrorRoutes(t *testing.T) {
	h := newHost(t)
	page := "{http.error.status_code} {http.tocsin.action} {http.tocsin.reason} {http.tocsin.origin} " +
		"{http.tocsin.source} {http.tocsin.prefix} [{http.tocsin.until}] {http.tocsin.ref} {path}"
	other := func(keys, errors string) string { return keys + " {\nrespond other\n" + errors + "\n}" }
	const elsewhere, everywhere = "http://127.0.0.2:{PORT}", "http://:{PORT}"
	respond := func(text string) string { return "respond \"" + text + "\" {err.status_code}\n" }
	for _, row := range []struct {
		name  string
		site  string // the error routes of the site
		other string // another site, if any
		want  string // in the answer
		not   string // not in the answer
	}{
		{"no error routes", "", "", ourPage, ""},
		{"all errors handled", "handle_errors {\n" + respond(page) + "}", "", "403 ban", ourPage},
		{"this status handled", "handle_errors 403 {\n" + respond("sorry") + "}", "", "sorry", ourPage},
		{"its class handled", "handle_errors 4xx {\n" + respond("sorry") + "}", "", "sorry", ourPage},
		{"another status handled", "handle_errors 404 {\n" + respond("sorry") + "}", "", ourPage, "sorry"},
		{"one of several", "handle_errors 404 {\n" + respond("lost") + "}\nhandle_errors 403 {\n" + respond("sorry") + "}", "", "sorry", "lost"},
		{"a matcher that does not match", "handle_errors {\n@x path /y\nhandle @x {\n" + respond("sorry") + "}\n}", "", ourPage, "sorry"},
		{"original path, where stopped requests are named", "handle_errors 403 {\n" + respond("at {path}") + "}", "", "at /x", ourPage},
		{"a path of its own, where they are not", "handle_errors {\n" + respond("at {path} of {http.request.orig_uri}") + "}", "", "at /tocsin/stopped of /tocsin/stopped", ourPage},
		{"routes that fail", "handle_errors {\nroot {DIR}\nrewrite /none.html\nfile_server\n}", "", ourPage, ""},
		{"routes with the directive in them", "handle_errors {\ntocsin\n" + respond("sorry") + "}", "", ourPage, "sorry"},
		{"file from disk", "handle_errors {\nroot {DIR}\nrewrite /403.html\nfile_server\n}", "", "from disk", ourPage},
		{"error routes of another site only", "", other(elsewhere, "handle_errors {\n"+respond("not mine")+"}"), ourPage, "not mine"},
		{"error routes of a site for all hosts, as in Caddy", "", other(everywhere, "handle_errors {\n"+respond("for all")+"}"), "for all", ourPage},
		{"another site has error routes too", "handle_errors {\n" + respond("mine") + "}", other(elsewhere, "handle_errors {\n"+respond("not mine")+"}"), "mine", "not mine"},
		{"another site handles what this one does not", "handle_errors 404 {\n" + respond("lost") + "}", other(everywhere, "handle_errors {\n"+respond("not mine")+"}"), ourPage, "not mine"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			h.file("403.html", "from disk")
			h.load(h.withList() +
				"http://{ADDR} {\nroute {\nrewrite /rewritten\ntocsin\n}\nrespond ok\n" + row.site + "\n}\n" +
				row.other)
			h.waitStatus(banned, http.StatusForbidden)
			a := h.get(banned, "/x")
			if a.status != http.StatusForbidden {
				t.Errorf("status %d, want 403", a.status)
			}
			if cc := a.header.Get("Cache-Control"); cc != "private, no-store" {
				t.Errorf("Cache-Control %q: a shared cache could keep the answer", cc)
			}
			if !strings.Contains(a.body, row.want) {
				t.Errorf("got %q, want %q in it", a.body, row.want)
			}
			if row.not != "" && strings.Contains(a.body, row.not) {
				t.Errorf("got %q, want no %q in it", a.body, row.not)
			}
			if a := h.get(allowed, "/x"); a.status != http.StatusOK || a.body != "ok" {
				t.Errorf("allowed client: %+v", a)
			}
		})
	}
}

// A subroute that handles errors of its own goes on behind itself with those
// that it does not handle. Only JSON can say so.
func TestErrorRoutesOfASubroute(t *testing.T) {
	h := newHost(t)
	for _, row := range []struct{ name, status, want string }{
		{"handled", "403", "sorry"},
		{"not handled", "404", ourPage},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			h.load(h.withList() + "http://{ADDR} {\nrespond ok\n}")
			cfg := string(h.json(h.withList() + "http://{ADDR} {\nrespond ok\n}"))
			const ok = `{"body":"ok","handler":"static_response"}`
			if !strings.Contains(cfg, ok) {
				t.Fatalf("no handler in %s", cfg)
			}
			cfg = strings.Replace(cfg, ok, `{"handler":"subroute","routes":[{"handle":[{"handler":"tocsin"}]}],`+
				`"errors":{"routes":[{"match":[{"expression":"{http.error.status_code} == `+row.status+`"}],`+
				`"handle":[{"handler":"static_response","status_code":403,"body":"sorry"}]}]}},`+ok, 1)
			if err := h.loadJSON([]byte(cfg)); err != nil {
				t.Fatal(err)
			}
			h.waitStatus(banned, http.StatusForbidden)
			if a := h.get(banned, "/"); !strings.Contains(a.body, row.want) {
				t.Errorf("got %q, want %q in it", a.body, row.want)
			}
		})
	}
}

func TestHeadHasNoBody(t *testing.T) {
	h := newHost(t)
	for name, site := range map[string]string{
		"our page":     "",
		"error routes": "handle_errors {\nrespond \"sorry\"\n}",
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\n" + site + "\n}")
			h.waitStatus(banned, http.StatusForbidden)
			a, err := h.do(h.request(http.MethodHead, banned, "/"))
			if err != nil || a.status != http.StatusForbidden || a.body != "" {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

func TestActions(t *testing.T) {
	h := newHost(t)
	for _, row := range []struct {
		action     string
		status     int
		retryAfter string
	}{
		{"ban", http.StatusForbidden, ""},
		{"captcha", http.StatusTooManyRequests, "86400"}, // challenges are off
		{"throttle", http.StatusTooManyRequests, "86400"},
	} {
		for _, errors := range []string{"", "handle_errors {\nrespond \"{http.tocsin.action}\"\n}"} {
			t.Run(row.action+" "+errors, func(t *testing.T) {
				h.t = t
				// Each action has a list of its own: another engine knows it as soon as
				// it has read it, and not from the one before.
				h.list(row.action+".txt", banned)
				h.load(globals("blocklist {DIR}/"+row.action+".txt {\naction "+row.action+"\n}\nsnapshot off\nchallenge off") +
					"http://{ADDR} {\ntocsin\nrespond ok\n" + errors + "\n}")
				h.waitStatus(banned, row.status)
				a := h.get(banned, "/")
				if a.header.Get("Retry-After") != row.retryAfter {
					t.Errorf("Retry-After %q, want %q", a.header.Get("Retry-After"), row.retryAfter)
				}
				if errors != "" && a.body != row.action {
					t.Errorf("error route says %q", a.body)
				}
			})
		}
	}
}

func TestPlaceholders(t *testing.T) {
	h := newHost(t)
	h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\nhandle_errors {\n" +
		`respond "{http.tocsin.action}|{http.tocsin.reason}|{http.tocsin.origin}|{http.tocsin.source}|` +
		`{http.tocsin.until}|{http.tocsin.ref}|{http.tocsin.prefix}"` + "\n}\n}")
	h.waitStatus(banned, http.StatusForbidden)
	table := runningEngine(t).Table()
	table.Replace("lapi", []lookup.Decision{{
		Prefix: prefix(t, "192.0.2.0/24"),
		Action: lookup.Ban,
		Origin: "CAPI",
		Reason: "crowdsecurity/<b>http\r\n-probing" + strings.Repeat("x", 1000),
		Until:  time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC),
	}})
	table.Keep("lapi")
	got := strings.Split(h.get(banned, "/").body, "|")
	if len(got) != 7 || len(got[5]) != 10 {
		t.Fatalf("got %q", got)
	}
	if !strings.HasPrefix(got[1], "crowdsecurity/bhttp-probingxxx") || len(got[1]) > 256 {
		t.Errorf("reason %q", got[1])
	}
	got[1], got[5] = "", ""
	if s := strings.Join(got, "|"); s != "ban||CAPI|lapi|2100-01-02T03:04:05Z||192.0.2.0/24" {
		t.Errorf("got %q", s)
	}
}

func TestAllowAndDryRun(t *testing.T) {
	h := newHost(t)
	for _, row := range []struct {
		name, global, site string
		status             int
	}{
		{"neither", "", "", http.StatusForbidden},
		{"allowed everywhere", "allow 192.0.2.0/24", "", http.StatusOK},
		{"allowed here", "", "allow 192.0.2.1", http.StatusOK},
		{"another one allowed", "allow 192.0.2.2", "allow private_ranges", http.StatusForbidden},
		{"dry run", "", "dry_run", http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			h.load(h.withList(row.global) + "http://{ADDR} {\ntocsin {\n" + row.site + "\n}\nrespond ok\n}")
			h.waitSynced()
			if a := h.get(banned, "/"); a.status != row.status {
				t.Errorf("status %d, want %d", a.status, row.status)
			}
		})
	}
	n := runningEngine(t).counters.of("srv0").Snapshot()
	if n.Processed == 0 || n.DryRun != 1 || n.Allowed != 2 {
		t.Errorf("counters, kept over the reloads: %+v", n)
	}
}

func TestOwnPage(t *testing.T) {
	h := newHost(t)
	h.file("page.html", "<p>go away, {{.Ref}}</p>")
	h.load(h.withList() + "http://{ADDR} {\ntocsin {\npage {DIR}/page.html\n}\nrespond ok\n}")
	h.waitStatus(banned, http.StatusForbidden)
	r := h.request(http.MethodGet, banned, "/")
	r.Header.Set("Accept", "text/html")
	if a, err := h.do(r); err != nil || !strings.Contains(a.body, "go away") {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestProtocols(t *testing.T) {
	h := newHost(t)
	h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond {http.request.proto}\n}")
	h.waitStatus(banned, http.StatusForbidden)
	for proto, set := range map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2.0": func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
	} {
		var p http.Protocols
		set(&p)
		tr := &http.Transport{Protocols: &p}
		h.http.Transport = tr
		if a := h.get(allowed, "/"); a.body != proto {
			t.Errorf("%s: allowed client gets %+v", proto, a)
		}
		if a := h.get(banned, "/"); a.status != http.StatusForbidden || !strings.Contains(a.body, ourPage) {
			t.Errorf("%s: banned client gets %+v", proto, a)
		}
		tr.CloseIdleConnections()
	}
}

// An IPv4 client has one name only, however its address is written.
func TestClientAddress(t *testing.T) {
	h := newHost(t)
	h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\n}")
	h.waitStatus(banned, http.StatusForbidden)
	for from, status := range map[string]int{
		"::ffff:" + banned:              http.StatusForbidden,
		"::ffff:c000:201":               http.StatusForbidden,
		allowed + ", " + banned:         http.StatusForbidden, // what is left of it the client wrote
		banned + ", " + allowed:         http.StatusOK,
		banned + ", 127.0.0.3":          http.StatusForbidden, // a second proxy
		"":                              http.StatusOK,
		"no address":                    http.StatusOK,
		"::ffff:" + allowed:             http.StatusOK,
		"2001:db8::1, ::ffff:192.0.2.1": http.StatusForbidden,
	} {
		if a := h.get(from, "/"); a.status != status {
			t.Errorf("X-Forwarded-For: %s: status %d, want %d", from, a.status, status)
		}
	}
}

func TestMatcher(t *testing.T) {
	h := newHost(t)
	h.list("throttled.txt", "203.0.113.9")
	h.load(h.withList("blocklist {DIR}/throttled.txt {\naction throttle\n}", "allow 192.0.2.77") + `http://{ADDR} {
	@banned tocsin ban captcha
	respond @banned "banned {http.tocsin.prefix}"
	@any tocsin
	respond @any "listed {http.tocsin.action}"
	@none not tocsin
	respond @none "free"
}`)
	h.list("banned.txt", banned, "192.0.2.77")
	h.waitSynced()
	h.waitBody(banned, "banned 192.0.2.1/32")
	for from, want := range map[string]string{
		"203.0.113.9": "listed throttle",
		"192.0.2.77":  "free", // allowed
		allowed:       "free",
		"":            "free",
	} {
		if a := h.get(from, "/"); a.body != want {
			t.Errorf("%s: %q, want %q", from, a.body, want)
		}
	}
}

func TestStartupClosed(t *testing.T) {
	h := newHost(t)
	missing := h.dir + "/later.txt" // so that the source cannot sync
	for name, site := range map[string]string{
		"our answer":   "",
		"error routes": "handle_errors {\nrespond \"later\"\n}",
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.load(globals("blocklist "+missing+"\nsnapshot off\nstartup closed\nallow 203.0.113.5") +
				"http://{ADDR} {\ntocsin\nrespond ok\n" + site + "\n}")
			a := h.get(allowed, "/")
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				t.Errorf("before the first sync: %+v", a)
			}
			if site != "" && a.body != "later" {
				t.Errorf("error route says %q", a.body)
			}
			if a := h.get("203.0.113.5", "/"); a.status != http.StatusOK {
				t.Errorf("client that is allowed: %+v", a)
			}
		})
	}
	h.t = t
	h.list("later.txt", banned)
	h.waitStatus(allowed, http.StatusOK)
	h.waitStatus(banned, http.StatusForbidden)
}

func TestAccessLog(t *testing.T) {
	h := newHost(t)
	h.load(h.withList() + "http://{ADDR} {\nlog {\noutput file {DIR}/access.log {\nroll_disabled\n}\n}\n" +
		"log_append action {http.tocsin.action}\ntocsin\nrespond ok\nhandle_errors {\nrespond sorry\n}\n}")
	h.waitStatus(banned, http.StatusForbidden)
	wait(t, func() error { return logged(h, "access.log", `"status":403`, `"action":"ban"`) })
}

func TestBlocklistOfAServer(t *testing.T) {
	h := newHost(t)
	t.Setenv("TOCSIN_TEST_PASSWORD", "secret")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "# a list\n192.0.2.0/24\n")
	}))
	defer srv.Close()
	h.load(globals("blocklist "+srv.URL+"/list.txt {\nname far\naction throttle\nuser me {env.TOCSIN_TEST_PASSWORD}\n}\nsnapshot off") + site1)
	h.waitStatus(banned, http.StatusTooManyRequests)
	if s := runningEngine(t).status().Sources; len(s) != 1 || s[0].Name != "far" || s[0].Kind != "url" || s[0].Decisions != 1 {
		t.Errorf("%+v", s)
	}
}

func TestLogIP(t *testing.T) {
	h := newHost(t)
	for option, want := range map[string]string{
		"":              `"client":"192.0.2.1"`,
		"log_ip full":   `"client":"192.0.2.1"`,
		"log_ip masked": `"client":"192.0.2.0/24"`,
		"log_ip off":    "",
	} {
		t.Run(option, func(t *testing.T) {
			h.t = t
			name := strings.ReplaceAll(option, " ", "_") + ".log"
			h.load(strings.Replace(h.withList(option)+site1, "output discard", "output file {DIR}/"+name+" {\nroll_disabled\n}", 1))
			h.waitStatus(banned, http.StatusForbidden)
			wait(t, func() error { return logged(h, name, "request stopped", `"action":"ban"`, want) })
			if err := logged(h, name, "request stopped", "192.0.2."); (err != nil) != (want == "") {
				t.Errorf("log_ip %q: %v", option, err)
			}
		})
	}
}
