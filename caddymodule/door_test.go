package caddymodule

import (
	"bufio"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// theContent is in every answer of a frontController that a client without a pass
// must not get.
const theContent = "the content of the site"

// A frontController is an application with one entrance for all addresses, and as
// obliging as any: it takes the method from a header or a parameter, the path from a
// header, decodes and cleans it as often as it takes, cuts off parameters of
// segments, and answers whatever is left with a page. It grants every preflight.
type frontController struct {
	*httptest.Server
	early bool // it gives hints before an answer, which FastCGI cannot

	mu    sync.Mutex
	did   []string    // what it was made to do, apart from answering a harmless GET
	asked http.Header // of the last request
}

// last returns the headers of the last request.
func (c *frontController) last() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func newFrontController(t *testing.T) *frontController {
	c := &frontController{early: true}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *frontController) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked = r.Header.Clone()
	c.mu.Unlock()
	method, target := r.Method, r.URL.Path
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		if v := r.Header.Get(name); v != "" {
			method = v
		}
	}
	for _, name := range []string{"X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Prefix"} {
		if v := r.Header.Get(name); v != "" {
			target = v
		}
	}
	body, _ := io.ReadAll(r.Body)
	q := r.URL.Query()
	if sent, err := url.ParseRequestURI(r.RequestURI); err == nil { // some look only there
		maps.Copy(q, sent.Query())
	}
	if v := q.Get("_method"); v != "" {
		method = v
	}
	if v := q.Get("rest_route"); v != "" {
		target = v
	}
	for range 3 {
		if decoded, err := url.PathUnescape(target); err == nil {
			target = decoded
		}
	}
	segments := strings.Split(strings.ReplaceAll(target, `\`, "/"), "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	target = path.Clean("/" + strings.Join(segments, "/"))
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Content", theContent)
		defer w.Header().Set(http.TrailerPrefix+"X-Late", theContent)
	} else if target == "/robots.txt" && len(q) == 0 {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "User-agent: *")
		return
	}
	if !slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, strings.ToUpper(method)) || len(body) > 0 || r.Header.Get("Cookie") != "" || len(q) > 0 {
		c.mu.Lock()
		c.did = append(c.did, fmt.Sprintf("%s %s %v with %d bytes, for %s %s", method, target, q, len(body), r.Method, r.RequestURI))
		c.mu.Unlock()
	}
	w.Header().Set("Link", "</"+theContent+">")
	if c.early {
		w.WriteHeader(http.StatusEarlyHints)
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = fmt.Fprintf(w, "<p>%s at %s", theContent, target)
	w.Header().Set(http.TrailerPrefix+"X-Late", theContent)
}

// done returns what was done since the last time.
func (c *frontController) done() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.did = nil }()
	return c.did
}

// A try is a request by which a client that a captcha decision is in force for could
// get at content without a pass.
type try struct {
	name   string
	method string // default: GET
	target string // as it goes over the wire; default: /
	header http.Header
	body   string
	host   string // default: the site's address
	proto  string // of the request line; default: HTTP/1.1
	only   bool   // HTTP/1 alone can say this
}

func fields(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = append(h[pairs[i]], pairs[i+1])
	}
	return h
}

func preflight(pairs ...string) http.Header {
	h := fields(pairs...)
	h.Set("Origin", "https://evil.example")
	h.Set("Access-Control-Request-Method", "GET")
	return h
}

// agent is the user agent that has earned the pass.
const agent = "Go-http-client/1.1"

// tries returns ways around the challenge. pass is one of another client's.
func tries(pass string) []try {
	return []try{
		{name: "nothing special"},
		{name: "HEAD", method: "HEAD"},
		{name: "POST", method: "POST", body: "a=b"},
		{name: "PUT", method: "PUT", body: "a=b"},
		{name: "DELETE", method: "DELETE"},
		{name: "PATCH", method: "PATCH"},
		{name: "PROPFIND", method: "PROPFIND"},
		{name: "TRACE", method: "TRACE"},
		{name: "a method that there is not", method: "FETCH"},
		{name: "a method in small letters", method: "get"},
		{name: "plain OPTIONS", method: "OPTIONS"},
		{name: "OPTIONS of the server", method: "OPTIONS", target: "*", only: true},
		{name: "CONNECT", method: "CONNECT", target: "127.0.0.1:1", only: true},

		{name: "a preflight", method: "OPTIONS", header: preflight()},
		{name: "a preflight of robots.txt", method: "OPTIONS", target: "/robots.txt", header: preflight()},
		{name: "a preflight with another method", method: "OPTIONS", header: preflight("X-Http-Method-Override", "GET")},
		{name: "a preflight with another method as a parameter", method: "OPTIONS", target: "/?_method=POST&title=x", header: preflight()},
		{name: "a preflight with another address", method: "OPTIONS", target: "/robots.txt", header: preflight("X-Original-Url", "/")},
		{name: "a preflight with a route", method: "OPTIONS", target: "/?rest_route=/wp/v2/posts", header: preflight()},
		{name: "a preflight with a body", method: "OPTIONS", header: preflight(), body: "a=b"},
		{name: "a preflight with a session", method: "OPTIONS", header: preflight("Cookie", "session=1", "Authorization", "Basic eA==")},
		{name: "a preflight that begins a WebSocket", method: "OPTIONS", header: preflight("Connection", "Upgrade", "Upgrade", "websocket"), only: true},

		{name: "robots.txt with another method", target: "/robots.txt", header: fields("X-Http-Method-Override", "POST")},
		{name: "robots.txt with another method, by another name", target: "/robots.txt", header: fields("X-Method-Override", "DELETE")},
		{name: "robots.txt with another method as a parameter", target: "/robots.txt?_method=POST"},
		{name: "robots.txt with another address", target: "/robots.txt", header: fields("X-Original-Url", "/")},
		{name: "robots.txt with another address, by another name", target: "/robots.txt", header: fields("X-Rewrite-Url", "/")},
		{name: "robots.txt with another address, as proxies say it", target: "/robots.txt", header: fields("X-Forwarded-Uri", "/")},
		{name: "robots.txt below another address", target: "/robots.txt", header: fields("X-Forwarded-Prefix", "/shop/")},
		{name: "robots.txt with a route", target: "/robots.txt?rest_route=/wp/v2/posts"},
		{name: "an icon with a route", target: "/favicon.ico?rest_route=/wp/v2/posts"},
		{name: "well-known with a route", target: "/.well-known/x?rest_route=/wp/v2/posts"},
		{name: "robots.txt with a body", target: "/robots.txt", body: "a=b"},
		{name: "an icon that is a page", target: "/favicon.ico"},
		{name: "well-known that is a page", target: "/.well-known/security.txt"},
		{name: "HEAD of well-known", method: "HEAD", target: "/.well-known/security.txt"},
		{name: "a WebSocket of well-known", target: "/.well-known/x", header: fields("Connection", "Upgrade", "Upgrade", "websocket"), only: true},

		{name: "two slashes", target: "//robots.txt"},
		{name: "a dot", target: "/./robots.txt"},
		{name: "a slash behind", target: "/robots.txt/"},
		{name: "a path behind a file", target: "/favicon.ico/x"},
		{name: "a script in well-known, and a path behind it", target: "/.well-known/index.php/wp-json/wp/v2/posts"},
		{name: "out of robots.txt by a parameter", target: "/robots.txt/..;/"},
		{name: "a parameter of robots.txt", target: "/robots.txt;a=b"},
		{name: "out of well-known", target: "/.well-known/../"},
		{name: "out of well-known, encoded", target: "/.well-known/%2e%2e/"},
		{name: "out of well-known, with an encoded slash", target: "/.well-known/..%2f"},
		{name: "out of well-known, encoded twice", target: "/.well-known/%252e%252e/"},
		{name: "out of well-known by a parameter", target: "/.well-known/..;/"},
		{name: "out of well-known by a backslash", target: `/.well-known/..%5c`},
		{name: "an encoded letter", target: "/robots%2etxt"},
		{name: "an encoded question mark", target: "/robots.txt%3Frest_route=/"},
		{name: "an encoded fragment", target: "/robots.txt%23"},
		{name: "a zero", target: "/robots.txt%00"},
		{name: "capitals", target: "/ROBOTS.TXT"},

		{name: "rewritten to a page if it is not there", target: "/spa/robots.txt"},
		{name: "rewritten to exactly that page", target: "/spa/.well-known/none"},
		{name: "below a prefix that is cut off", target: "/app/robots.txt?rest_route=/"},
		{name: "below a prefix, as a page", target: "/app/.well-known/x"},
		{name: "an error that other routes answer", target: "/lost/robots.txt"},
		{name: "a preflight that is an error", method: "OPTIONS", target: "/lost/x?_method=POST", header: preflight()},

		{name: "HTTP/1.0", proto: "HTTP/1.0", only: true},
		{name: "HTTP/1.0 and robots.txt with a parameter", target: "/robots.txt?rest_route=/", proto: "HTTP/1.0", only: true},
		{name: "a whole address", target: "http://other.example/robots.txt?rest_route=/", only: true},
		{name: "a whole address as a preflight", method: "OPTIONS", target: "http://other.example/", header: preflight(), only: true},
		{name: "a body in pieces", method: "POST", header: fields("Transfer-Encoding", "chunked"), body: "0\r\n\r\n", only: true},
		{name: "robots.txt with a body in pieces", target: "/robots.txt", header: fields("Transfer-Encoding", "chunked"), body: "3\r\na=b\r\n0\r\n\r\n", only: true},
		{name: "a body that is to be asked for", method: "POST", header: fields("Expect", "100-continue"), body: "a=b", only: true},
		{name: "a part", header: fields("Range", "bytes=0-3")},

		{name: "a host in capitals", host: "LOCALHOST"},
		{name: "a host with a dot behind", host: "localhost."},
		{name: "a host with another port", host: "127.0.0.1:1"},
		{name: "another host", host: "other.example"},
		{name: "a host for the next server", header: fields("X-Forwarded-Host", "other.example")},

		{name: "an invalid pass", header: fields("Cookie", "tocsin4=AAAA; __Host-tocsin4=AAAA")},
		{name: "a pass of another client", header: fields("Cookie", pass, "User-Agent", agent)},
		{name: "an invalid answer", method: "POST", header: fields("X-Tocsin-Answer", "x"), body: "x"},
		{name: "an answer by GET", header: fields("X-Tocsin-Answer", "x")},
		{name: "a search engine", header: fields("User-Agent", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")},
		{name: "a picture of another page", header: fields("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "image", "Sec-Fetch-Mode", "no-cors")},
		{name: "a script of the site", header: fields("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors")},
	}
}

// A doorway is a site behind a challenge, on each protocol.
type doorway struct {
	*host
	tls     string
	app     *frontController
	clients map[string]*http.Client // but for HTTP/1.1
}

func newDoorway(t *testing.T) *doorway {
	t.Helper()
	return newDoorwayTo(t, func(_ *testing.T, app *frontController) string {
		return "reverse_proxy " + app.Listener.Addr().String()
	})
}

// newDoorwayTo returns one to what the directives serve that are given the application.
func newDoorwayTo(t *testing.T, serve func(*testing.T, *frontController) string) *doorway {
	t.Helper()
	d := &doorway{host: newHost(t), tls: freeAddr(t), app: newFrontController(t)}
	f := &front{host: d.host, tls: d.tls}
	trusted := f.certificate()
	d.list("suspects.txt", banned, suspect)
	d.file("index.html", "<p>"+theContent)
	_, port, _ := net.SplitHostPort(d.tls)
	app := d.app.Listener.Addr().String()
	d.load(strings.Replace(globals("blocklist {DIR}/suspects.txt {\naction captcha\n}\nsnapshot off\ndetect off\nchallenge pow {\nlevel low\n}"),
		"protocols h1 h2c", "protocols h1 h2 h2c h3", 1) +
		"(site) {\nhandle_path /spa/* {\ntocsin\nroot {DIR}\ntry_files {path} /index.html\nfile_server\n}\n" +
		"handle_path /lost/* {\ntocsin\nerror 404\n}\n" +
		"handle_path /app/* {\ntocsin\nreverse_proxy " + app + "\n}\n" +
		"handle {\ntocsin\nroot {DIR}/www\n" + serve(t, d.app) + "\n}\n" +
		"handle_errors {\nreverse_proxy " + app + "\n}\n}\n" +
		"http://:{PORT} {\nimport site\n}\nhttps://:" + port + " {\ntls {DIR}/cert.pem {DIR}/key.pem\nimport site\n}")
	d.waitStatus(banned, http.StatusForbidden)
	d.clients = d.doors(f, trusted)
	return d
}

// doors returns clients that follow no redirection.
func (d *doorway) doors(f *front, trusted *x509.CertPool) map[string]*http.Client {
	clients := f.newClients(trusted)
	delete(clients, "HTTP/1.1")
	for _, c := range clients {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return clients
}

// raw sends a try over HTTP/1, byte for byte, and returns all that comes back.
func (d *doorway) raw(q try, from string) (string, error) {
	conn, err := net.Dial("tcp", d.addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	method, target, proto, host := q.method, q.target, q.proto, q.host
	for _, v := range []struct {
		to *string
		or string
	}{{&method, "GET"}, {&target, "/"}, {&proto, "HTTP/1.1"}, {&host, d.addr}} {
		if *v.to == "" {
			*v.to = v.or
		}
	}
	h := q.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("X-Forwarded-For", from)
	if q.body != "" && h.Get("Transfer-Encoding") == "" {
		h.Set("Content-Length", fmt.Sprint(len(q.body)))
	}
	if h.Get("Connection") == "" {
		h.Set("Connection", "close")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\nHost: %s\r\n", method, target, proto, strings.TrimSpace(host))
	_ = h.Write(&b) // a Builder takes all
	if _, err := io.WriteString(conn, b.String()+"\r\n"+q.body); err != nil {
		return "", err
	}
	return responses(bufio.NewReader(conn), method)
}

// responses returns all that is in the answer to a request, with those that came early.
func responses(in *bufio.Reader, method string) (string, error) {
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return "", err
	}
	said, err := text(resp)
	if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
		return said, err
	}
	more, err := responses(in, method)
	return said + more, err
}

// send sends a try over another protocol.
func (d *doorway) send(proto string, q try, from string) (string, error) {
	r, err := http.NewRequest(http.MethodGet, "https://"+d.tls+"/", strings.NewReader(q.body))
	if err != nil {
		return "", err
	}
	if q.body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if q.method != "" {
		r.Method = q.method
	}
	if q.target != "" {
		if r.URL, err = url.Parse("https://" + d.tls + q.target); err != nil {
			return "", err
		}
	}
	maps.Copy(r.Header, q.header)
	r.Header.Set("X-Forwarded-For", from)
	r.Host = q.host
	resp, err := d.clients[proto].Do(r)
	if err != nil {
		return "", err
	}
	return text(resp)
}

// text returns all of a response, with its status.
func text(resp *http.Response) (string, error) {
	defer resp.Body.Close()
	var b strings.Builder
	fmt.Fprintln(&b, resp.Proto, resp.StatusCode)
	_ = resp.Header.Write(&b) // a Builder takes all
	_, err := io.Copy(&b, resp.Body)
	_ = resp.Trailer.Write(&b)
	return b.String(), err
}

// None of these requests reaches the site.
func TestNoWayRoundTheChallenge(t *testing.T) {
	d := newDoorway(t)
	pass := d.solveAt(d.challengeAt("/"), "/")
	all := append(tries(pass), moreTries(pass)...)
	if len(all) < 30 {
		t.Fatalf("%d tries", len(all))
	}
	d.stand(all)
	d.honest(pass)
}

// stand fails the test for each try that gets at the site, or has it do anything, over
// any protocol.
func (d *doorway) stand(all []try) {
	t := d.t
	t.Helper()
	d.app.done()
	ways := map[string]func(try) (string, error){
		"HTTP/1.1": func(q try) (string, error) { return d.raw(q, banned) },
		"HTTP/2.0": func(q try) (string, error) { return d.send("HTTP/2.0", q, banned) },
		"HTTP/3.0": func(q try) (string, error) { return d.send("HTTP/3.0", q, banned) },
	}
	sent, through := 0, 0
	for proto, send := range ways {
		for _, q := range all {
			if q.only && proto != "HTTP/1.1" {
				continue
			}
			sent++
			got, err := send(q)
			did := d.app.done()
			if strings.Contains(got, theContent) || len(did) > 0 {
				through++
				t.Errorf("%s, %s: got %.300q, and the site did %q", proto, q.name, got, did)
			}
			if err != nil && q.method != "CONNECT" && !strings.Contains(err.Error(), "invalid") {
				t.Errorf("%s, %s: %v", proto, q.name, err)
			}
		}
	}
	t.Logf("%d of %d tries, %d different ones, get through", through, sent, len(all))
}

// Requests that Caddy itself refuses, such as one without a host, meet no directive of
// the site and go to its error routes. So error routes that pass requests on need the
// directive, too.
func TestTheDirectiveInErrorRoutesStopsWhatCaddyRefuses(t *testing.T) {
	d := &doorway{host: newHost(t), app: newFrontController(t)}
	d.list("suspects.txt", banned)
	d.load(globals("blocklist {DIR}/suspects.txt {\naction captcha\n}\nsnapshot off") +
		"http://:{PORT} {\ntocsin\nrespond ok\nhandle_errors {\ntocsin\nreverse_proxy " + d.app.Listener.Addr().String() + "\n}\n}")
	d.waitStatus(banned, http.StatusForbidden)
	for from, want := range map[string]string{banned: "X-Tocsin: challenge", allowed: theContent} {
		if got, err := d.raw(try{host: " "}, from); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: got %.300q, %v; want %q in it", from, got, err, want)
		}
	}
}

// honest checks that the same site lets in what is to come in.
func (d *doorway) honest(pass string) {
	d.t.Helper()
	for _, row := range []struct {
		name, from string
		q          try
		want       string
	}{
		{"who has a pass", suspect, try{header: fields("Cookie", pass, "User-Agent", agent)}, theContent},
		{"who has no decision", allowed, try{}, theContent},
		{"a crawler", banned, try{target: "/robots.txt"}, "User-agent"},
		{"a crawler, in part", banned, try{target: "/robots.txt", header: fields("Range", "bytes=0-3")}, "User"},
		{"a preflight", banned, try{method: "OPTIONS", target: "/items?page=2", header: preflight()}, "Access-Control-Allow-Origin: *"},
	} {
		if got, err := d.raw(row.q, row.from); err != nil || !strings.Contains(got, row.want) {
			d.t.Errorf("%s: got %.300q, %v; want %q in it", row.name, got, err, row.want)
		}
	}
}

// challengeAt returns the page of the challenge that the suspect gets at a path.
func (d *doorway) challengeAt(path string) string {
	d.t.Helper()
	r := d.request(http.MethodGet, suspect, path)
	r.Header.Set("Accept", "text/html")
	a, err := d.do(r)
	if err != nil || a.status != http.StatusForbidden {
		d.t.Fatalf("status %d, %v", a.status, err)
	}
	return a.body
}
