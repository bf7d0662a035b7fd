package event

import (
	"net/http"
	"testing"
)

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"

func TestAttributionOf(t *testing.T) {
	h := func(pairs ...string) http.Header {
		header := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			header.Add(pairs[i], pairs[i+1])
		}
		return header
	}
	for _, row := range []struct {
		name   string
		header http.Header
		want   Attribution
	}{
		{"a program says nothing", h(), Own},
		{"an address typed, a bookmark", h("Sec-Fetch-Site", "none", "Sec-Fetch-Dest", "document"), Own},
		{"a link of the site", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "document"), Own},
		{"a script of the site fetches", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "empty"), Own},
		{"a picture that a user posted", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "image"), Embedded},
		{"a frame that a user posted", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "iframe"), Embedded},
		{"a picture opened by address", h("Sec-Fetch-Site", "none", "Sec-Fetch-Dest", "document", "Accept", "image/avif"), Own},
		{"a picture on another page", h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "image"), Foreign},
		{"a link on another page", h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "document"), Foreign},
		{"a page of a sister host", h("Sec-Fetch-Site", "same-site", "Sec-Fetch-Dest", "empty"), Foreign},
		{"metadata counts, not the Referer", h("Sec-Fetch-Site", "same-origin", "Referer", "https://other.example/"), Own},
		{"a word that is none does not count", h("Sec-Fetch-Site", "own", "Referer", "https://other.example/"), Foreign},

		{"a link that a page of the site has fetched before anybody follows it", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch"), Embedded},
		{"a page that is rendered beforehand", h("Sec-Fetch-Site", "none", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch;prerender"), Embedded},
		{"a link that another page has fetched", h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch"), Foreign},
		{"a link fetched beforehand, by Safari", h("Purpose", "prefetch"), Embedded},
		{"a link fetched beforehand, by an old Firefox", h("X-Moz", "prefetch"), Embedded},
		{"a preview", h("X-Purpose", "preview"), Embedded},
		{"another purpose", h("Purpose", "fun"), Own},

		{"a foreign Origin", h("Origin", "https://other.example"), Foreign},
		{"a foreign Origin, and a Referer of ours", h("Origin", "https://other.example", "Referer", "https://site.example/"), Foreign},
		{"an Origin of ours", h("Origin", "https://site.example"), Own},
		{"an Origin of ours with its port", h("Origin", "https://SITE.example:443"), Own},
		{"an Origin of ours and a foreign Referer", h("Origin", "https://site.example", "Referer", "https://other.example/"), Own},
		{"another port is another origin", h("Origin", "https://site.example:8443"), Foreign},
		{"an Origin of a frame that may not say it", h("Origin", "null"), Foreign},
		{"an extension", h("Origin", "moz-extension://0000"), Foreign},

		{"a foreign Referer", h("Referer", "http://other.example/page?x=https://site.example/"), Foreign},
		{"a Referer of ours", h("Referer", "https://site.example/page"), Own},
		{"a Referer of ours, with a name", h("Referer", "https://x@site.example/page"), Own},
		{"a foreign Referer that has our name before the @", h("Referer", "https://site.example@other.example/"), Foreign},
		{"a path for a Referer, as attack tools send it", h("Referer", "/_layouts/SignOut.aspx"), Own},
		{"a picture over plain HTTP, without a Referer", h("Accept", "image/avif,image/webp,*/*;q=0.8"), Embedded},
		{"a style sheet over plain HTTP", h("Accept", "text/css,*/*;q=0.1"), Embedded},
		{"a page over plain HTTP", h("Accept", "text/html,*/*;q=0.8"), Own},
	} {
		if got := AttributionOf(row.header, "site.example"); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	if got := AttributionOf(h("Origin", "http://[2001:db8::1]:8080"), "[2001:db8::1]:8080"); got != Own {
		t.Errorf("a page at an address of IPv6: %v, want own", got)
	}
}

func TestAttributionAllocatesNothing(t *testing.T) {
	h := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Dest": {"image"}}
	if n := testing.AllocsPerRun(100, func() { AttributionOf(h, "site.example") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A page may have a browser say nothing of whose act a GET is, over plain HTTP.
func TestAttribute(t *testing.T) {
	browser := func(fields ...string) http.Header {
		h := http.Header{"User-Agent": {chrome}, "Accept-Language": {"de"}, "Accept": {"*/*"}}
		for i := 0; i < len(fields); i += 2 {
			h.Set(fields[i], fields[i+1])
			if fields[i+1] == "" {
				h.Del(fields[i])
			}
		}
		return h
	}
	for _, row := range []struct {
		name, method string
		header       http.Header
		want         Attribution
	}{
		{"a fetch of a page that is not to be named, or an address typed", "GET", browser(), Unmarked},
		{"the same by HEAD", "HEAD", browser(), Unmarked},
		{"a link", "GET", browser("Accept", "text/html,*/*;q=0.8"), Unmarked},
		{"a picture", "GET", browser("Accept", "image/avif,*/*;q=0.8"), Embedded},
		{"a form, which has an Origin", "POST", browser("Origin", "null"), Foreign},
		{"a form without one, which no page of today's can send", "POST", browser(), Own},
		{"a page of the site", "GET", browser("Referer", "http://site.example/"), Own},
		{"another page", "GET", browser("Referer", "http://other.example/"), Foreign},
		{"with fetch metadata, as to localhost", "GET", browser("Sec-Fetch-Site", "none"), Own},
		{"a link that is prefetched", "GET", browser("Purpose", "prefetch"), Embedded},
		{"a tool", "GET", http.Header{"User-Agent": {"curl/8.5.0"}, "Accept": {"*/*"}}, Own},
		{"a tool that speaks a language", "GET", browser("User-Agent", "python-requests/2.31"), Own},
		{"a tool that claims to be a browser, and no more", "GET", browser("Accept-Language", ""), Own},
		{"one that accepts nothing", "GET", browser("Accept", ""), Own},
		{"behind a proxy that ends TLS", "GET", browser("X-Forwarded-Proto", "HTTPS"), Own},
		{"behind a proxy that does not", "GET", browser("X-Forwarded-Proto", "http"), Unmarked},
	} {
		e := Event{Method: row.method, Host: "site.example", UserAgent: row.header.Get("User-Agent")}
		e.Attribute(row.header, false)
		if e.Attribution != row.want {
			t.Errorf("%s: %v, want %v", row.name, e.Attribution, row.want)
		}
		looked := http.Header{}
		for _, name := range AttributionFields() {
			if v := row.header[name]; v != nil {
				looked[name] = v
			}
		}
		if e.Attribute(looked, false); e.Attribution != row.want {
			t.Errorf("%s: %v by the fields that are named, want %v", row.name, e.Attribution, row.want)
		}
		e.Attribute(row.header, true)
		if want := AttributionOf(row.header, "site.example"); e.Attribution != want {
			t.Errorf("%s: by TLS %v, want %v", row.name, e.Attribution, want)
		}
	}
}

// Only the site's own pages send requests with a sign of it.
func TestFromOwnPage(t *testing.T) {
	h := func(fields ...string) http.Header {
		all := http.Header{}
		for i := 0; i < len(fields); i += 2 {
			all.Set(fields[i], fields[i+1])
		}
		return all
	}
	for _, row := range []struct {
		name   string
		header http.Header
		want   bool
	}{
		{"a script", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "empty"), true},
		{"a form", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "document"), true},
		{"a picture", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "image"), false},
		{"a frame", h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "iframe"), false},
		{"a page that is loaded in advance", h("Sec-Fetch-Site", "same-origin", "Sec-Purpose", "prefetch"), false},
		{"a typed address", h("Sec-Fetch-Site", "none"), false},
		{"another host of the domain", h("Sec-Fetch-Site", "same-site", "Origin", "https://site.example"), false},
		{"another site", h("Sec-Fetch-Site", "cross-site", "Referer", "https://site.example/"), false},
		{"an older browser", h("Origin", "https://site.example"), true},
		{"an older browser at another site", h("Origin", "https://evil.example", "Referer", "https://site.example/"), false},
		{"an older browser that hides the origin", h("Origin", "null"), false},
		{"plain HTTP", h("Referer", "http://site.example:80/edit"), true},
		{"plain HTTP, from another site", h("Referer", "http://evil.example/site.example"), false},
		{"nothing", h(), false},
	} {
		if got := FromOwnPage(http.MethodGet, row.header, "site.example"); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
	if FromOwnPage(http.MethodGet, h("Sec-Fetch-Site", "same-origin"), "") {
		t.Error("a request without a host")
	}
	if !FromOwnPage(http.MethodPost, h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "iframe"), "site.example") {
		t.Error("not a form that leads into a frame")
	}
	if FromOwnPage(http.MethodPost, h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe"), "site.example") {
		t.Error("a form of another site that leads into a frame")
	}
}
