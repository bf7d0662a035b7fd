package challenge

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheCookie(t *testing.T) {
	six := netip.MustParseAddr("2001:db8::1")
	four := netip.MustParseAddr("192.0.2.1")
	for _, tt := range []struct {
		name, url string
		addr      netip.Addr
		want      http.Cookie
	}{
		{"HTTPS, IPv4", "https://shop.example/a/b", four, http.Cookie{Name: "__Host-tocsin4", Secure: true, SameSite: http.SameSiteNoneMode}},
		{"HTTPS, IPv6", "https://shop.example/", six, http.Cookie{Name: "__Host-tocsin6", Secure: true, SameSite: http.SameSiteNoneMode}},
		{"HTTP, IPv4", "http://shop.example/", four, http.Cookie{Name: "tocsin4", SameSite: http.SameSiteLaxMode}},
		{"HTTP, IPv6", "http://shop.example/", six, http.Cookie{Name: "tocsin6", SameSite: http.SameSiteLaxMode}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, newGate(t, Config{}))
			c.url, c.addr = tt.url, tt.addr
			token := c.challenged().Token
			res := c.answer(token, c.solution(token))
			got := *res.cookies[0]
			if got.Name != tt.want.Name || got.Secure != tt.want.Secure || got.SameSite != tt.want.SameSite ||
				!got.HttpOnly || got.Path != "/" || got.Domain != "" || got.MaxAge != int((30*time.Minute+24*time.Hour).Seconds()) {
				t.Errorf("the cookie is %s", res.header.Get("Set-Cookie"))
			}
			if strings.Contains(res.header.Get("Set-Cookie"), tt.addr.String()) {
				t.Error("the cookie holds the address")
			}
			if c.with(res).judge() != Passed {
				t.Error("the cookie does not count")
			}
		})
	}
}

func TestADualStackClientHasTwoPasses(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	four := c.solve().cookie
	c.addr = netip.MustParseAddr("2001:db8::1")
	six := c.solve().cookie
	c.cookie = four + "; " + six
	if c.judge() != Passed {
		t.Error("the pass for IPv6 does not count beside that for IPv4")
	}
	c.addr = netip.MustParseAddr("192.0.2.1")
	if c.judge() != Passed {
		t.Error("the pass for IPv4 does not count beside that for IPv6")
	}
}

func TestAPassIsFoundAmongOtherCookies(t *testing.T) {
	c := newClient(t, newGate(t, Config{})).solve()
	mine := c.cookie
	tossed := secureCookie4 + "=" + strings.Repeat("A", tokenChars) + "; "
	for name, tt := range map[string]struct {
		cookie string
		want   Verdict
	}{
		"others around it":              {"a=1;" + mine + ";b=2", Passed},
		"spaces":                        {"a=1 ;  " + mine + " ", Passed},
		"one of the same name before":   {tossed + mine, Passed},
		"three of the same name before": {strings.Repeat(tossed, 3) + mine, Passed},
		"ten thousand of the same name": {strings.Repeat(tossed, 10_000) + mine, Passed},
		"quotes":                        {strings.Replace(mine, "=", `="`, 1) + `"`, Due},
		"another name":                  {"x" + mine, Due},
		"the name in capitals":          {strings.Replace(mine, "tocsin", "Tocsin", 1), Due},
		"the name of plain HTTP":        {strings.TrimPrefix(mine, "__Host-"), Due},
	} {
		c.cookie = tt.cookie
		if got := c.judge(); got != tt.want {
			t.Errorf("%s: the verdict is %d; want %d", name, got, tt.want)
		}
	}
}

func TestNoCookieIsSetOrDeletedWithAChallenge(t *testing.T) {
	c := newClient(t, newGate(t, Config{})).solve()
	c.agent = "another"
	w := newRecorder()
	c.gate.Challenge(w, c.request("GET", ""), c.visitor())
	if set := w.Header()["Set-Cookie"]; set != nil {
		t.Errorf("the challenge sets %q", set)
	}
}

func TestStripLeavesOtherCookiesAsTheyAre(t *testing.T) {
	g := newGate(t, Config{})
	for _, tt := range []struct {
		name       string
		have, want []string
	}{
		{"none", nil, nil},
		{"others only", []string{`a=1;b="x; y" ;; c`}, []string{`a=1;b="x; y" ;; c`}},
		{"ours only", []string{"tocsin4=x"}, nil},
		{"all of ours", []string{"tocsin4=x; __Host-tocsin6=y;tocsin6; __Host-tocsin4=; __Secure-tocsin4=y; __Secure-tocsin6"}, nil},
		{"first", []string{"tocsin4=x; a=1;  b=2"}, []string{"a=1;  b=2"}},
		{"in the middle", []string{"a=1; __Host-tocsin4=x;b=2"}, []string{"a=1;b=2"}},
		{"last", []string{"a=1 ;b=2; tocsin6=x"}, []string{"a=1 ;b=2"}},
		{"twice", []string{"tocsin4=x; a=1; tocsin4=y"}, []string{"a=1"}},
		{"names that are like ours", []string{"tocsin=1; tocsin44=2; Tocsin4=3; x=tocsin4"}, []string{"tocsin=1; tocsin44=2; Tocsin4=3; x=tocsin4"}},
		{"several lines", []string{"a=1", "tocsin4=x", "b=2; tocsin6=x"}, []string{"a=1", "b=2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newClient(t, g).request("GET", "")
			if tt.have != nil {
				r.Header["Cookie"] = tt.have
			}
			held := r.Header
			before := slices.Clone(tt.have)
			got := g.Strip(r).Header["Cookie"]
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q becomes %q; want %q", tt.have, got, tt.want)
			}
			if !slices.Equal(held["Cookie"], before) {
				t.Errorf("the header that others hold became %q", held["Cookie"])
			}
		})
	}
}

func TestStripCopiesOnlyIfItHasTo(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	c.cookie = "a=1"
	if r := c.request("GET", ""); c.gate.Strip(r) != r {
		t.Error("a request without our cookies is copied")
	}
	c.cookie = "a=1; tocsin4=x"
	r := c.request("POST", "body")
	s := c.gate.Strip(r)
	if s == r || s.Body != r.Body || s.URL != r.URL || s.Context() != r.Context() || s.UserAgent() != r.UserAgent() {
		t.Error("the copy is not the same request with another header")
	}
}

func FuzzStrip(f *testing.F) {
	g := newGate(f, Config{})
	f.Add("a=1; tocsin4=x; b=2")
	f.Add("tocsin6=x;;  =; __Host-tocsin4")
	f.Add("\ttocsin4\t=x ; a")
	f.Fuzz(func(t *testing.T, line string) {
		r := &http.Request{Header: http.Header{"Cookie": {line}}}
		got := g.Strip(r).Header["Cookie"]
		var want []string
		for part := range strings.SplitSeq(line, ";") {
			if !ours(part) {
				want = append(want, part)
			}
		}
		switch {
		case len(got) == 0:
			if strings.Trim(strings.Join(want, ";"), " \t") != "" {
				t.Errorf("%q is gone; want %q", line, want)
			}
		case hasOurs(got[0]):
			t.Errorf("%q becomes %q, which has a cookie of ours", line, got)
		case strings.TrimLeft(got[0], " \t") != strings.TrimLeft(strings.Join(want, ";"), " \t"):
			t.Errorf("%q becomes %q; want %q", line, got, want)
		case !hasOurs(line) && got[0] != line:
			t.Errorf("%q has none of ours and becomes %q", line, got)
		}
	})
}
