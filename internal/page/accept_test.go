package page

import (
	"net/http"
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	const chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	for _, c := range []struct {
		name   string
		header map[string]string
		want   Form
	}{
		{"a browser goes to a page", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": chrome}, HTML},
		{"a browser that navigates says so, whatever it accepts", map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": "*/*"}, HTML},
		{"an old browser without fetch metadata", map[string]string{"Accept": chrome}, HTML},
		{"an old browser's XMLHttpRequest", map[string]string{"Accept": chrome, "X-Requested-With": "XMLHttpRequest"}, ProblemJSON},
		{"fetch", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}, ProblemJSON},
		{"fetch that asks for HTML", map[string]string{"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "empty", "Accept": "text/html"}, ProblemJSON},
		{"a worker that fetches a page anew", map[string]string{"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "empty", "Accept": chrome}, HTML},
		{"one that fetches its address", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Accept": "*/*", "Referer": "https://a.example/sw.js?v=2"}, HTML},
		{"one whose script has no ending", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Accept": "*/*", "Referer": "https://a.example/service-worker"}, HTML},
		{"one that fetches JSON", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Accept": "application/json", "Referer": "https://a.example/sw.js"}, ProblemJSON},
		{"one of another site", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "cross-site", "Accept": "*/*", "Referer": "https://b.example/sw.js"}, ProblemJSON},
		{"a page's fetch", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Accept": "*/*", "Referer": "https://a.example/page"}, ProblemJSON},
		{"a page's fetch that says no referrer", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Accept": "*/*"}, ProblemJSON},
		{"a page's fetch that says a bad one", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Accept": "*/*", "Referer": "http://[::1"}, ProblemJSON},
		{"Turbo's form, without fetch metadata", map[string]string{"Accept": "text/vnd.turbo-stream.html, text/html, application/xhtml+xml"}, ProblemJSON},
		{"Turbo's visit", map[string]string{"Accept": "text/html, application/xhtml+xml", "X-Turbo-Request-Id": "1"}, ProblemJSON},
		{"Turbo's frame", map[string]string{"Accept": "text/html, application/xhtml+xml", "Turbo-Frame": "box"}, ProblemJSON},
		{"htmx that asks for HTML", map[string]string{"Accept": chrome, "Hx-Request": "true"}, ProblemJSON},
		{"a beacon", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"}, ProblemJSON},
		{"an image", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/avif,*/*;q=0.8"}, Text},
		{"a frame's style sheet that would take HTML", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "style", "Accept": "text/css,text/html"}, Text},
		{"curl", map[string]string{"Accept": "*/*"}, Text},
		{"nothing", nil, Text},
		{"an API client", map[string]string{"Accept": "application/json"}, ProblemJSON},
		{"one that knows problem objects", map[string]string{"Accept": "application/problem+json"}, ProblemJSON},
		{"a common HTTP library's default", map[string]string{"Accept": "application/json, text/plain, */*"}, ProblemJSON},
		{"JSON preferred to HTML", map[string]string{"Accept": "text/html;q=0.5, application/json"}, ProblemJSON},
		{"HTML preferred to JSON", map[string]string{"Accept": "application/json;q=0.9, text/html"}, HTML},
		{"text preferred to JSON", map[string]string{"Accept": "application/json;q=0.1, text/plain;q=0.2"}, Text},
		{"HTML refused", map[string]string{"Accept": "text/html;q=0, application/json;q=0.001"}, ProblemJSON},
		{"all refused", map[string]string{"Accept": "text/html;q=0, application/json;q=0.0"}, Text},
		{"case and space do not matter", map[string]string{"Accept": " TEXT/HTML ; Q=1.000 , application/json;Q=0.9"}, HTML},
		{"nor does the weight's", map[string]string{"Accept": "text/html;Q=0.1, application/json;q=0.2"}, ProblemJSON},
		{"another parameter before the weight", map[string]string{"Accept": "text/html;level=1;q=0.2,application/json;q=0.3"}, ProblemJSON},
		{"a weight above one is none", map[string]string{"Accept": "text/html;q=1.001, application/json;q=0.1"}, ProblemJSON},
		{"a weight that is no number is none", map[string]string{"Accept": "text/html;q=NaN, application/json;q=0.1"}, ProblemJSON},
		{"a weight with too many decimals is none", map[string]string{"Accept": "text/html;q=0.99999, application/json;q=0.1"}, ProblemJSON},
		{"what comes late in a huge header does not count", map[string]string{"Accept": strings.Repeat("a/b,", 1<<18) + "text/html"}, Text},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range c.header {
				h.Set(k, v)
			}
			if got := Negotiate(h); got != c.want {
				t.Errorf("got form %d, want %d", got, c.want)
			}
		})
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("navigate", "document", "text/html", "")
	f.Add("cors", "empty", "text/vnd.turbo-stream.html", "")
	f.Add("", "", "text/html;q=0.3, application/json;q=0.301", "")
	f.Add("cors", "empty", "*/*;q=", "XMLHttpRequest")
	f.Add("", "", ";;q=1;,=,text/html;q", "")
	f.Fuzz(func(t *testing.T, mode, dest, accept, with string) {
		h := http.Header{}
		h.Set("Sec-Fetch-Mode", mode)
		h.Set("Sec-Fetch-Dest", dest)
		h.Set("Accept", accept)
		h.Set("X-Requested-With", with)
		got := Negotiate(h)
		lower := strings.ToLower(accept)
		switch got {
		case Text:
		case HTML:
			if mode != "navigate" && !strings.Contains(lower, "text/html") && !strings.Contains(lower, "application/xhtml+xml") {
				t.Errorf("HTML for mode %q and Accept %q", mode, accept)
			}
		case ProblemJSON:
			if mode != "cors" && dest != "empty" && with == "" && !strings.Contains(lower, "json") && !strings.Contains(lower, "turbo") {
				t.Errorf("JSON for Accept %q", accept)
			}
		default:
			t.Errorf("form %d", got)
		}
		if got != Negotiate(h) {
			t.Error("asked again, it says something else")
		}
	})
}

func FuzzParseQuality(f *testing.F) {
	for _, s := range []string{"0", "1", "0.5", "1.000", "0.123", "1.001", "2", "", ".", "-0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if q := parseQuality(s); q < 0 || q > 1000 {
			t.Errorf("weight %q is %d thousandths", s, q)
		}
	})
}
