package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// A million requests as sites get them: 5,000 clients on 40 pages, one in twenty
// that are not there, and a scanner in a thousand.
func caddyLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		status, path := pageOf(i)
		fmt.Fprintf(&b, `{"level":"info","ts":%d.%06d,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"%s","remote_port":"%d",`+
			`"client_ip":"%[3]s","proto":"HTTP/2.0","method":"GET","host":"example.com","uri":"%[5]s","headers":{"User-Agent":["%[6]s"],"Accept":["text/html,application/xhtml+xml,*/*;q=0.8"],`+
			`"Accept-Language":["de,en-US;q=0.7,en;q=0.3"],"Accept-Encoding":["gzip, deflate, br, zstd"],"Referer":["https://example.com/start"],"Cookie":["REDACTED"],`+
			`"Sec-Fetch-Dest":["document"],"Sec-Fetch-Mode":["navigate"],"Sec-Fetch-Site":["same-origin"],"Sec-Fetch-User":["?1"],"Te":["trailers"],"Priority":["u=0, i"]},`+
			`"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"example.com","ech":false}},"bytes_read":0,"user_id":"","duration":0.00%[7]d,`+
			`"size":5120,"status":%[8]d,"resp_headers":{"Server":["Caddy"],"Alt-Svc":["h3=\":443\"; ma=2592000"],"Content-Type":["text/html; charset=utf-8"],`+
			`"Etag":["\"d1abc\""],"Vary":["Accept-Encoding"],"Last-Modified":["Fri, 09 Oct 2026 10:00:00 GMT"]}}`+"\n",
			1791640000+i/50, i%50*20_000, clientName(i), 1024+i%60_000, path, browser, 1+i%9, status)
	}
	return b.Bytes()
}

func combinedLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		status, path := pageOf(i)
		fmt.Fprintf(&b, `%s - - [10/Oct/2026:%02d:%02d:%02d +0200] "GET %s HTTP/1.1" %d 5120 "https://example.com/start" "%s"`+"\n",
			clientName(i), i/180_000%24, i/3000%60, i/50%60, path, status, browser)
	}
	return b.Bytes()
}

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"

func clientName(i int) string { return fmt.Sprintf("203.%d.%d.7", i*7919%5000/250, i*7919%250) }

func pageOf(i int) (status int, path string) {
	switch {
	case i%1000 == 0:
		return 404, fmt.Sprintf("/backup-%d.zip", i%97)
	case i%20 == 0:
		return 404, fmt.Sprintf("/images/%d/thumb.jpg?size=%d", i%300, i%5)
	}
	return 200, fmt.Sprintf("/page/%d?from=start", i%40)
}

// The cost of a line: parsed alone, and judged by the built-in scenarios. A million in
// ten seconds is 10 µs.
func BenchmarkReplay(b *testing.B) {
	const lines = 20_000
	for name, log := range map[string][]byte{"caddy": caddyLines(lines), "combined": combinedLines(lines)} {
		b.Run(name+"/read", func(b *testing.B) {
			perLine(b, log, lines, func(r *Reader) int {
				n := 0
				for e := range r.All() {
					n++
					recycle(e)
				}
				return n
			})
		})
		b.Run(name+"/judged", func(b *testing.B) {
			judge := builtin(b)
			perLine(b, log, lines, func(r *Reader) int {
				rep, err := Run(b.Context(), r, Config{Judge: judge})
				if err != nil {
					b.Fatal(err)
				}
				return rep.Requests
			})
		})
	}
}

// The cost of a line of Caddy's log with encoding/json, for the same fields.
func BenchmarkEncodingJSON(b *testing.B) {
	const lines = 2000
	log := caddyLines(lines)
	for b.Loop() {
		for line := range bytes.Lines(log) {
			var v struct {
				Logger, Msg  string
				TS, Duration float64
				Status       int
				Size         int64
				BytesRead    int64       `json:"bytes_read"`
				RespHeaders  http.Header `json:"resp_headers"`
				Request      struct {
					RemoteIP                 string `json:"remote_ip"`
					ClientIP                 string `json:"client_ip"`
					Proto, Method, Host, URI string
					Headers                  http.Header
				}
			}
			if err := json.Unmarshal(line, &v); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
}

func perLine(b *testing.B, log []byte, lines int, read func(*Reader) int) {
	b.ReportAllocs()
	for b.Loop() {
		r := new(Reader)
		r.Add("a.log", bytes.NewReader(log))
		if n := read(r); n != lines {
			b.Fatalf("%d of %d lines: %+v", n, lines, r.Skipped())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
	b.ReportMetric(float64(len(log)/lines), "bytes/line")
}

// TestWriteLongLogs writes a million lines of each kind to measure the whole
// program with, into the folder that TOCSIN_LONG_LOGS names.
func TestWriteLongLogs(t *testing.T) {
	folder := os.Getenv("TOCSIN_LONG_LOGS")
	if folder == "" {
		t.Skip("TOCSIN_LONG_LOGS names no folder")
	}
	const lines = 1_000_000
	for name, write := range map[string]func(int) []byte{"caddy.log": caddyLines, "combined.log": combinedLines} {
		text := write(lines)
		if n := strings.Count(string(text[:1<<20]), "\n"); n < 100 {
			t.Fatalf("%d lines in a megabyte", n)
		}
		if err := os.WriteFile(folder+"/"+name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
