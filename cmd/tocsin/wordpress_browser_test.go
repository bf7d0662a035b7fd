//go:build linux

package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/tocsin-project/tocsin/internal/browsertest"
	"github.com/tocsin-project/tocsin/internal/wafsuite"
)

// A front is a proxy in front of a post that says that all its clients are at one
// address, and keeps what they were answered.
type front struct {
	*httptest.Server

	mu      sync.Mutex
	answers []answered
}

// What a front has seen.
type answered struct {
	method, target string
	status         int
	challenged     bool
}

func (a answered) String() string { return fmt.Sprintf("%s %s %d", a.method, a.target, a.status) }

func newFront(p *post, address string) *front {
	return startFront(p, false, func(string) string { return address })
}

// startFront starts a front, with TLS if it is to be secure, that takes the address
// of a client from the host that it asks for.
func startFront(p *post, secure bool, addressAt func(host string) string) *front {
	to, err := url.Parse(p.url)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32}
	p.t.Cleanup(transport.CloseIdleConnections)
	f := new(front)
	f.Server = httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // browsers give requests up
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // WordPress makes links of it
			if !isOwn(r.In) {
				r.Out.Header.Set("X-Forwarded-For", addressAt(r.In.Host))
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if isOwn(r.Request) {
				return nil
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.answers = append(f.answers, answered{r.Request.Method, r.Request.URL.RequestURI(), r.StatusCode, r.Header.Get("X-Tocsin") == "challenge"})
			return nil
		},
	})
	if secure {
		f.StartTLS()
	} else {
		f.Start()
	}
	p.t.Cleanup(f.Close)
	return f
}

// isOwn reports whether it is the site that calls itself.
func isOwn(r *http.Request) bool { return strings.HasPrefix(r.UserAgent(), "WordPress/") }

// seen returns what was answered, as far as it was asked for with these words.
func (f *front) seen(words string) []answered {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.answers), func(a answered) bool { return !strings.Contains(a.target, words) })
}

// A person is a visitor of WordPress.
type person struct {
	*visitor
	site string
}

// goes opens a page of the site, and waits while a challenge is solved.
func (p person) goes(path string) {
	p.t.Helper()
	p.Open(p.site + path)
	p.Until("document.readyState == 'complete' && !document.querySelector('#tocsin')")
}

// fills puts texts into fields of the page by their ids, and sends the form of the
// last one. That is one step: the scripts of the login empty the field of the
// password a moment after the page is there.
func (p person) fills(fields ...[2]string) {
	p.t.Helper()
	var script strings.Builder
	for _, f := range fields {
		p.see("#" + f[0])
		fmt.Fprintf(&script, "document.getElementById(%q).value = %q;\n", f[0], f[1])
	}
	last := fields[len(fields)-1][0]
	fmt.Fprintf(&script, "HTMLFormElement.prototype.submit.call(document.getElementById(%q).form); true", last)
	look[bool](p.visitor, script.String())
}

// Text that looks like an attack to who does not know that somebody writes about
// one.
const article = `<!-- wp:paragraph --><p>Why ' OR '1'='1' -- and UNION SELECT password FROM wp_users; are old hats, ` +
	`and so is &lt;script&gt;alert(document.cookie)&lt;/script&gt; or cat ../../../../etc/passwd.</p><!-- /wp:paragraph -->`

// writes has the person log in, with one mistyped password, and do a day's work.
func (p person) writes() {
	p.goes("/wp-login.php")
	p.fills([2]string{"user_login", wpUser}, [2]string{"user_pass", wpPassword[1:]})
	p.see("#login_error")
	p.fills([2]string{"user_login", wpUser}, [2]string{"user_pass", wpPassword})
	p.see("#dashboard-widgets")

	p.goes("/wp-admin/post-new.php")
	p.Until("window.wp?.data?.select('core/editor')?.getCurrentPostId() > 0")
	look[bool](p.visitor, fmt.Sprintf("(wp.data.dispatch('core/editor').editPost({title: `<b>SQL</b> ' OR 1=1`, content: %q, status: 'publish'}), wp.data.dispatch('core/editor').savePost(), true)", article))
	p.Until("wp.data.select('core/editor').isCurrentPostPublished() && !wp.data.select('core/editor').isSavingPost()")
	p.Until("wp.data.select('core').getUsers({who: 'authors', per_page: 50})?.length > 2")
	look[bool](p.visitor, `(wp.apiFetch({path: '/wp/v2/media', method: 'POST', headers: {'Content-Disposition': 'attachment; filename=dot.gif'},
		body: new Blob([Uint8Array.from(atob('R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs='), c => c.charCodeAt(0))], {type: 'image/gif'})}).then(m => window.uploaded = m.id), true)`)
	p.Until("window.uploaded > 0")
	post := look[string](p.visitor, "wp.data.select('core/editor').getPermalink()")
	look[bool](p.visitor, "(window.onbeforeunload = null, true)")
	p.Open(post)
	p.Until("document.body.innerText.includes('UNION SELECT')")

	for _, page := range []string{
		"upload.php?mode=grid", "edit-comments.php", "edit.php?s=union+select+%27&post_status=all", "options-general.php", "users.php",
		"plugins.php", "themes.php", "tools.php", "site-health.php", "profile.php",
	} {
		p.goes("/wp-admin/" + page)
	}
	p.teaches()
	p.goes("/wp-admin/site-editor.php")
	p.Until("!!document.querySelector('.edit-site-visual-editor iframe')")
	p.goes("/wp-admin/")
	p.Open(look[string](p.visitor, "document.querySelector('#wp-admin-bar-logout a').href"))
	p.see("#loginform")
}

// reads has the person read, search, go astray and comment.
func (p person) reads() {
	p.goes("/")
	links := look[[]string](p.visitor, "[...new Set([...document.querySelectorAll('.wp-block-post-title a')].map(a => a.href))]")
	for _, link := range links[:min(8, len(links))] {
		p.Open(link)
	}
	p.goes("/?s=" + url.QueryEscape(`"it's" OR 1=1; DROP TABLE wp_posts -- <script>alert(1)</script> ../../etc/passwd`))
	p.goes("/a-page-that-was-moved/")
	p.Open(links[0])
	p.fills([2]string{"author", "Ann O'Nym"}, [2]string{"email", "ann@example.test"},
		[2]string{"comment", "I would SELECT this; <b>thanks</b> -- it's 1=1! http://example.test/?a=../b"})
	p.Until("location.href.includes('comment')") // there, or where WordPress says that it was too fast
}

// noisy makes a person of a visitor. WordPress's pages are not silent, and a browser with a
// cache would ask for much less.
func noisy(v *visitor, site string) person {
	v.readsNoisyPages()
	tell(v, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	return person{v, site}
}

// An office has one address. Somebody there works on the site, after a mistyped password, and
// writes about attacks, and somebody reads it on a phone. Neither detection nor the WAF, with
// its own rules and CrowdSec's, is in anybody's way. Only the reader, of whom nothing is known,
// meets a challenge once: for a search that looks like an attack.
func TestPeopleAtWordPressAreLeftInPeaceInABrowser(t *testing.T) {
	t.Parallel()
	browsertest.Find(t)
	w := newWordPress(t)
	p := newPost(t, "waf builtin "+filepath.Join(wafsuite.Dir(t), "_hub", "appsec-configs", "crowdsecurity", "appsec-default.yaml"), w.directives())
	const office = "203.0.113.7"
	f := newFront(p, office)

	writer, reader := noisy(newVisitor(t, browserConfig{}), f.URL), noisy(newVisitor(t, browserConfig{}), f.URL)
	tell(reader.visitor, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 3, Mobile: true})
	reader.reads()
	writer.writes()

	// Responses are judged in their order: with this one all are.
	bad := p.from("198.51.100.200")
	for i := range 6 {
		bad.send(wrong(i))
	}
	bad.refused()
	all, authors := f.seen(""), f.seen("who=authors")
	t.Logf("%d requests", len(all))
	if len(all) < 500 || len(authors) == 0 {
		t.Errorf("%d requests, of which %d list authors: this is not a day's work", len(all), len(authors))
	}
	if d := p.detection(); d.Events < len(all) || d.Dropped > 0 {
		t.Errorf("of %d requests %d were looked at, without the answers of %d", len(all), d.Events, d.Dropped)
	}
	searches := 0
	for _, a := range all {
		switch {
		case a.challenged && a.method == http.MethodGet && strings.HasPrefix(a.target, "/?s="):
			searches++
		case a.status == http.StatusForbidden:
			t.Errorf("refused: %v", a)
		}
	}
	isObserved := func(a alarm) bool { return strings.HasSuffix(a.Scenario, "-observe") }
	if a := slices.DeleteFunc(p.alarms(office), isObserved); searches > 1 || len(a) > searches {
		t.Errorf("%d challenges for one search, alerts %+v", searches, a)
	}
}
