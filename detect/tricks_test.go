package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// spread returns steps that come from what from makes of their numbers.
func spread(next func(int) step, from string) func(int) step {
	return func(i int) step {
		s := next(i)
		s.client = fmt.Sprintf(from, i+1)
		return s
	}
}

// Guessing that is slow, or comes from many addresses, is answered within 30 failures.
func TestMoreSlowGuessingIsSeen(t *testing.T) {
	const second, minute = time.Second, time.Minute
	agents := []string{chrome, fox, iphone, "Mozilla/5.0 (X11; CrOS x86_64 15633.69.0) AppleWebKit/537.36"}
	inJSON := func(i int) step {
		return step{target: "/api/v2/session", form: mediaJSON, body: fmt.Sprintf(`{"identity":"u%d","secret":"leak%d"}`, i, i), status: 401}
	}
	french := func(i int) step {
		return step{target: "/connexion", body: fmt.Sprintf("identifiant=u%d&mot_de_passe=leak%d", i, i), status: 302, location: "/connexion"}
	}
	admin := func(i int) step {
		return step{target: "/administrator/index.php", body: fmt.Sprintf("username=admin&passwd=p%d&task=login", i), status: 303, location: "/administrator/index.php"}
	}
	for _, row := range []struct {
		name string
		gap  time.Duration
		next func(i int) step
	}{
		{"300 addresses, a try each, in French", 2 * second, elsewhere(french)},
		{"300 addresses, a try each, JSON", 5 * second, elsewhere(inJSON)},
		{"ten addresses, each a try in ten minutes", minute, func(i int) step { s := admin(i); s.client = fmt.Sprint("96.7.", i%10, ".1"); return s }},
		{"another user agent each time", 130 * second, func(i int) step { s := inJSON(i); s.agent = agents[i%len(agents)]; return s }},
		{"one in a hundred gets in", 3 * second, elsewhere(func(i int) step {
			s := french(i)
			if i%100 == 50 {
				s.location, s.cookie = "/compte", "s=x"
			}
			return s
		})},
		{"over the /64s of a /48", 30 * second, spread(inJSON, "2001:db8:1:%x::9")},
		{"over /24s, one user", 40 * second, spread(admin, "96.%d.3.4")},
		{"Basic, over /24s", 20 * second, elsewhere(func(i int) step {
			return step{target: "/manager/html", auth: fmt.Sprintf("tomcat:p%d", i), status: 401}
		})},
		{"Basic, at new paths", 20 * second, elsewhere(func(i int) step {
			return step{target: "/" + letters(i), auth: fmt.Sprintf("admin:p%d", i), status: 401}
		})},
		{"bundles of XML-RPC with two passwords", 10 * second, elsewhere(func(i int) step {
			call := func(p string) string {
				return "<value><struct><member><name>methodName</name><value><string>wp.getUsersBlogs</string></value></member><member><name>params</name><value><array><data><value><string>admin</string></value><value><string>" + p + "</string></value></data></array></value></member></struct></value>"
			}
			return step{target: "/xmlrpc.php", form: "text/xml", body: "<methodCall><methodName>system.multicall</methodName><params><param><value><array><data>" + call(fmt.Sprint("a", i)) + call(fmt.Sprint("b", i)) + "</data></array></value></param></params></methodCall>"}
		})},
		{"codes of a password reset", 10 * second, elsewhere(func(i int) step {
			return step{target: "/password/reset/verify", form: mediaJSON, body: fmt.Sprintf(`{"email":"admin@x","code":"%06d"}`, i*7919), status: 400}
		})},
		{"codes of a second step, back to its page", 10 * second, elsewhere(func(i int) step {
			return step{target: "/two-factor-challenge", body: fmt.Sprintf("code=%06d", i*7919), status: 302, location: "/two-factor-challenge"}
		})},
		{"new fields each time", 5 * second, elsewhere(func(i int) step { s := french(i); s.body += fmt.Sprintf("&x%d=1", i); return s })},
		{"by PUT", 5 * second, elsewhere(func(i int) step { s := inJSON(i); s.method = "PUT"; return s })},
	} {
		d, now, failures, alerted := New(Config{Rules: builtinRules(t)}), began, 0, 0
		for i := 0; alerted == 0 && i < 100; i++ {
			s := row.next(i)
			e := s.event(now)
			if s.cookie == "" {
				failures++
			}
			if len(slices.Concat(d.Request(e), d.Response(e))) > 0 {
				alerted = failures
			}
			now = now.Add(row.gap)
		}
		if alerted == 0 || alerted > 30 {
			t.Errorf("%s: alerted at failure %d, want 30 at the latest", row.name, alerted)
		}
	}
}

// Paths that current scanners request. None of them is in our lists on purpose.
var todaysPaths = strings.Fields(`/api/v1/users /api/v2/config /admin/login /console/ /latest/meta-data/iam/ /computeMetadata/v1/ /_profiler/phpinfo /telescope/requests
	/actuator/gateway/routes /debug/pprof/ /_ignition/health-check /horizon/api/stats /server-info /trace.axd /elmah.axd /jolokia/list
	/blog.example.zip /blog.tar.gz /backup_blog.sql /remote/fgt_lang /global-protect/login.esp /+CSCOE+/logon.html /mgmt/shared/authn/login
	/owa/auth/x.js /ecp/default.aspx /wsman /geoserver/web/ /nacos/ /druid/index.html /hnap1/ /boaform/admin/formLogin /GponForm/diag_Form
	/cgi-bin/luci/;stok=/locale /SDK/webLanguage /ReportServer /dana-na/auth/ /vpn/index.html /cf_scripts/ /CFIDE/administrator/ /goform/webLogin`)

// Searches on sites that answer all they have not alike are answered by the 15th path.
func TestMoreSearchesAreSeen(t *testing.T) {
	path := func(i int) string { return todaysPaths[i%len(todaysPaths)] }
	plain := func(i int) string { return "/" + scanWords[i%len(scanWords)] }
	mixedCase := func(i int) string {
		b := []byte(plain(i))
		b[1] -= 'a' - 'A'
		return string(b)
	}
	for _, site := range []struct {
		name   string
		answer func(s step) step
	}{
		{"200 for all", func(s step) step { s.size = 7312; return s }},
		{"302 to the start page", func(s step) step { s.status, s.location = 302, "/"; return s }},
		{"302 to the login", func(s step) step { s.status, s.location = 302, "/login?next="+s.target; return s }},
		{"403", func(s step) step { s.status = 403; return s }},
		{"404", func(s step) step { s.status = 404; return s }},
		{"410", func(s step) step { s.status = 410; return s }},
		{"200 with the path in it, compressed", func(s step) step { s.size = 2100 + int64(len(s.target)%7); return s }},
	} {
		for _, row := range []struct {
			name string
			most int
			gap  time.Duration
			next func(i int) step
		}{
			{"paths of today", 15, time.Second, func(i int) step { return step{target: path(i)} }},
			{"with queries", 15, time.Second, func(i int) step { return step{target: fmt.Sprint(plain(i), "?v=", i)} }},
			{"escaped", 15, time.Second, func(i int) step { return step{target: "/%" + fmt.Sprintf("%02x", plain(i)[1]) + plain(i)[2:]} }},
			{"mixed case", 15, time.Second, func(i int) step { return step{target: mixedCase(i)} }},
			{"a first element each", 15, time.Second, func(i int) step { return step{target: "/" + letters(i) + "/admin.php"} }},
			{"a first element each, one name", 15, time.Second, func(i int) step { return step{target: "/" + letters(i) + "/login"} }},
			{"two words each", 15, time.Second, func(i int) step { return step{target: plain(i) + plain(i+3)} }},
			{"one in five seconds", 20, 5 * time.Second, func(i int) step { return step{target: plain(i)} }},
			{"over the /64s of a /48", 30, time.Second, spread(func(i int) step { return step{target: plain(i)} }, "2001:db8:1:%x::9")},
		} {
			d, now, alerted := New(Config{Rules: builtinRules(t)}), began, 0
			for i := 0; alerted == 0 && i < 56; i++ {
				e := site.answer(row.next(i)).event(now)
				if len(slices.Concat(d.Request(e), d.Response(e))) > 0 {
					alerted = i + 1
				}
				now = now.Add(row.gap)
			}
			// Where what is missing is not told by its status, an address tells nothing by its first three.
			untold := strings.HasPrefix(row.name, "over") && !strings.HasPrefix(site.name, "4")
			if (alerted == 0 || alerted > row.most) != untold {
				t.Errorf("%s, %s: alerted at %d, want by %d", site.name, row.name, alerted, row.most)
			}
		}
	}
}

// A client that forges the marks of a mild request still gets a challenge.
func TestForgingGainsNothing(t *testing.T) {
	secret := func(i int) act {
		return act{target: []string{"/.env", "/.git/config", "/.aws/credentials", "/.ssh/id_rsa"}[i%4] + fmt.Sprint("?", i), status: 404}
	}
	search := func(i int) act { return act{target: "/" + scanWords[i], status: 404} }
	guess := func(i int) act { return form("/login", fmt.Sprintf("user=admin&password=p%d", i), 401) }
	for _, trick := range []string{
		"", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site|Sec-Fetch-Mode: no-cors", "Referer: https://www.google.com/", "Origin: https://evil.example", "Origin: null",
		"Sec-Fetch-Site: same-origin|Sec-Fetch-Dest: image", "Sec-Fetch-Site: same-origin|Sec-Fetch-Dest: script", "Sec-Purpose: prefetch", "Purpose: prefetch", "Accept: image/avif",
		"User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "User-Agent: npm/11.6.0 node/v24.9.0 linux x64", "User-Agent: git/2.47",
		"Authorization: Bearer junk", "Authorization: Basic YTpi", "X-Forwarded-For: 127.0.0.1", "Cookie: wordpress_logged_in_1=x",
	} {
		for _, row := range []struct {
			name string
			next func(i int) act
			most int
		}{{"secrets", secret, 3}, {"a search", search, 10}, {"passwords", guess, 6}} {
			if row.name == "a search" && strings.Contains(trick, "npm") || strings.Contains(trick, "git/") {
				row.most = 12 // known names only: a store of packages has most of what it is asked for
			}
			d, got := New(Config{Rules: builtinRules(t)}), 0
			for i, e := range (conduct{"", sending(trick, by(chrome, acts(40, 0.2, row.next)))}).events(true) {
				for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
					if got == 0 && a.Remediation && (a.Action != lookup.None || a.Guard != event.NoGuard) {
						got = i + 1
					}
				}
			}
			if got == 0 || got > row.most {
				t.Errorf("%q, %s: answered at %d, want by %d", trick, row.name, got, row.most)
			}
		}
	}
}
