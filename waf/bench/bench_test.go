package bench

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"

	"github.com/tocsin-project/tocsin/waf"
)

// hub returns the folder of CrowdSec's rules and appsec-configs.
func hub(b *testing.B) string {
	b.Helper()
	dir := os.Getenv("TOCSIN_WAF_SUITE")
	if dir == "" {
		b.Skip("TOCSIN_WAF_SUITE names no folder of suites")
	}
	return filepath.Join(dir, "_hub")
}

func loadOurs(b *testing.B) *waf.Rules {
	b.Helper()
	rules, err := waf.Load(waf.LoadConfig{Paths: []string{filepath.Join(hub(b), "appsec-configs", "crowdsecurity", "appsec-default.yaml")}})
	if err != nil {
		b.Fatal(err)
	}
	return rules
}

func loadCoraza(b *testing.B) coraza.WAF {
	b.Helper()
	const settings = `
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 10485760
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/x-www-form-urlencoded" "id:100,phase:1,pass,nolog,ctl:requestBodyProcessor=URLENCODED"
SecRule REQUEST_HEADERS:Content-Type "@rx ^multipart/form-data" "id:101,phase:1,pass,nolog,ctl:requestBodyProcessor=MULTIPART"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/json" "id:103,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
`
	rules := secLang(b, filepath.Join(hub(b), "appsec-rules", "crowdsecurity"))
	engine, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives(settings + rules))
	if err != nil {
		b.Fatal(err)
	}
	return engine
}

// A sample is a request as they are every day.
type sample struct {
	name, contentType, body string
}

func (s *sample) request() *waf.Request {
	r := &waf.Request{
		Method: "GET", Target: "/blog/2026/11/an-ordinary-article?page=2&utm_source=Newsletter", Proto: "HTTP/1.1", Host: "www.example.org",
		Header: http.Header{
			"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}, "Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
			"Accept-Language": {"en-US,en;q=0.5"}, "Accept-Encoding": {"gzip, deflate, br, zstd"}, "Connection": {"keep-alive"}, "Referer": {"https://www.example.org/blog/"},
			"Cookie": {"session=0123456789abcdef0123456789abcdef; theme=dark"}, "Upgrade-Insecure-Requests": {"1"}, "Sec-Fetch-Dest": {"document"},
			"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}, "Priority": {"u=0, i"},
		},
	}
	if s.contentType != "" {
		r.Method, r.HasBody = "POST", true
		r.Header["Content-Type"] = []string{s.contentType}
	}
	return r
}

const form = "application/x-www-form-urlencoded"

func samples() []sample {
	var fields, values strings.Builder
	for i := range 12 {
		fmt.Fprintf(&fields, "field_%d=Some+Text+that+people+type%%2C+number+%d.&", i, i)
	}
	for i := range 90 {
		fmt.Fprintf(&values, `,"key%d":"Value %d"`, i, i)
	}
	items := strings.Repeat(`{"id":10,"name":"An item of the shop","text":"What people say about it.","price":12.50,"tags":["one","two"]},`, 600)
	return []sample{
		{"GET", "", ""},
		{"form of 700 B", form, fields.String()},
		{"JSON of 1.6 kB", "application/json", "{" + values.String()[1:] + "}"},
		{"form of 64 kB", form, "text=" + strings.Repeat("Some+Text+that+people+type%2C+and+more+of+it.+", 64<<10/46)},
		{"JSON of 64 kB", "application/json", "[" + strings.TrimSuffix(items, ",") + "]"},
		{"octets of 64 kB", "application/octet-stream", strings.Repeat("\x00\xffJFIF data\x10", 64<<10/12)},
	}
}

func BenchmarkTocsin(b *testing.B) {
	rules := loadOurs(b)
	for _, s := range samples() {
		b.Run(s.name, func(b *testing.B) {
			req, body := s.request(), []byte(s.body)
			measure(b, func() bool {
				in := rules.Head(req)
				in.Body(body)
				found := len(in.Matches()) > 0
				in.Close()
				return found
			})
		})
	}
}

func BenchmarkCoraza(b *testing.B) {
	engine := loadCoraza(b)
	for _, s := range samples() {
		b.Run(s.name, func(b *testing.B) {
			req, body := s.request(), []byte(s.body)
			measure(b, func() bool { return stopped(b, engine, req, body) })
		})
	}
}

// stopped holds a request against the rules of another engine.
func stopped(b *testing.B, engine coraza.WAF, req *waf.Request, body []byte) bool {
	tx := engine.NewTransaction()
	defer tx.Close()
	tx.ProcessURI(req.Target, req.Method, req.Proto)
	tx.AddRequestHeader("Host", req.Host)
	for name, values := range req.Header {
		for _, v := range values {
			tx.AddRequestHeader(name, v)
		}
	}
	if it := tx.ProcessRequestHeaders(); it != nil {
		return true
	}
	if _, _, err := tx.WriteRequestBody(body); err != nil {
		b.Fatal(err)
	}
	it, err := tx.ProcessRequestBody()
	if err != nil {
		b.Fatal(err)
	}
	return it != nil
}

// measure runs one request again and again, which no rule stops. Beside the time it
// reports that of the processor, which others on the machine do not add to.
func measure(b *testing.B, run func() bool) {
	b.ReportAllocs()
	begin := processorTime(b)
	for b.Loop() {
		if run() {
			b.Fatal("an ordinary request is stopped")
		}
	}
	b.ReportMetric(float64(processorTime(b)-begin)/float64(b.N), "cpu-ns/op")
}

func BenchmarkLoadTocsin(b *testing.B) {
	measure(b, func() bool { loadOurs(b); return false })
}

func BenchmarkLoadCoraza(b *testing.B) {
	measure(b, func() bool { loadCoraza(b); return false })
}
