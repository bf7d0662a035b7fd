package challenge

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestHostsThatCannotSharePassesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hosts []string
		want  string // in the error
	}{
		{"two domains", []string{"a.example", "b.example"}, "no common domain"},
		{"a top-level domain", []string{"com"}, "with a dot"},
		{"an address", []string{"192.0.2.1"}, "an IP address cannot share passes"},
		{"an address of IPv6", []string{"2001:db8::1"}, "an IP address cannot share passes"},
		{"a URL", []string{"https://example.com"}, "without a scheme"},
		{"a port", []string{"example.com:8443"}, "without a scheme, port or path"},
		{"an empty label", []string{"www..example.com"}, "with a dot"},
		{"nothing", []string{""}, "with a dot"},
		{"another alphabet", []string{"bücher.example"}, "xn--"},
		{"a long name", []string{strings.Repeat("a.", 130) + "example"}, "253"},
	} {
		if _, err := New(Config{Keys: newKeys(t, secretA), Hosts: tt.hosts}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the error is %v; want it to say %q", tt.name, err, tt.want)
		}
	}
}

// A pass from one host is valid at all hosts that share it, through a cookie that
// browsers send to all of them, and at no other host.
func TestAPassHoldsForASetOfHosts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hosts  []string
		domain string
		in     []string
		out    []string
	}{
		{
			"hosts that are listed",
			[]string{"www.shop.example", "CDN.shop.example", "api.shop.example"},
			"shop.example",
			[]string{"www.shop.example", "cdn.shop.example", "API.shop.example:8443", "img.cdn.shop.example", "www.shop.example."},
			[]string{"shop.example", "blog.shop.example", "evilwww.shop.example", "www.shop.example.evil.example", "www.shop.example evil"},
		},
		{
			"a domain",
			[]string{"shop.example"},
			"shop.example",
			[]string{"shop.example", "cdn.shop.example", "a.b.shop.example"},
			[]string{"evilshop.example", "example", "other.example"},
		},
		{"a domain with a star", []string{"*.shop.example"}, "shop.example", []string{"shop.example", "a.shop.example"}, []string{"b.example"}},
		{"one in the other", []string{"shop.example", "cdn.shop.example"}, "shop.example", []string{"shop.example", "cdn.shop.example"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t, Config{Hosts: tt.hosts})
			first := newClient(t, g)
			first.url = "https://" + tt.in[0] + "/"
			token := first.challenged().Token
			res := first.answer(token, first.solution(token))
			if got := res.cookies[0]; got.Name != "__Secure-tocsin4" || got.Domain != tt.domain || !got.Secure || got.SameSite != http.SameSiteNoneMode || got.Path != "/" {
				t.Errorf("the cookie is %s", res.header.Get("Set-Cookie"))
			}
			first = first.with(res)
			judge := func(host string) Verdict {
				r := first.request("GET", "")
				r.Host = host
				return g.Judge(r, first.visitor())
			}
			for _, host := range tt.in {
				if got := judge(host); got != Passed {
					t.Errorf("at %s the verdict is %d; want Passed", host, got)
				}
			}
			for _, host := range tt.out {
				if got := judge(host); got != Due {
					t.Errorf("at %s the verdict is %d; want Due", host, got)
				}
			}
		})
	}
}

func TestAPassOfAnotherSetOfHostsIsNone(t *testing.T) {
	c := newClient(t, newGate(t, Config{Hosts: []string{"shop.example"}})).solve()
	c.gate = newGate(t, Config{Hosts: []string{"shop.example", "cdn.shop.example"}})
	if got := c.judge(); got != Due {
		t.Errorf("the verdict is %d; want Due", got)
	}
}

func TestHostsOverPlainHTTP(t *testing.T) {
	c := newClient(t, newGate(t, Config{Hosts: []string{"shop.example"}}))
	c.url = "http://shop.example/"
	token := c.challenged().Token
	res := c.answer(token, c.solution(token))
	if got := res.cookies[0]; got.Name != "tocsin4" || got.Domain != "shop.example" || got.Secure || got.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie is %s", res.header.Get("Set-Cookie"))
	}
	c = c.with(res)
	c.url = "http://cdn.shop.example/a.css"
	if got := c.judge(); got != Passed {
		t.Errorf("the verdict is %d; want Passed", got)
	}
}

// A proxy in front may end TLS. The cookie depends on what the browser used.
func TestTLSThatEndsInFront(t *testing.T) {
	for _, tt := range []struct {
		name      string
		forwarded string
		isTLS     func(*http.Request) bool
		want      http.Cookie
	}{
		{"a proxy says https", "https", nil, http.Cookie{Name: "__Host-tocsin4", Secure: true, SameSite: http.SameSiteNoneMode}},
		{"a proxy says http", "http", nil, http.Cookie{Name: "tocsin4", SameSite: http.SameSiteLaxMode}},
		{"no proxy", "", nil, http.Cookie{Name: "tocsin4", SameSite: http.SameSiteLaxMode}},
		{"who says https is not trusted", "https", func(*http.Request) bool { return false }, http.Cookie{Name: "tocsin4", SameSite: http.SameSiteLaxMode}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{HTTPS: tt.isTLS}))
			c.url = "http://shop.example/"
			c.header = http.Header{"X-Forwarded-Proto": {tt.forwarded}}
			token := c.challenged().Token
			res := c.answer(token, c.solution(token))
			if got := *res.cookies[0]; got.Name != tt.want.Name || got.Secure != tt.want.Secure || got.SameSite != tt.want.SameSite {
				t.Errorf("the cookie is %s", res.header.Get("Set-Cookie"))
			}
			c = c.with(res)
			// Other hosts of the domain, and plain HTTP, can set a cookie without the
			// prefix: it must not hide the pass.
			name, _, _ := strings.Cut(c.cookie, "=")
			tossed := ""
			for _, value := range []string{"", "x", strings.Repeat("A", tokenChars), token, strings.Repeat("_", tokenChars)} {
				tossed += strings.Repeat(name+"="+value+"; ", 10)
			}
			for range 999 { // the most that fit into a header of 64 KB
				b := binding{host: "evil.example"}
				tossed += name + "=" + c.gate.keys.all()[0].seal(statement{kind: pass, level: High, now: time.Now(), ttl: 30 * time.Minute}, &b).String() + "; "
			}
			c.cookie = tossed + c.cookie
			if got := c.judge(); got != Passed {
				t.Errorf("behind junk of the same name the verdict is %d; want Passed", got)
			}
		})
	}
}

func TestPagesInFrames(t *testing.T) {
	for _, tt := range []struct {
		name   string
		from   []string
		policy string // the directive
		cookie bool   // partitioned
	}{
		{"nobody's, by default", nil, "; frame-ancestors 'none'", false},
		{"two sites'", []string{"https://a.example", "https://*.b.example:8443"}, "; frame-ancestors https://a.example https://*.b.example:8443", true},
		{"the site's own", []string{"'self'"}, "; frame-ancestors 'self'", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{Page: PageConfig{FrameAncestors: tt.from}}))
			r := c.request("GET", "")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			w := newRecorder()
			c.gate.Challenge(w, r, c.visitor())
			if got := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, tt.policy) {
				t.Errorf("the policy is %s", got)
			}
			token := c.challenged().Token
			if got := c.answer(token, c.solution(token)).cookies[0]; got.Partitioned != tt.cookie {
				t.Errorf("the cookie is %v", got)
			}
		})
	}
	for _, bad := range []string{"*", "a.example", "https://", "https://*", "https://a.example;", "https://a.example, b", "javascript://x", "none", "", "https://a.example/x"} {
		_, err := New(Config{Keys: newKeys(t, secretA), Page: PageConfig{FrameAncestors: []string{bad}}})
		if err == nil || !strings.Contains(err.Error(), "frame_ancestors") {
			t.Errorf("%q: the error is %v", bad, err)
		}
	}
}
