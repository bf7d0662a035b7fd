package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
)

// moreTries returns ways around the challenge by how requests are spelled, who they say
// to be from, and what passes they bring. pass is one of another client's.
func moreTries(pass string) []try {
	name, token, _ := strings.Cut(pass, "=")
	all := []try{
		{name: "an encoded letter at the front", target: "/%72obots.txt"},
		{name: "a question mark without a query", target: "/robots.txt?"},
		{name: "two slashes before well-known", target: "//.well-known/security.txt"},
		{name: "two slashes in well-known", target: "/.well-known//security.txt"},
		{name: "a session in the path of well-known", target: "/.well-known/x;jsessionid=1"},
		{name: "a folder with a dot in well-known", target: "/.well-known/.git/config"},
		{name: "an overlong encoding", target: "/.well-known/%c0%ae%c0%ae/"},
		{name: "a line break", target: "/robots.txt%0d%0aX-Original-URL:%20/"},
		{name: "a space behind", target: "/robots.txt%20"},
		{name: "a whole address of robots.txt with a name", target: "http://user@other.example/robots.txt", only: true},
		{name: "a whole address of another scheme", target: "ftp://other.example/robots.txt?rest_route=/", only: true},

		{name: "SEARCH", method: "SEARCH"},
		{name: "QUERY", method: "QUERY", body: "a=b"},
		{name: "LINK to robots.txt", method: "LINK", target: "/robots.txt"},
		{name: "robots.txt with a body that is to be asked for", target: "/robots.txt", header: fields("Expect", "100-continue"), body: "a=b", only: true},
		{name: "a body in pieces with a trailer", method: "POST", header: fields("Transfer-Encoding", "chunked", "Trailer", "X-Original-Url"), body: "0\r\nX-Original-Url: /\r\n\r\n", only: true},
		{name: "an upgrade to HTTP/2", header: fields("Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "Http2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"), only: true},
		{name: "an upgrade to HTTP/2 of robots.txt", target: "/robots.txt", header: fields("Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "Http2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"), only: true},
		{name: "a WebSocket", header: fields("Connection", "Upgrade", "Upgrade", "websocket", "Sec-Websocket-Version", "13", "Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="), only: true},
		{name: "a field that is for one hop", header: fields("Connection", "close, X-Forwarded-For"), only: true},
		{name: "many parts", header: fields("Range", "bytes=0-0,1-1,2-2")},
		{name: "only if it is another one", header: fields("If-None-Match", "*")},

		{name: "a fragment of htmx", header: fields("Hx-Request", "true")},
		{name: "a frame of Turbo", header: fields("Turbo-Frame", "a", "Accept", "text/vnd.turbo-stream.html")},
		{name: "a part of a React page", target: "/?_rsc=1", header: fields("Rsc", "1")},
		{name: "an event stream", header: fields("Accept", "text/event-stream")},
		{name: "gRPC", method: "POST", header: fields("Content-Type", "application/grpc", "Te", "trailers"), body: "\x00\x00\x00\x00\x00"},
		{name: "a prefetch", header: fields("Sec-Purpose", "prefetch;prerender", "Purpose", "prefetch")},
		{name: "the script of a service worker", header: fields("Service-Worker", "script", "Sec-Fetch-Dest", "serviceworker")},
		{name: "a health check", target: "/healthz", header: fields("User-Agent", "kube-probe/1.33")},
		{name: "a challenge of ACME that is a page", target: "/.well-known/acme-challenge/token"},
		{name: "a certificate authority", target: "/.well-known/acme-challenge/..%2f..%2f", header: fields("User-Agent", "Mozilla/5.0 (compatible; Let's Encrypt validation server)")},
		{name: "a touch icon", target: "/apple-touch-icon.png"},
		{name: "a site map", target: "/sitemap.xml"},

		{name: "a host in brackets", host: "[::1]"},
		{name: "a host that begins with a dot", host: ".example"},
		{name: "a host that is not of ASCII", host: "xn--bcher-kva.example"},
		{name: "a host with a port of zeros", host: "localhost:000080"},

		{name: "another client to the left", header: fields("X-Forwarded-For", allowed+", "+banned)},
		{name: "a pass in quotes", header: fields("Cookie", name+`="`+token+`"`, "User-Agent", agent)},
		{name: "a pass with padding", header: fields("Cookie", pass+"=", "User-Agent", agent)},
		{name: "a pass for HTTPS", header: fields("Cookie", "__Host-"+pass+"; __Secure-"+pass, "User-Agent", agent, "X-Forwarded-Proto", "https")},
		{name: "a pass behind a hundred", header: fields("Cookie", strings.Repeat(name+"="+strings.Repeat("A", len(token))+"; ", 100)+pass, "User-Agent", agent)},
		{name: "a pass in ten lines", header: fields("Cookie", pass, "Cookie", pass, "Cookie", "a=b", "User-Agent", agent)},
		{name: "a pass as an answer", method: "POST", header: fields("X-Tocsin-Answer", token, "User-Agent", agent), body: "x"},
		{name: "a pass with another last letter", header: fields("Cookie", pass[:len(pass)-1]+"A", "User-Agent", agent)},
	}
	for _, by := range []string{"Forwarded", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Fastly-Client-Ip"} {
		value := allowed
		if by == "Forwarded" {
			value = "for=" + allowed
		}
		all = append(all, try{name: "another client by " + by, header: fields(by, value)})
	}
	return all
}

// Wherever the directive stands, what stands around it hands on nothing that it has
// stopped: neither to another upstream, nor as a file.
func TestNothingAroundTheDirectiveHandsOnWhatItStops(t *testing.T) {
	d := &doorway{host: newHost(t), app: newFrontController(t)}
	asks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(asks.Close)
	d.list("suspects.txt", suspect)
	d.list("outlaws.txt", banned)
	d.file("secret.html", "<p>"+theContent)
	app := "reverse_proxy " + d.app.Listener.Addr().String()
	around := map[string]string{
		"/intercept/*": "intercept {\n@e status 403 429\nhandle_response @e {\n" + app + "\n}\n}\nhandle {\ntocsin\n" + app + "\n}",
		"/files/*":     "uri strip_prefix /files\nintercept {\n@e status 4xx\nhandle_response @e {\nroot {DIR}\nfile_server\n}\n}\nhandle {\ntocsin\n" + app + "\n}",
		"/status/*":    "intercept {\n@e status 403\nreplace_status @e 200\n}\nhandle {\ntocsin\n" + app + "\n}",
		"/invoke/*":    "invoke named",
		"/route/*":     "route {\nmap {path} {found} {\ndefault yes\n}\ntocsin\nrewrite * /robots.txt\n" + app + "\n}",
		"/auth/*":      "forward_auth " + asks.Listener.Addr().String() + " {\nuri /robots.txt\n}\nhandle {\ntocsin\n" + app + "\n}",
		"/lost/*":      "intercept {\n@e status 404\nhandle_response @e {\nroot {DIR}\nrewrite * /secret.html\nfile_server\n}\n}\nhandle {\ntocsin\nerror 404\n}",
		"/before/*":    "route {\nroute {\nintercept {\n@e status 403 429\nhandle_response @e {\n" + app + "\n}\n}\n}\ntocsin\n" + app + "\n}",
		"/within/*":    "invoke guarded",
		"/invoked/*":   "route {\ninvoke guard\ntocsin\n" + app + "\n}",
		"/encoded/*":   "encode\ntemplates\nhandle {\ntocsin\n" + app + "\n}",
	}
	text := globals("blocklist {DIR}/suspects.txt {\naction captcha\n}\nblocklist {DIR}/outlaws.txt\nsnapshot off") +
		"&(named) {\ntocsin\n" + app + "\n}\n" +
		"&(guard) {\nintercept {\n@e status 403 429\nhandle_response @e {\n" + app + "\n}\n}\n}\n" +
		"&(guarded) {\nroute {\nintercept {\n@e status 403 429\nhandle_response @e {\n" + app + "\n}\n}\ntocsin\n" + app + "\n}\n}\nhttp://:{PORT} {\n"
	for path, inner := range around {
		text += "handle " + path + " {\n" + inner + "\n}\n"
	}
	d.load(text + "handle {\ntocsin\n" + app + "\n}\n}")
	d.waitStatus(banned, http.StatusForbidden)
	d.waitStatus(suspect, http.StatusForbidden)
	d.app.done()
	for path := range around {
		for _, from := range []string{suspect, banned} {
			for _, q := range []try{
				{target: strings.Replace(path, "*", "secret.html", 1)},
				{target: strings.Replace(path, "*", "robots.txt", 1)},
				{target: "/.well-known/x", header: fields("X-At", path)},
				{method: "POST", target: strings.Replace(path, "*", "admin?id=1", 1), body: "a=b"},
			} {
				got, err := d.raw(q, from)
				got = strings.NewReplacer("</"+theContent+">", "", theContent+" at "+stoppedPath, "").Replace(got) // by a harmless GET
				if did := d.app.done(); err != nil || strings.Contains(got, theContent) || len(did) > 0 {
					t.Errorf("%s of %s at %s: got %.300q, %v, and the site did %q", q.method, from, q.target, got, err, did)
				}
			}
		}
		if got, err := d.raw(try{target: strings.Replace(path, "*", "secret.html", 1)}, allowed); err != nil || strings.Contains(fmt.Sprintf("%.20s", got), " 403") {
			t.Errorf("who has no decision, at %s: %.300q, %v", path, got, err)
		}
	}
}

func TestAnInterceptAroundTheDirectiveIsWarnedOf(t *testing.T) {
	for _, row := range []struct {
		name, site string
		want       bool
	}{
		{"around it", "intercept {\nreplace_status 404\n}\nhandle {\ntocsin\n}", true},
		{"in the same block, where it comes second", "tocsin\nintercept {\nreplace_status 404\n}", false},
		{"in a block before it", "route {\nroute {\nintercept {\nreplace_status 404\n}\n}\ntocsin\n}", true},
		{"in another block of a route", "route {\nhandle /a {\nintercept {\nreplace_status 404\n}\n}\nhandle {\ntocsin\n}\n}", false},
		{"in another block", "handle /a {\nintercept {\nreplace_status 404\n}\n}\nhandle {\ntocsin\n}", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.useAdmin()
			h.list("banned.txt", banned)
			h.load(globals("blocklist {DIR}/banned.txt\nsnapshot off") + "http://{ADDR} {\n" + row.site + "\nrespond ok\n}")
			all := strings.Join(askFor[admin.Status](h, "GET", "/tocsin/status", 200).Warnings, "\n")
			if got := strings.Contains(all, "intercept is around tocsin"); got != row.want {
				t.Errorf("warned: %t, want %t: %s", got, row.want, all)
			}
		})
	}
}
