package challenge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// navigation returns a browser's request for a page.
func navigation(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	return r
}

// sample returns a challenge like those of the gate.
func sample(t *testing.T) challengeFor {
	t.Helper()
	keys, err := NewKeyring(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return g.issue(navigation(http.MethodGet, "/"), challengeFor{Visitor: Visitor{
		Addr: netip.MustParseAddr("192.0.2.1"), Ref: "0123456789", Time: time.Now(),
	}})
}

func pageOf(t *testing.T, cfg PageConfig) *page {
	t.Helper()
	p, err := newPage(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func served(p *page, r *http.Request, c challengeFor) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.serve(w, r, c)
	return w
}

func TestPageIsSmallerThan6kB(t *testing.T) {
	p := pageOf(t, PageConfig{Contact: "https://example.com/contact?ref={ref}"})
	lost, wait := sample(t), sample(t)
	lost.Lost = true
	wait.Wait, wait.WaitToken = time.Minute, wait.Token
	for _, words := range pages.Languages() {
		lang := words.Lang
		for name, c := range map[string]challengeFor{"": sample(t), " of a lost form": lost, " with waiting": wait} {
			r := navigation(http.MethodGet, "http://shop.example.com/")
			r.Header.Set("Accept-Language", lang)
			for site, most := range map[string]int{"none": 6000, "cross-site": 6900} {
				r.Header.Set("Sec-Fetch-Site", site)
				if n := served(p, r, c).Body.Len(); n >= most {
					t.Errorf("the page%s in %s, %s, has %d bytes", name, lang, site, n)
				}
			}
		}
	}
}

// The page reloads itself only if the site itself or the visitor led to it: a reload
// counts as the site's own request.
func TestWhatHasLedToAChallenge(t *testing.T) {
	for _, tt := range []struct{ name, site, referer, want string }{
		{"the visitor", "none", "", ""},
		{"the site", "same-origin", "https://shop.example/", ""},
		{"another host of the site", "same-site", "https://www.shop.example/", "same-site"},
		{"another site", "cross-site", "", "cross-site"},
		{"another site that claims more", "cross-site", "https://shop.example/", "cross-site"},
		{"something new", "same-party", "", "cross-site"},
		{"nobody knows", "", "", "cross-site"},
		{"a page over plain HTTP", "", "http://SHOP.example/a?b", ""},
		{"another page over plain HTTP", "", "http://evil.example/shop.example", "cross-site"},
		{"an invalid page", "", "://", "cross-site"},
	} {
		r := navigation(http.MethodGet, "http://shop.example/")
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Del("Referer")
		for name, value := range map[string]string{"Sec-Fetch-Site": tt.site, "Referer": tt.referer} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if got := siteOf(r); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestPageIsSelfContained(t *testing.T) {
	body := served(pageOf(t, PageConfig{}), navigation(http.MethodGet, "/"), sample(t)).Body.String()
	if m := regexp.MustCompile(`https?:|@import|url\(|src=|{{|eval|<form|style="| on\w+=`).FindString(body); m != "" {
		t.Errorf("the page has %s", m)
	}
	for _, want := range []string{
		`<html lang="en" dir="ltr">`, `name="viewport"`, "color-scheme:light dark", "prefers-color-scheme:dark",
		`<p role="status">`, `<progress max="2000000" aria-label="Checking your browser …">`, "<noscript>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}

func TestPageSpeaksTheVisitorsLanguage(t *testing.T) {
	p := pageOf(t, PageConfig{})
	for _, c := range []struct{ accept, lang string }{
		{"", "en"},
		{"sv,*", "en"},
		{"de-CH,de;q=0.9,en;q=0.8", "de"},
		{"fr;q=0.5,es", "es"},
		{"fr-CA", "fr"},
		{"it", "it"},
		{"nl-BE", "nl"},
		{"pt-BR", "pt-BR"},
		{"ar-MA,fr;q=0.5", "ar"},
		{"ja-JP", "ja"},
		{"pl", "pl"},
		{"ru-RU,ru;q=0.9", "ru"},
		{"tr", "tr"},
		{"zh-CN", "zh-Hans"},
		{"zh-TW,zh;q=0.9", "zh-Hant"},
		{strings.Repeat("xx,", 1<<18) + "de", "en"},
	} {
		r := navigation(http.MethodGet, "/")
		r.Header.Set("Accept-Language", c.accept)
		w := served(p, r, sample(t))
		if got := w.Header().Get("Content-Language"); got != c.lang {
			t.Errorf("%.20q: Content-Language %s, want %s", c.accept, got, c.lang)
		}
		body := w.Body.String()
		words := pages.WordsFor(c.accept)
		if !strings.Contains(body, `<html lang="`+c.lang+`" dir="`+words.Dir+`">`) || !strings.Contains(body, "<h1>"+words.Title+"</h1>") {
			t.Errorf("%.20q: want the page in %s, got %s", c.accept, c.lang, body)
		}
	}
}

func TestPageOfAPost(t *testing.T) {
	p := pageOf(t, PageConfig{})
	form := []field{
		{"submit", "Sign in"},
		{`"><script>alert(1)</script>`, "\r\n'\"<b>&amp;"},
		{"action", "//evil.example"},
		{`"><script>alert(1)</script>`, "</form><img src=x onerror=alert(1)>"},
		{"", ""},
	}
	t.Run("that is kept has it in a form without an action", func(t *testing.T) {
		c := sample(t)
		c.Form = form
		w := served(p, navigation(http.MethodPost, "http://example.com//evil.example/login"), c)
		body := w.Body.String()
		if !strings.Contains(body, `<form method="post" hidden>`) || strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
			t.Errorf("form in %s", body)
		}
		var got []field
		for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(body, -1) {
			got = append(got, field{html.UnescapeString(m[1]), html.UnescapeString(m[2])})
		}
		if !slices.Equal(got, form) {
			t.Errorf("the form has %q, want %q", got, form)
		}
		if policy := w.Header().Get("Content-Security-Policy"); strings.Contains(policy, "form-action") {
			t.Errorf("policy %s would hold against redirections of the answer", policy)
		}
	})
	t.Run("that is kept and empty has a form too", func(t *testing.T) {
		c := sample(t)
		c.Form = []field{}
		if body := served(p, navigation(http.MethodPost, "/"), c).Body.String(); !strings.Contains(body, `<form method="post" hidden></form>`) {
			t.Errorf("no form in %s", body)
		}
	})
	t.Run("that is lost says so", func(t *testing.T) {
		c := sample(t)
		c.Lost = true
		body := served(p, navigation(http.MethodPost, "/"), c).Body.String()
		if !strings.Contains(body, `"lost":true`) || !strings.Contains(body, "Go back and send your form again.") || strings.Contains(body, "<form") {
			t.Errorf("page %s", body)
		}
	})
}

func TestPageWithoutJavaScript(t *testing.T) {
	p := pageOf(t, PageConfig{})
	c := sample(t)
	c.Wait, c.WaitToken = 14500*time.Millisecond, `t"ok>en`
	_, noscript, _ := strings.Cut(served(p, navigation(http.MethodGet, "/"), c).Body.String(), "<noscript>")
	noscript, _, _ = strings.Cut(noscript, "</noscript>")
	for _, want := range []string{
		"switch on JavaScript", "after 15 seconds", `<form method="post">`,
		`<button name="tocsin-answer" value="t&#34;ok&gt;en">Continue</button>`,
	} {
		if !strings.Contains(noscript, want) {
			t.Errorf("no %s in %s", want, noscript)
		}
	}
}

func TestNothingOfARequestGetsIntoThePageUnescaped(t *testing.T) {
	p := pageOf(t, PageConfig{Contact: "https://example.com/?ref={ref}"})
	c := sample(t)
	c.Ref = `"><script>alert(1)</script>`
	r := navigation(http.MethodGet, "http://example.com//evil.example/<script>alert(2)</script>?a=%22%3E<script>alert(3)</script>")
	r.Host = `<script>alert(4)</script>`
	for _, name := range []string{"Referer", "User-Agent", "Accept-Language", "Origin", "X-Forwarded-Host"} {
		r.Header.Set(name, "</script><script>alert(5)</script>")
	}
	w := served(p, r, c)
	if body := w.Body.String(); strings.Contains(body, "<script>") || strings.Contains(body, "evil.example") || strings.Count(body, "<script ") != 1 {
		t.Errorf("page %s", body)
	}
	for name, values := range w.Header() {
		if strings.Contains(strings.Join(values, ""), "alert") {
			t.Errorf("header %s: %q", name, values)
		}
	}
	r.Host = strings.Repeat("a", 65)
	if body := served(p, r, c).Body.String(); strings.Contains(body, "aaaa") {
		t.Error("an unduly long host is shown")
	}
}

// No text of a provider or translation can end the script element.
func TestScriptCannotBeLeft(t *testing.T) {
	c := sample(t)
	c.Widget = &Widget{Script: "https://example.com/</script><script>", Field: "<!--", Class: `a"b`, Data: map[string]string{"sitekey": `"><b>`}}
	body := served(pageOf(t, PageConfig{}), navigation(http.MethodGet, "/"), c).Body.String()
	if strings.Contains(body, "<!--") || strings.Count(body, "<script") != 1 || strings.Count(body, "</script") != 1 || strings.Contains(body, "<b>") {
		t.Errorf("page %s", body)
	}
	if !strings.Contains(body, `<div class="a&#34;b" data-sitekey="&#34;&gt;&lt;b&gt;"></div>`) {
		t.Errorf("no widget in %s", body)
	}
}

func TestEveryPageHasItsOwnNonce(t *testing.T) {
	p := pageOf(t, PageConfig{})
	c := sample(t)
	c.Widget = &Widget{Inline: "widget()"}
	seen := map[string]bool{}
	for range 100 {
		w := served(p, navigation(http.MethodGet, "/"), c)
		nonce := regexp.MustCompile(`script-src 'nonce-([\w-]{22})'`).FindStringSubmatch(w.Header().Get("Content-Security-Policy"))
		if nonce == nil || seen[nonce[1]] {
			t.Fatalf("policy %s", w.Header().Get("Content-Security-Policy"))
		}
		seen[nonce[1]] = true
		if body := w.Body.String(); strings.Count(body, "<script ") != 2 || strings.Count(body, `<script nonce="`+nonce[1]+`">`) != 2 {
			t.Fatalf("scripts without the nonce %s in %s", nonce[1], body)
		}
	}
}

func TestOwnTemplate(t *testing.T) {
	const text = `<title>{{.Title}}</title><style>p{}</style>{{.Lang}} {{.Ref}} {{.Addr}} {{.Host}} {{.Detail}}
		<a href="{{.Contact}}">{{.ContactText}}</a>{{.Check}}`
	p := pageOf(t, PageConfig{Template: text, Title: "Who's there?", Contact: "a@example.com"})
	c := sample(t)
	w := served(p, navigation(http.MethodGet, "/"), c)
	want := `<title>Who&#39;s there?</title><style>p{}</style>en 0123456789 192.0.2.1 example.com ` + pages.English().Detail + `
		<a href="mailto:a@example.com?subject=%5b0123456789%5d">a@example.com</a><div id="tocsin" hidden>`
	if body := w.Body.String(); !strings.HasPrefix(strings.ToLower(body), strings.ToLower(want)) || !strings.Contains(body, c.Token) {
		t.Errorf("got %s, want %s", body, want)
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'unsafe-inline';") {
		t.Errorf("policy %s", policy)
	}
}

func TestTheBuiltInPageStandsInForATemplateThatFailsLater(t *testing.T) {
	for name, text := range map[string]string{
		"in an error":           `{{.Check}}{{if gt (len .Ref) 20}}{{slice .Ref 0 1000}}{{end}}`,
		"without the challenge": `x{{if le (len .Ref) 20}}{{.Check}}{{end}}`,
	} {
		p := pageOf(t, PageConfig{Template: text})
		c := sample(t)
		c.Ref = strings.Repeat("x", 30)
		w := served(p, navigation(http.MethodGet, "/"), c)
		if !strings.Contains(w.Body.String(), "<h1>One moment, please</h1>") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "style-src 'sha256-") {
			t.Errorf("%s: %v %s", name, w.Header(), w.Body)
		}
	}
}

func TestNewPageRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  PageConfig
		want string
	}{
		{"a template that cannot be parsed", PageConfig{Template: "<p>\n{{if}}"}, "own.html:2"},
		{"a field that does not exist", PageConfig{Template: "{{.Check}}\n\n{{.Puzzle}}"}, "own.html:3"},
		{"what the built-in page has for itself", PageConfig{Template: "{{.Check}}{{.Nonce}}"}, "own.html:1"},
		{"a template without the challenge", PageConfig{Template: "<p>{{.Title}}"}, "own.html does not show {{.Check}}"},
		{"the challenge in an attribute", PageConfig{Template: `<p title="{{.Check}}">`}, "own.html does not show {{.Check}}"},
		{"the challenge in a comment", PageConfig{Template: `x<!-- {{.Check}} -->`}, "own.html does not show {{.Check}}"},
		{"the challenge in a text area", PageConfig{Template: `<textarea>{{.Check}}</textarea>`}, "own.html does not show {{.Check}}"},
		{"the challenge in a script", PageConfig{Template: `<script>{{.Check}}</script>`}, "own.html does not show {{.Check}}"},
		{"the challenge for some only", PageConfig{Template: `x{{with .Host}}{{$.Check}}{{end}}`}, "own.html does not show {{.Check}}"},
		{"what fails without a reference", PageConfig{Template: `{{.Check}}{{slice .Ref 0 5}}`}, "own.html:1"},
		{"only space", PageConfig{Template: " \n "}, "own.html renders nothing"},
		{"an invalid contact", PageConfig{Contact: "javascript:alert(1)"}, "want an http or https URL, or a mail address"},
		{"an accent that is no colour", PageConfig{Accent: "red"}, "want a colour as #rgb or #rrggbb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Name = "own.html"
			if _, err := newPage(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// node runs a script with Node.js, if that is installed.
func node(t *testing.T, script string) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestTerseLeavesStringsAndWordsAlone(t *testing.T) {
	const source = "// why\n\tconst a = b in c ? \" ( x + y ) // \" : [ d , e ];\n\n\treturn { a }\n"
	const want = "const a=b in c?\" ( x + y ) // \":[d,e];return{a}\n"
	if got := terse(source); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestScriptsAreStillScriptsWhenTerse(t *testing.T) {
	for name, s := range map[string]string{"solver.js": solveScript + leaveScript, "widget.js": askScript + leaveScript} {
		source, err := json.Marshal("{const d=0;" + s + "}")
		if err != nil {
			t.Fatal(err)
		}
		if out := node(t, "new Function("+string(source)+");console.log('parsed')"); out != "parsed\n" {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestSolverFindsTheSolution(t *testing.T) {
	const last = 50_000
	p := puzzle{salt: [16]byte{1, 0xff}, nonce: [16]byte{0x80, 2}}
	search, _, ok := strings.Cut(terse(solverJS), "begin(")
	if !ok {
		t.Fatal("no begin in solver.js")
	}
	for _, counter := range []uint32{0, 1, last - 1} {
		p.answer = p.try(counter)
		call := fmt.Sprintf(`const p={salt:"%x",nonce:"%x",keyPrefix:"%x"},run=search();`, p.salt, p.nonce, p.answer[:16]) +
			fmt.Sprintf(`console.log(JSON.stringify([run(p,0,%d),run(p,%d,%d)]))`, counter, counter, last)
		want := fmt.Sprintf("[null,{\"counter\":%d,\"derivedKey\":\"%x\"}]\n", counter, p.answer)
		if got := node(t, search+call); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
