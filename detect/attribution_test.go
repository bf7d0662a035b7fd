package detect

import (
	"net/http"
	"testing"
)

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
