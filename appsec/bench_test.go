package appsec

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
)

// quick is an AppSec that allows everything without an allocation, so that only the
// client is measured.
func quick(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := []byte("HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 20:00:00 GMT\r\nContent-Length: 36\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n\r\n" + plainAllow)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveQuick(conn, answer)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String()
}

func serveQuick(conn net.Conn, answer []byte) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if digits, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			for length = 0; len(digits) > 0 && digits[0] >= '0'; digits = digits[1:] {
				length = 10*length + int(digits[0]-'0')
			}
		}
		if len(line) > 2 {
			continue
		}
		if _, err := in.Discard(length); err != nil {
			return
		}
		length = 0
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// browsers returns a request like those of browsers.
func browsers(body io.Reader) *http.Request {
	method := "GET"
	if body != nil {
		method = "POST"
	}
	r := httptest.NewRequest(method, "/shop/cart?item=17&lang=en", body)
	for name, value := range map[string]string{
		"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept": "text/html,*/*;q=0.8",
		"Accept-Language": "en,de;q=0.5", "Accept-Encoding": "gzip, deflate, br, zstd", "Referer": "https://shop.example/",
		"Cookie": "session=0123456789abcdef0123456789abcdef; theme=dark", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate",
		"Sec-Fetch-Site": "same-origin", "Upgrade-Insecure-Requests": "1", "Priority": "u=0, i", "Connection": "keep-alive",
	} {
		r.Header.Set(name, value)
	}
	return r
}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("pools drop what they are given under the race detector")
	}
	c := newClient(t, Config{URL: quick(t)})
	r := browsers(nil)
	const most = 25
	n := testing.AllocsPerRun(500, func() {
		if v, err := c.Inspect(r, inspect.Details{Client: visitor, Ref: "0123456789"}); err != nil || v != (inspect.Verdict{}) {
			t.Fatalf("%+v, %v", v, err)
		}
	})
	if n > most {
		t.Errorf("%v allocations without a body, want at most %d", n, most)
	}
	t.Logf("%v allocations", n)
}

func BenchmarkInspect(b *testing.B) {
	addr := quick(b)
	c := newClient(b, Config{URL: addr})
	form := strings.Repeat("a=b&", 500)
	b.Run("without a body", func(b *testing.B) {
		r := browsers(nil)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Inspect(r, inspect.Details{Client: visitor}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("with 2 kB", func(b *testing.B) {
		r := browsers(strings.NewReader(""))
		b.ReportAllocs()
		for b.Loop() {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
			v, err := c.Inspect(r, inspect.Details{Client: visitor})
			if err != nil {
				b.Fatal(err)
			}
			v.Release()
		}
	})
	b.Run("a bare round trip of net/http", func(b *testing.B) {
		tr := &http.Transport{DisableCompression: true}
		defer tr.CloseIdleConnections()
		r := browsers(nil)
		r.RequestURI, r.URL = "", must(url.Parse(addr))
		b.ReportAllocs()
		for b.Loop() {
			resp, err := tr.RoundTrip(r)
			if err != nil {
				b.Fatal(err)
			}
			drain(resp)
			resp.Body.Close()
		}
	})
}

// BenchmarkProxy measures the cost of an inspection for a request through a reverse
// proxy: added-µs is the median with it, minus the median without it, minus the median
// of a bare round trip to the same AppSec.
func BenchmarkProxy(b *testing.B) {
	f := newFake(b, nil)
	f.Wrap = func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { say(w, plainAllow) }
	c := f.client(b, Config{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, "page") }))
	defer site.Close()
	proxy := httputil.NewSingleHostReverseProxy(must(url.Parse(site.URL)))
	bare := httptest.NewServer(proxy)
	defer bare.Close()
	guarded := httptest.NewServer(guard(c, proxy.ServeHTTP))
	defer guarded.Close()

	urls := []string{bare.URL, guarded.URL, f.URL}
	times := make([][]time.Duration, len(urls))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for b.Loop() {
		for i, u := range urls {
			req := browsers(nil)
			req.RequestURI, req.URL = "", must(url.Parse(u))
			began := time.Now()
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			drain(resp)
			resp.Body.Close()
			times[i] = append(times[i], time.Since(began))
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2]) / float64(time.Microsecond)
	}
	b.ReportMetric(median(0), "plain-µs")
	b.ReportMetric(median(1), "inspected-µs")
	b.ReportMetric(median(2), "answer-µs")
	b.ReportMetric(median(1)-median(0)-median(2), "added-µs")
}

// BenchmarkEvents measures the time until the first event of a stream, with and without
// an inspection.
func BenchmarkEvents(b *testing.B) {
	c := newFake(b, nil).client(b, Config{})
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		say(w, "data: first\n\n")
		if http.NewResponseController(w).Flush() == nil {
			<-r.Context().Done()
		}
	})
	for name, h := range map[string]http.Handler{"plain": site, "inspected": guard(c, site)} {
		b.Run(name, func(b *testing.B) {
			s := httptest.NewServer(h)
			defer s.Close()
			for b.Loop() {
				resp, err := s.Client().Get(s.URL)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
	}
}
