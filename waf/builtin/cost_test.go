package builtin

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/waf"
)

// worst are bodies that are made to cost: all literals, and prefixes that many patterns go
// far into.
func worst() map[string]string {
	d := newDetector()
	var literals []string
	for i := range d.signs {
		literals = append(literals, d.signs[i].literals...)
	}
	slices.Sort(literals)
	literals = slices.Compact(literals)
	r := rand.New(rand.NewPCG(1, 2))
	var random strings.Builder
	for random.Len() < 1<<20 {
		random.WriteString(literals[r.IntN(len(literals))])
		random.WriteByte("'\"`<>{}()$;|&/ =\\."[r.IntN(17)])
	}
	all := map[string]string{
		"random literals": random.String(), "one token": "'" + strings.Repeat("a'or(", 200<<10), "handlers": strings.Repeat("<a onx=", 100<<10),
		"comments": "union" + strings.Repeat("/**/", 200<<10), "ups": strings.Repeat("../", 300<<10), "lookups": strings.Repeat("${", 400<<10),
		"nested lookups": strings.Repeat("${a:${b:-", 100<<10), "escapes": strings.Repeat("%25", 300<<10), "entities": strings.Repeat("&#x26;", 150<<10),
		"calls": strings.Repeat("login(", 150<<10), "colons": strings.Repeat("javascript\x01:", 80<<10), "nulls": strings.Repeat("a\x00='", 200<<10),
		"braces": strings.Repeat("{{7*", 200<<10), "selects": "1 union " + strings.Repeat("select case when ", 60<<10), "pickles": "\x80\x04" + strings.Repeat("cos\nsystem", 80<<10),
	}
	return all
}

// Nobody can make a request cost much, whatever is in it and however it is cut into values:
// not more than some ordinary requests with as large a body.
func TestNoRequestCostsMuch(t *testing.T) {
	rules := own(t)
	ordinary := samples()[4]
	for name, text := range worst() {
		for _, cut := range []int{64, 200, 1 << 10, 8 << 10, 1 << 20} {
			s := sent{"POST", "/", browser(), cutInto(text[:min(len(text), 256<<10)], cut)}
			s.header.Set("Content-Type", "application/x-www-form-urlencoded")
			if times, ok := comparedTo(rules, &ordinary, &s); !ok {
				t.Errorf("%s in values of %d bytes: %v times an ordinary request", name, cut, times)
			}
		}
	}
}

// Nor does it take more units of work than a bound, with little of one value beyond it. Two
// or three take a nanosecond.
func TestWorkIsBounded(t *testing.T) {
	const most = 2_400_000
	w := newDetector().Watch().(*watch)
	for name, text := range worst() {
		for _, size := range []int{16, 64, 200, 1 << 10, 8 << 10} {
			for at := 0; at+size <= min(len(text), 256<<10); at += size {
				w.Look(waf.PartBodyArg, []byte("a"), []byte(text[at:at+size]))
			}
			if w.work > most {
				t.Errorf("%s in values of %d bytes: %d units of work", name, size, w.work)
			}
			w.Reset()
		}
	}
}

// comparedTo returns how much longer a request takes than another one, side by side, and
// whether that is bounded. A busy machine may disturb some tries.
func comparedTo(rules *waf.Rules, other, s *sent) (times time.Duration, ok bool) {
	least, leastOther := time.Hour, time.Hour
	for range 12 {
		leastOther = min(leastOther, timeOf(rules, other))
		least = min(least, timeOf(rules, s))
		if least <= 30*leastOther {
			return least / leastOther, true
		}
	}
	return least / leastOther, false
}

func timeOf(rules *waf.Rules, s *sent) time.Duration {
	req := waf.Request{Method: s.method, Target: s.target, Proto: "HTTP/1.1", Header: s.header, HasBody: true}
	body := []byte(s.body)
	start := time.Now()
	in := rules.Head(&req)
	in.Body(body)
	in.Close()
	return time.Since(start)
}

// cutInto makes a form of values.
func cutInto(text string, size int) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(size, len(text))
		b.WriteString("a=")
		for i := range n {
			if c := text[i]; c == '&' || c == '%' || c == '+' {
				b.WriteString(map[byte]string{'&': "%26", '%': "%25", '+': "%2b"}[c])
			} else {
				b.WriteByte(c)
			}
		}
		b.WriteByte('&')
		text = text[n:]
	}
	return b.String()
}

// honest is a large request of an honest client.
type honest struct{ name, target, cookie, contentType, body string }

func honestRows() []honest {
	const limit = 131_072
	code := "if (a && b[i] == \"x\") { return `${c}` + d.e(f); } // it's done\n"
	page := "<p class=\"text\">Some <b>text</b> &amp; a <a href=\"https://example.org/?a=1&b=2\">link</a>, isn't it?</p>\n"
	full := func(s string, n int) string { return strings.Repeat(s, n/len(s)) }
	list := func(value string) string {
		return "[" + full(string(must(json.Marshal(value)))+",", limit-2000) + "1]"
	}
	const form, jsonType, parts = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=own"
	return []honest{
		{"a head", "/?q=" + full("%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82+", 4000), full("a_name=%7B%22key%22%3A%22"+full("value", 80)+"%22%7D; ", 14_000), "", ""},
		{"400 cookies", "/", full("a_name=%7B%22key%22%3A%22value%22%7D; ", 16_000), "", ""},
		{"a login by SAML", "/?SAMLRequest=" + full("fZJNT8Mw%2FDIbvT%2B", 7000) + "&RelayState=https%3A%2F%2Fexample.org%2F", "", "", ""},
		{"an article", "/", "", form, "content=" + url.QueryEscape(full(page, 80_000))},
		{"source code", "/", "", form, "content=" + url.QueryEscape(full(code, 80_000))},
		{"notes", "/", "", jsonType, list(full(page, 2000))},
		{"files of source code", "/", "", jsonType, list(full(code, 2000))},
		{"short texts", "/", "", jsonType, list("it's a note")},
		{"numbers", "/", "", jsonType, "[" + full("12,", limit-10) + "1]"},
		{"objects", "/", "", jsonType, "[" + full(`{"id":1,"name":"Item 12","price":12.50,"tags":["one","two"]},`, limit-100) + "1]"},
		{"many fields", "/", "", form, full("settings%5Ba_long_name%5D%5B12%5D=some+text%21&", limit-50)},
		{"lines of JSON", "/_bulk", "", "application/x-ndjson", full("{\"index\":{\"_index\":\"a\"}}\n{\"text\":\"it's <b>bold</b> & done\"}\n", limit-100)},
		{"a table", "/", "", "text/csv", full("12;\"O'Brien, Pat\";1,5 %;=A1+B1;a@example.org\r\n", limit-100)},
		{"an upload of pictures", "/", "", parts, full("--own\r\nContent-Disposition: form-data; name=\"a[]\"; filename=\"a.jpg\"\r\n\r\n"+full("\x00\xffJFIF <?\x10'", 1000)+"\r\n", limit-100) + "--own--"},
	}
}

// Large requests of honest clients are far from the bounds, with all rules that there are.
func TestHonestRequestsAreNotCostly(t *testing.T) {
	const limit = 131_072
	sets := map[string]*waf.Rules{"builtin": own(t)}
	if os.Getenv("TOCSIN_WAF_SUITE") != "" {
		sets["both"] = load(t, waf.LoadConfig{Paths: []string{hubPath(t)}, Sets: []waf.Set{Set()}})
	}
	for set, rules := range sets {
		for _, row := range honestRows() {
			header := browser()
			header.Set("Cookie", row.cookie)
			header.Set("Content-Type", row.contentType)
			in := rules.Head(&waf.Request{Method: "POST", Target: row.target, Proto: "HTTP/1.1", Header: header, HasBody: row.body != ""})
			in.Body([]byte(row.body[:min(len(row.body), limit)]))
			if in.Costly() {
				t.Errorf("%s: %s: it is too costly", set, row.name)
			}
			in.Close()
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
