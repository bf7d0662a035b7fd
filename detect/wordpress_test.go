//go:build linux

package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/wordpresstest"
)

// These tests have the built-in scenarios watch a real WordPress, and are skipped
// without one. TOCSIN_WP is the address of one that takes its own from the Host
// header, with a user admin; TOCSIN_WP_PASS is the password. Or there is one of
// package wordpresstest.

// wordpress returns the address of a WordPress and the password of its admin.
func wordpress(t *testing.T) (base *url.URL, password string) {
	t.Helper()
	at, password := os.Getenv("TOCSIN_WP"), cmp.Or(os.Getenv("TOCSIN_WP_PASS"), wordpresstest.Password)
	if at == "" {
		site, stop, err := wordpresstest.Start("scenarios", nil)
		if errors.Is(err, wordpresstest.ErrNone) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
		at = "http://127.0.0.1:" + site.Port
	}
	base, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return base, password
}

// A guard is a proxy in front of WordPress that shows a detector what passes.
type guard struct {
	*httptest.Server
	detector *Detector
	password string

	mu     sync.Mutex
	events []*event.Event
	alerts []event.Alert
}

// asClient names the header by which a test says who sends a request.
const asClient = "X-Test-Client"

func newGuard(t *testing.T) *guard {
	t.Helper()
	base, password := wordpress(t)
	g := &guard{detector: New(Config{Rules: builtinRules(t)}), password: password}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(base)
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &event.Event{
			Time: time.Now(), Client: netip.MustParseAddr(cmp.Or(r.Header.Get(asClient), "192.0.2.1")),
			Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto, UserAgent: r.UserAgent(), Referer: r.Referer(), Request: r.Header.Clone(),
		}
		r.Header.Del(asClient)
		g.heard(nil, g.detector.Request(e))
		body := &prefix{ReadCloser: r.Body}
		r.Body = body
		recorder := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			e.Ended, e.Status, e.Header = time.Now(), recorder.status, w.Header().Clone()
			e.Body, e.Truncated = body.kept()
			g.heard(e, g.detector.Response(e))
		}()
		proxy.ServeHTTP(recorder, r)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *guard) heard(e *event.Event, alerts []event.Alert) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e != nil {
		g.events = append(g.events, e)
	}
	g.alerts = append(g.alerts, alerts...)
}

// taken returns what was seen and alerted of since it was called last.
func (g *guard) taken() (events []*event.Event, alerts []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.alerts {
		alerts = append(alerts, a.Scenario)
	}
	events, g.events, g.alerts = g.events, nil, nil
	return events, alerts
}

// A prefix is a body whose beginning is kept.
type prefix struct {
	io.ReadCloser
	mu   sync.Mutex
	data []byte
	cut  bool
}

func (p *prefix) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	room := min(n, 16_384-len(p.data))
	p.data, p.cut = append(p.data, b[:room]...), p.cut || room < n
	return n, err
}

func (p *prefix) kept() ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.data), p.cut
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// send sends a step as it is and returns how it was understood.
func (g *guard) send(t *testing.T, c *http.Client, s step) map[string]string {
	t.Helper()
	method := cmp.Or(s.method, "GET")
	if s.method == "" && s.body != "" {
		method = "POST"
	}
	r, err := http.NewRequestWithContext(t.Context(), method, g.URL, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Opaque = "//" + r.URL.Host + s.target // not tidied up
	if s.body != "" {
		r.Header.Set("Content-Type", cmp.Or(s.form, mediaForm))
	}
	if s.agent != "" {
		r.Header.Set("User-Agent", s.agent)
	}
	r.Header.Set(asClient, cmp.Or(s.client, "192.0.2.1"))
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	e := *g.events[len(g.events)-1]
	if _, path, absolute := strings.Cut(e.Target, "://"); absolute {
		e.Target = path[strings.IndexByte(path, '/'):]
	}
	return fieldsOf(&e)
}

func stranger() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func TestRealWordPressTellsWhoLogsIn(t *testing.T) {
	g := newGuard(t)
	right, wrong := wpLogin("admin", g.password), wpLogin("admin", "wrong")
	parts := "--x\r\nContent-Disposition: form-data; name=\"log\"\r\n\r\nadmin\r\n--x\r\nContent-Disposition: form-data; name=\"pwd\"\r\n\r\n%s\r\n--x--\r\n"
	rows := []struct {
		name   string
		step   step
		status string
		want   string
	}{
		{"a wrong password", step{body: wrong}, "200", loginFailure},
		{"an unknown user", step{body: wpLogin("nobody", "x")}, "200", loginFailure},
		{"an empty form", step{body: "log=&pwd="}, "200", loginFailure},
		{"a wrong password in parts", step{body: fmt.Sprintf(parts, "x"), form: "multipart/form-data; boundary=x"}, "200", loginFailure},
		{"a right one in parts", step{body: fmt.Sprintf(parts, g.password), form: "multipart/form-data; boundary=x"}, "302", loginSuccess},
		{"a right one", step{body: "log=admin&pwd=" + g.password}, "302", loginSuccess},
		{"a right one, in the window that asks again", step{body: "interim-login=1&log=admin&pwd=" + g.password}, "200", loginSuccess},
		{"a right one, by a program without cookies", step{body: right}, "200", loginSuccess},
		{"fields that PHP takes for the right ones", step{body: "%20l%6fg=admin&pwd%00x=wrong"}, "200", loginFailure},
		{"fields in the query", step{target: "/wp-login.php?log=admin&pwd=x", body: "x=y"}, "200", ""},
		{"a body that PHP does not read", step{body: wrong, form: "text/plain"}, "200", ""},
		{"a content type that PHP alone reads", step{body: wrong, form: "Application/X-WWW-Form-urlencoded,x; a=b; a=c"}, "200", loginFailure},
		{"the page", step{}, "200", ""},
		{"another login", step{target: "/wp-login.php?reauth=1"}, "200", ""},
		{"logout without a nonce", step{target: "/wp-login.php?action=logout"}, "403", ""},
		{"a lost password", step{target: "/wp-login.php?action=lostpassword", body: "user_login=nobody"}, "200", ""},
		{"the password of a page, by who came from none", step{target: "/wp-login.php?action=postpass", body: "post_password=x"}, "200", ""},
		{"another name", step{target: "/WP-LOGIN.PHP", body: wrong}, "404", loginTry},
		{"behind the index", step{target: "/index.php/wp-login.php", body: wrong}, "404", loginTry},
	}
	for _, row := range rows {
		row.step.target = cmp.Or(row.step.target, "/wp-login.php")
		fields := g.send(t, stranger(), row.step)
		if fields["Meta.login"] != row.want || fields["Meta.http_status"] != row.status {
			t.Errorf("%s: %q with %s, want %q with %s", row.name, fields["Meta.login"], fields["Meta.http_status"], row.want, row.status)
		}
	}
	for _, target := range disguises {
		if strings.HasPrefix(target, "/blog/") {
			continue // there is no such folder
		}
		if fields := g.send(t, stranger(), step{target: target, body: wrong}); fields["Meta.login"] != loginFailure || fields["Meta.http_status"] != "200" {
			t.Errorf("%s: %q with %s", target, fields["Meta.login"], fields["Meta.http_status"])
		}
	}
}

func TestRealWordPressIsAttacked(t *testing.T) {
	g := newGuard(t)
	for i, row := range []struct {
		scenario string
		n        int
		next     func(i int) step
	}{
		{"http-login-bf", 6, func(i int) step { return step{target: "/wp-login.php", body: wpLogin("admin", fmt.Sprint("x", i))} }},
		{"wordpress-xmlrpc-bf", 21, same(step{target: "/xmlrpc.php", form: "text/xml", body: "<methodCall><oops"})},
		{"wordpress-xmlrpc-credentials", 6, func(i int) step {
			return step{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("wp.getPosts", "<int>1</int>", xmlString("admin"), xmlString(fmt.Sprint("x", i)))}
		}},
		{"wordpress-xmlrpc-multicall", 1, same(step{target: "/xmlrpc.php", form: "text/xml", body: xmlBundle(50)})},
		{"wordpress-user-enum", 16, func(i int) step { return step{target: fmt.Sprint("/?author=", i+1)} }},
		{"wordpress-user-enum", 16, func(i int) step {
			ways := []string{"/wp-json/wp/v2/users?page=%d", "/?rest_route=/wp/v2/users/%d", "/wp-json/wp/v2/USERS/%d", "/wp-json/wp/v2/users/%d", "/wp-sitemap-users-%d.xml", "/?author=%d"}
			return step{target: fmt.Sprintf(ways[i%len(ways)], i+1)}
		}},
		{"wordpress-scan", 5, through(0, "/readme.html", "/wp-includes/wlwmanifest.xml", "/wp-content/plugins/akismet/readme.txt", "/wp-admin/setup-config.php", "/wp-mail.php")},
		{"wordpress-ajax-probing", 6, func(i int) step { return step{target: "/wp-admin/admin-ajax.php", body: fmt.Sprint("action=x", i)} }},
		{"http-probing", 10, func(i int) step { return step{target: fmt.Sprintf("/%contario", 'b'+i)} }},
		{"http-secret-files", 3, through(0, "/.env", "/.git/config", "/wp-config.php")},
		{"http-backdoors", 2, through(0, "/c99.php", "/wp-content/uploads/x.php")},
		{"http-backup-files", 4, through(0, "/backup.zip", "/db.sql", "/site.tar.gz", "/wp.rar")},
		{"http-path-traversal", 4, func(i int) step { return step{target: strings.Repeat("/..%2f", i+1) + "etc/passwd"} }},
		{"http-scanner-agents", 1, same(step{target: "/", agent: "WPScan v3.8.25 (https://wpscan.com/wordpress-security-scanner)"})},
		{"http-odd-methods", 4, func(i int) step { return step{target: "/", method: []string{"TRACE", "TRACK", "DEBUG", "NONSENSE"}[i]} }},
	} {
		client := fmt.Sprint("198.51.100.", i+1)
		g.taken()
		for j := range row.n {
			s := row.next(j)
			s.client = client
			g.send(t, stranger(), s)
		}
		if _, alerts := g.taken(); !slices.Equal(alerts, []string{"tocsin/" + row.scenario}) {
			t.Errorf("%s: alerts %q", row.scenario, alerts)
		}
	}
}

// A page that a browser is led to, and what is done there.
type visit struct {
	path, ready, do string // expressions: ready is waited for, do is evaluated then, and its promise is kept
	leaves          bool   // do leads to another page
}

var browserVisits = []visit{
	{path: "/", ready: "true", do: "true"},
	{path: "/?s=" + url.QueryEscape(`"bread" ' OR 1=1 -- union select ../../etc/passwd <script>`), ready: "true", do: "true"},
	{path: "/no-such-page/", ready: "true", do: "true"},
	{path: "/wp-admin/", ready: "document.querySelector('#loginform')", do: "log(%[1]q, 'Corect-Horse')", leaves: true},
	{path: "", ready: "document.querySelector('#login_error')", do: "log(%[1]q, %[2]q)", leaves: true},
	{path: "", ready: "document.querySelector('#wpadminbar')", do: "true"},
	{path: "/wp-admin/post-new.php", ready: "window.wp?.data?.select('core/editor')?.getCurrentPostId()", do: `(async () => {
		const editor = wp.data.dispatch('core/editor');
		await editor.editPost({title: "It's <b>1=1</b>", content: "<!-- wp:paragraph --><p>' OR 1=1; DROP TABLE x; ../../etc/passwd &lt;script></p><!-- /wp:paragraph -->"});
		await editor.autosave();
		await editor.editPost({status: 'publish'});
		await editor.savePost();
		for (let i = 0; i < 30; i++) await wp.apiFetch({path: '/wp/v2/users?who=authors&per_page=50&page=1&context=view&i=' + i});
		await wp.apiFetch({path: '/wp/v2/users/me'});
		return wp.data.select('core/editor').didPostSaveRequestSucceed();
	})()`},
	{path: "/wp-admin/upload.php", ready: "window._wpPluploadSettings", do: `(async () => {
		for (const name of ['a.png', 'password.png', 'c.png']) {
			const form = new FormData(), canvas = document.createElement('canvas');
			const params = _wpPluploadSettings.defaults.multipart_params;
			for (const key in params) form.append(key, params[key]);
			form.append('name', name);
			form.append('async-upload', await new Promise(done => canvas.toBlob(done)), name);
			const answer = await (await fetch('/wp-admin/async-upload.php', {method: 'POST', body: form})).json();
			if (!answer.success) return false;
		}
		return true;
	})()`},
	{path: "/wp-admin/edit-comments.php", ready: "true", do: "true"},
	{path: "/wp-admin/users.php", ready: "true", do: "true"},
	{path: "/wp-admin/edit.php?author=1", ready: "true", do: "true"},
	{path: "/wp-admin/site-editor.php", ready: "window.wp?.data?.select('core/edit-site')", do: "true"},
	{path: "/wp-admin/plugins.php", ready: "true", do: "true"},
	{path: "/wp-admin/options-general.php", ready: "true", do: `(async () => {
		const statuses = [];
		for (let i = 0; i < 40; i++) {
			statuses.push((await fetch('/wp-json/wp/v2/posts', {method: 'POST', headers: {'X-WP-Nonce': 'old' + i}, body: '{}'})).status);
			statuses.push((await fetch('/wp-admin/admin-ajax.php', {method: 'POST', body: new URLSearchParams({action: 'heartbeat', _nonce: 'old'})})).status);
		}
		return statuses.includes(403);
	})()`},
	{path: "/wp-admin/index.php", ready: "document.querySelector('#wp-admin-bar-logout a')", do: "document.querySelector('#wp-admin-bar-logout a').click()", leaves: true},
	{path: "", ready: "document.querySelector('#loginform')", do: "true"},
}

// fillIn is what somebody does who logs in.
const fillIn = `const log = (name, password) => {
	document.querySelector('#user_login').value = name;
	document.querySelector('#user_pass').value = password;
	document.querySelector('#wp-submit').click();
}; `

func TestRealWordPressIsUsedByABrowser(t *testing.T) {
	file, err := exec.LookPath(cmp.Or(os.Getenv("TOCSIN_CHROMIUM"), "chromium"))
	if err != nil {
		t.Skipf("no browser: %v", err)
	}
	g := newGuard(t)
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(file), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))...)
	defer cancel()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for _, v := range browserVisits {
		if v.path != "" {
			if err := chromedp.Do(ctx, chromedp.Navigate(g.URL+v.path)); err != nil {
				t.Fatalf("%s: %v", v.path, err)
			}
		}
		g.wait(t, ctx, v)
	}
	events, alerts := g.taken()
	tally := make(map[string]int)
	for _, e := range events {
		tally[fmt.Sprint(e.Status)]++
		if login := fieldsOf(e)["Meta.login"]; login != "" {
			tally[login]++
		}
	}
	t.Logf("%d requests: %v", len(events), tally)
	if len(alerts) > 0 || len(events) < 200 {
		t.Errorf("alerts: %q", alerts)
	}
	if tally[loginSuccess] != 1 || tally[loginFailure] != 1 {
		t.Errorf("logins: %v", tally)
	}
}

// wait waits until the page is ready, and does there what is to be done.
func (g *guard) wait(t *testing.T, ctx context.Context, v visit) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.readyState == 'complete' && !!("+v.ready+")"))
		if err == nil && ok {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: waiting for %s: %v", v.path, v.ready, err)
		}
	}
	if v.leaves {
		do := v.do
		if strings.Contains(do, "%[") {
			do = fmt.Sprintf(do+"%.0[1]s%.0[2]s", "admin", g.password)
		}
		if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void]("void setTimeout(() => { "+fillIn+do+" })")); err != nil {
			t.Fatalf("%s: %v", v.path, err)
		}
		return
	}
	ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](v.do, chromedp.EvalAwaitPromise))
	if err != nil || !ok {
		t.Fatalf("%s: %v %v", v.path, ok, err)
	}
}
