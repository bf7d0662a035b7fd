package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unicode/utf8"
)

const caddyLine = `{"level":"info","ts":1760104536.25,"logger":"http.log.access.log0","msg":"handled request","request":{` +
	`"remote_ip":"198.51.100.1","remote_port":"4711","client_ip":"192.0.2.7","proto":"HTTP/2.0","method":"POST","host":"example.com",` +
	`"uri":"/login?a=\"b\"","headers":{"User-Agent":["Mozilla/5.0 (X11; \u00e9 \ud83d\ude00)"],"Referer":["https://example.com/"],` +
	`"Cookie":["REDACTED"],"Authorization":["REDACTED"],"Accept-Encoding":["gzip","br"],"Sec-Fetch-Site":["same-origin"],` +
	`"Content-Type":["application/json"]},"tls":{"resumed":false,"version":772,"server_name":"example.com"}},"bytes_read":17,"user_id":"",` +
	`"duration":0.25,"size":12,"status":401,"resp_headers":{"Set-Cookie":["REDACTED"],"Www-Authenticate":["Basic realm=\"x\""],` +
	`"Content-Type":["text/html"],"Server":["Caddy"]}}`

func TestCaddysLog(t *testing.T) {
	e := one(t, caddyLine)
	want := entry("192.0.2.7", "example.com", "POST", `/login?a="b"`, "HTTP/2.0", 401, 12, "https://example.com/", "Mozilla/5.0 (X11; é 😀)")
	want.Time, want.Ended, want.Truncated = at(t, "2025-10-10T13:55:36Z"), at(t, "2025-10-10T13:55:36.25Z"), true
	same(t, e, &want)
	if !maps.EqualFunc(e.Request, http.Header{
		"Referer": {"https://example.com/"}, "Cookie": {""}, "Authorization": {""},
		"Sec-Fetch-Site": {"same-origin"}, "Content-Type": {"application/json"},
	}, slices.Equal) {
		t.Errorf("request: %q", e.Request)
	}
	if !maps.EqualFunc(e.Header, http.Header{
		"Set-Cookie": {""}, "Www-Authenticate": {`Basic realm="x"`}, "Content-Type": {"text/html"},
	}, slices.Equal) || e.ContentType != "text/html" {
		t.Errorf("response: %q, type %q", e.Header, e.ContentType)
	}
}

func TestRedactedFieldsAreCounted(t *testing.T) {
	r := new(Reader)
	r.Add("a.log", strings.NewReader(caddyLine+"\n"+caddyLine))
	for range r.All() {
	}
	if got := r.Redacted(); !maps.Equal(got, map[string]int{"Cookie": 2, "Authorization": 2, "Set-Cookie": 2}) {
		t.Errorf("%v", got)
	}
}

func TestAllFieldsOfHeadersAreKeptIfAskedFor(t *testing.T) {
	r := new(Reader)
	r.Add("a.log", strings.NewReader(caddyLine))
	r.KeepAllHeaders()
	for e := range r.All() {
		if got := e.Request["Accept-Encoding"]; !slices.Equal(got, []string{"gzip", "br"}) {
			t.Errorf("%q", e.Request)
		}
	}
}

// Lines that Caddy writes with other options, and lines that are not of its access log.
func TestVariantsOfCaddysLog(t *testing.T) {
	for _, row := range []struct {
		name, old, new string
		err            error
		began, ended   string // of the day
	}{
		{"milliseconds", `1760104536.25`, `1760104536250.5`, nil, "13:55:36.0005", "13:55:36.2505"},
		{"nanoseconds", `1760104536.25`, `1760104536250000000`, nil, "13:55:36", "13:55:36.25"},
		{"rfc3339", `1760104536.25`, `"2025-10-10T15:55:36+02:00"`, nil, "13:55:35.75", "13:55:36"},
		{"rfc3339_nano", `1760104536.25`, `"2025-10-10T13:55:36.123456789Z"`, nil, "13:55:35.873456789", "13:55:36.123456789"},
		{"iso8601", `1760104536.25`, `"2025-10-10T15:55:36.250+0200"`, nil, "13:55:36", "13:55:36.25"},
		{"wall", `1760104536.25`, `"2025/10/10 13:55:36"`, nil, "13:55:35.75", "13:55:36"},
		{"wall_milli", `1760104536.25`, `"2025/10/10 13:55:36.250"`, nil, "13:55:36", "13:55:36.25"},
		{"wall_nano", `1760104536.25`, `"2025/10/10 13:55:36.250000001"`, nil, "13:55:36.000000001", "13:55:36.250000001"},
		{"common_log", `1760104536.25`, `"10/Oct/2025:15:55:36 +0200"`, nil, "13:55:35.75", "13:55:36"},
		{"seconds in quotes", `1760104536.25`, `"1760104536.25"`, nil, "13:55:36", "13:55:36.25"},
		{"a time of one's own", `1760104536.25`, `"Friday"`, errNoTime, "", ""},
		{"no time", `"ts":1760104536.25,`, ``, errNoTime, "", ""},
		{"before all time", `1760104536.25`, `-1`, errNoTime, "", ""},
		{"after all time", `1760104536.25`, `1e300`, errNoTime, "", ""},
		{"duration in milliseconds", `"duration":0.25`, `"duration":250`, nil, "13:55:36", "13:55:36.25"},
		{"duration in nanoseconds", `"duration":0.25`, `"duration":250000000`, nil, "13:55:36", "13:55:36.25"},
		{"duration as text", `"duration":0.25`, `"duration":"250ms"`, nil, "13:55:36", "13:55:36.25"},
		{"duration as nonsense", `"duration":0.25`, `"duration":"long"`, nil, "13:55:36.25", "13:55:36.25"},
		{"duration beyond belief", `"duration":0.25`, `"duration":"9000h"`, nil, "13:55:36.25", "13:55:36.25"},
		{"duration below nothing", `"duration":0.25`, `"duration":-0.25`, nil, "13:55:36.25", "13:55:36.25"},
		{"no duration", `"duration":0.25,`, ``, nil, "13:55:36.25", "13:55:36.25"},
		{"the logger of a site", `http.log.access.log0`, `http.log.access`, nil, "13:55:36", "13:55:36.25"},
		{"no logger", `"logger":"http.log.access.log0",`, ``, nil, "13:55:36", "13:55:36.25"},
		{"no logger, no message", `"logger":"http.log.access.log0","msg":"handled request",`, ``, nil, "13:55:36", "13:55:36.25"},
		{"no logger, another message", `"logger":"http.log.access.log0","msg":"handled request",`, `"msg":"stopped request",`, errForeign, "", ""},
		{"the logger of errors", `http.log.access.log0`, `http.log.error.log0`, errForeign, "", ""},
		{"a logger with a longer name", `http.log.access.log0`, `http.log.accessory`, errForeign, "", ""},
		{"no client_ip", `"client_ip":"192.0.2.7",`, ``, nil, "13:55:36", "13:55:36.25"},
		{"a client_ip that is masked to nothing", `"client_ip":"192.0.2.7"`, `"client_ip":"0e7f"`, errNoClient, "", ""},
		{"Caddy before 2.5", `"remote_ip":"198.51.100.1","remote_port":"4711","client_ip":"192.0.2.7"`, `"remote_addr":"192.0.2.7:4711"`, nil, "13:55:36", "13:55:36.25"},
		{"no status", `"status":401,`, ``, errNoStatus, "", ""},
		{"no method", `"method":"POST",`, ``, errNoRequest, "", ""},
		{"an invalid request", `"request":{`, `"request":7,"other":{`, errForeign, "", ""},
		{"cut off", `"Server":["Caddy"]}}`, ``, errNoLog, "", ""},
		{"with more behind it", `"Server":["Caddy"]}}`, `"Server":["Caddy"]}}}`, errNoLog, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			line := strings.Replace(caddyLine, row.old, row.new, 1)
			all, skipped := read(t, line)
			if row.err != nil {
				if len(all) != 0 || skipped.Lines != 1 || skipped.Examples[0].Reason != row.err.Error() {
					t.Errorf("%d requests, %+v, want %v", len(all), skipped, row.err)
				}
				return
			}
			if len(all) != 1 {
				t.Fatalf("%+v", skipped)
			}
			const clock = "15:04:05.999999999"
			if b, e := all[0].Time.Format(clock), all[0].Ended.Format(clock); b != row.began || e != row.ended {
				t.Errorf("%s to %s, want %s to %s", b, e, row.began, row.ended)
			}
			if row.name == "no client_ip" && all[0].Client != addr("198.51.100.1") || all[0].Status != 401 {
				t.Errorf("%+v", all[0])
			}
		})
	}
}

func TestOtherLinesOfJSON(t *testing.T) {
	for line, want := range map[string]error{
		`{}`: errNoLog,
		`{"level":"info","ts":1,"logger":"tls","msg":"cleaning storage unit"}`: errForeign,
		`{"a":{"b":[1,2,{}]}}`: errNoLog,
		`{"request":{}`:        errNoLog,
		`{`:                    errNoLog,
		`{"a"`:                 errNoLog,
		`{"a":}`:               errNoLog,
		`{"a":"\u12"}`:         errNoLog,
		`{"u":"/","m":"GET","s":200,"ip":"nobody"}`: errNoClient,
		`{"u":"/","m":"GET","s":200,"t":"soon"}`:    errNoTime,
		`{"u":"/","m":"GET","s":200,"t":-1}`:        errNoTime,
		`{"u":"/","m":"GET"}`:                       errNoStatus,
		`{"u":"/","s":200}`:                         errNoRequest,
		`{"uri":"/","method":"GET","status":200}`:   errNoClient,
		strings.Repeat(`{"a":[`, 10_000):            errNoLog,
	} {
		all, skipped := read(t, line)
		if len(all) != 0 || skipped.Lines != 1 || skipped.Examples[0].Reason != want.Error() {
			t.Errorf("%.100s: %d requests, %+v, want %v", line, len(all), skipped, want)
		}
	}
}

// Who records has no log of sizes: what the answer says of its length is one.
func TestTheLengthOfAnAnswerIsItsSize(t *testing.T) {
	for _, row := range []struct {
		name, line string
		want       int64
	}{
		{"a text", `{"t":0,"m":"GET","u":"/","s":200,"rh":{"Content-Length":"7312"}}`, 7312},
		{"a number", `{"t":0,"m":"GET","u":"/","s":200,"rh":{"content-length":7312}}`, 7312},
		{"a list", `{"t":0,"m":"GET","u":"/","s":200,"rh":{"Content-Length":["7312","1"]}}`, 7312},
		{"nonsense", `{"t":0,"m":"GET","u":"/","s":200,"rh":{"Content-Length":"-7x"}}`, 0},
		{"HEAD, whose answer has that to GET in mind", `{"t":0,"rh":{"Content-Length":"7312"},"u":"/","s":200,"m":"HEAD"}`, 7312},
		{"304, which has none either", `{"t":0,"m":"GET","u":"/","rh":{"Content-Length":"7312"},"s":304}`, 0},
		{"Caddy's own size", `{"ts":1,"request":{"client_ip":"192.0.2.1","method":"GET","uri":"/","host":"a"},"status":200,"size":9,"resp_headers":{"Content-Length":["7312"]}}`, 9},
		{"Caddy's, of HEAD", `{"ts":1,"request":{"client_ip":"192.0.2.1","method":"HEAD","uri":"/","host":"a"},"status":200,"size":0,"resp_headers":{"Content-Length":["7312"]}}`, 7312},
	} {
		all, skipped := read(t, row.line+"\n")
		if len(all) != 1 || skipped.Lines != 0 || all[0].Size != row.want {
			t.Errorf("%s: %+v, want a size of %d", row.name, all, row.want)
		}
	}
}

// What programs show in a field of their own is kept, as while the server runs.
func TestKeysInTheHeaderAreRead(t *testing.T) {
	all, _ := read(t, `{"t":0,"m":"GET","u":"/api","s":401,"h":{"x-api-key":"k1","private-token":"k2","X-Other":"z"}}`+"\n")
	if len(all) != 1 || all[0].Request.Get("X-Api-Key") != "k1" || all[0].Request.Get("Private-Token") != "k2" || len(all[0].Request) != 2 {
		t.Errorf("%+v", all)
	}
}

func TestTraces(t *testing.T) {
	all, skipped := read(t, `{"t":0,"m":"GET","u":"/","s":200,"h":{"user-agent":"curl/8","Host":"example.com"},"b":"","rh":{},"ip":""}
{"t":1.5,"m":"POST","u":"/login?x=1","s":401,"h":{"Content-Type":"application/json"},"b":"{\"a\":1}","rh":{"set-cookie":["a=1","b=2"]},"ip":"2001:db8::7"}
{"t":1790000000.5,"m":"GET","u":"/","s":0}
`)
	if len(all) != 3 || skipped.Lines != 0 {
		t.Fatalf("%d, %+v", len(all), skipped)
	}
	first := entry("203.0.113.5", "example.com", "GET", "/", "HTTP/1.1", 200, 0, "", "curl/8")
	first.Time = at(t, "2000-01-01T00:00:00Z")
	second := entry("2001:db8::7", "", "POST", "/login?x=1", "HTTP/1.1", 401, 0, "", "")
	second.Time, second.Body = at(t, "2000-01-01T00:00:01.5Z"), []byte(`{"a":1}`)
	third := entry("203.0.113.5", "", "GET", "/", "HTTP/1.1", 0, 0, "", "")
	third.Time = at(t, "2026-09-21T14:13:20.5Z")
	for i, want := range []Entry{first, second, third} {
		same(t, all[i], &want)
	}
	if got := all[1].Header["Set-Cookie"]; !slices.Equal(got, []string{"a=1", "b=2"}) {
		t.Errorf("%q", got)
	}
}

func TestFlows(t *testing.T) {
	all, skipped := read(t, `{"client":"192.0.2.7","id":"x","t":1790000000,"gap_ms":50,"method":"GET","uri":"/v2/","status":401,"ua":"docker/27","host":"h.example","auth":"Bearer"}
{"client":"192.0.2.7","method":"POST","uri":"/login","status":302,"headers":{"Content-Type":"text/plain"},"body":"a=b","ua":"x","location":"/login"}
{"client":"192.0.2.7","method":"POST","uri":"/login","status":302,"headers":null,"body":null}
`)
	if len(all) != 3 || skipped.Lines != 0 {
		t.Fatalf("%d, %+v", len(all), skipped)
	}
	// Those without a time are a fifth of a second apart.
	for i, want := range []string{"2000-01-01T00:00:00.2Z", "2000-01-01T00:00:00.4Z"} {
		if e := all[i+1]; !e.Time.Equal(at(t, want)) || e.Line != i+2 {
			t.Errorf("line %d: %v, want %s", e.Line, e.Time, want)
		}
	}
	e := all[0]
	if e.Header.Get("Www-Authenticate") != "Bearer" || e.Host != "h.example" || e.UserAgent != "docker/27" || e.Time.Unix() != 1790000000 {
		t.Errorf("%+v", e)
	}
	if e = all[1]; e.Header.Get("Location") != "/login" || string(e.Body) != "a=b" || e.Request.Get("Content-Type") != "text/plain" || e.Truncated {
		t.Errorf("%+v", e)
	}
}

func TestOfALongBodyTheBeginningIsKept(t *testing.T) {
	for length, truncated := range map[int]bool{16 << 10: false, 16<<10 + 1: true} {
		e := one(t, `{"u":"/","m":"POST","s":200,"b":"`+strings.Repeat("x", length)+`"}`)
		if len(e.Body) != 16<<10 || e.Truncated != truncated {
			t.Errorf("%d bytes: %d are kept, truncated: %v", length, len(e.Body), e.Truncated)
		}
	}
}

// A log of Caddy's as Caddy writes it, from encoding/json's hand.
func FuzzCaddyLine(f *testing.F) {
	f.Add("192.0.2.7", "GET", "example.com", "/a?b=\"\\\x00é", "Mozilla\u2028", "REDACTED", 200, int64(5), uint32(250_000), true)
	f.Fuzz(func(t *testing.T, client, method, host, target, agent, cookie string, status int, size int64, micros uint32, indent bool) {
		for _, s := range []string{client, method, host, target, agent, cookie} {
			if !utf8.ValidString(s) {
				t.Skip()
			}
		}
		line := written(t, map[string]any{
			"level": "info", "logger": "http.log.access", "msg": "handled request", "ts": 1760104536.25, "duration": float64(micros)/1e6 + 1e-9,
			"size": size, "status": status, "resp_headers": map[string]any{"X": []string{agent}, "Location": []string{target}},
			"request": map[string]any{
				"client_ip": client, "method": method, "host": host, "uri": target,
				"headers": map[string]any{"User-Agent": []string{agent}, "Cookie": []string{cookie, "x"}, "Empty": []string{}, "Other": []any{target, nil, 1.5}},
			},
		}, indent)
		if len(line) >= 65_536 {
			t.Skip()
		}
		ip, ok := parseClient(client)
		all, _ := read(t, line)
		if !ok || method == "" {
			if len(all) != 0 {
				t.Fatalf("from nobody: %s", line)
			}
			return
		}
		if len(all) != 1 {
			t.Fatalf("not read: %s", line)
		}
		want := entry("192.0.2.7", host, method, target, "", 0, max(size, 0), "", agent)
		want.Client, want.Ended = ip, at(t, "2025-10-10T13:55:36.25Z")
		want.Time = want.Ended.Add(-time.Duration((float64(micros)/1e6 + 1e-9) * 1e9))
		if status >= 100 && status <= 999 {
			want.Status = status
		}
		same(t, all[0], &want)
		if cookie == "REDACTED" {
			cookie = ""
		}
		if got := all[0]; !slices.Equal(got.Request["Cookie"], []string{cookie, "x"}) || got.Header.Get("Location") != target {
			t.Errorf("%q, %q", got.Request, got.Header)
		}
	})
}

func written(t testing.TB, v any, indent bool) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !indent {
		return string(text)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, " ", "\t "); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\n", " ")
}

// The cursor accepts what encoding/json accepts, and finds the same texts.
func FuzzCursor(f *testing.F) {
	f.Add(`{"a":["\ud83d\ude00\"\\",1e5,null,true,{"b":{}}],"c":"\ud800x","a":"\ud83dx\n"}`)
	f.Add(`[[[[]]], "", -0.5]`)
	f.Add(`"\udc00\ud800\ud800\udc00\u00e9\/"`)
	f.Fuzz(func(t *testing.T, text string) {
		c := cursor{text: text}
		got := walk(&c) // does not panic, and ends
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			return
		}
		skipping := cursor{text: text}
		skipping.skip()
		if !c.done() || !skipping.done() {
			t.Fatalf("%s: %+v, %+v", text, c, skipping)
		}
		if want := tokens(t, text); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// walk returns all texts and numbers of what comes next.
func walk(c *cursor) (all []string) {
	switch c.peek() {
	case '{':
		c.enter('{')
		for c.more('}') {
			all = append(append(all, c.key()), walk(c)...)
		}
	case '[':
		c.enter('[')
		for c.more(']') {
			all = append(all, walk(c)...)
		}
	case 't', 'f', 'n':
		c.skip()
	default:
		all = append(all, c.scalar().text)
	}
	return all
}

// tokens is walk of encoding/json.
func tokens(t *testing.T, text string) (all []string) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		switch v := token.(type) {
		case string:
			all = append(all, v)
		case json.Number:
			all = append(all, v.String())
		case nil:
			if errors.Is(err, io.EOF) {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTimesOfCommonLogsAreThoseOfTheLibrary(t *testing.T) {
	same := func(seconds uint32, quarters int8) bool {
		at := time.Unix(int64(seconds), 0).In(time.FixedZone("", int(quarters)%48*900))
		got, ok := parseCommonTime(at.Format(commonLayout))
		return at.Unix() < 0 || ok && got.Equal(at)
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	for _, s := range []string{
		"", "10/Oct/2026:13:55:36 0200 ", "10/Okt/2026:13:55:36 +0200", "10/ctN/2026:13:55:36 +0200", "10/Oct/2026:24:55:36 +0200",
		"10/Oct/2026:13:60:36 +0200", "1x/Oct/2026:13:55:36 +0200", "30/Feb/2026:13:55:36 +0200", "00/Oct/2026:13:55:36 +0200", "10/Oct/2026:13:55:36 *0200",
	} {
		if got, ok := parseCommonTime(s); ok {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func ExampleReader() {
	r := new(Reader)
	r.Add("access.log", strings.NewReader(`192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET /.env HTTP/1.1" 404 12 "-" "curl/8"`))
	for e := range r.All() {
		fmt.Println(e.Place(), e.Client, e.Method, e.Target, e.Status)
	}
	// Output: access.log:1 192.0.2.7 GET /.env 404
}
