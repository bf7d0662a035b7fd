package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/api"
	"github.com/tocsin-project/tocsin/consensus"
)

func zipped(s string) string {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = io.WriteString(zw, s) // a buffer takes everything
	zw.Close()
	return b.String()
}

// posts are all paths that take a body, with credentials that let it in.
func (d *door) posts() map[string]header {
	token := bearer(d.token("member"))
	return map[string]header{
		"/api/v1/join": {"X-Nothing", ""}, "/v1/watchers": {"X-Nothing", ""}, "/v1/watchers/login": {"X-Nothing", ""},
		"/v2/watchers/login": {"X-Nothing", ""}, "/v3/watchers/login": {"X-Nothing", ""}, "/v3/watchers": {"X-Nothing", ""},
		"/api/v1/signals": token, "/api/v1/answers": token, "/v1/alerts": token, "/v1/usage-metrics": token,
		"/v2/signals": token, "/v3/signals": token, "/v3/metrics/": token, "/v3/usage-metrics": token, "/v3/decisions/delete": token,
	}
}

func TestBodiesAreBounded(t *testing.T) {
	d := open(t)
	megabyte := strings.Repeat(" ", 1<<20)
	gz := header{"Content-Encoding", "gzip"}
	for path, who := range d.posts() {
		for _, row := range []struct {
			name, body string
			headers    []header
			want       int
		}{
			{"of more than a megabyte", megabyte + "{}", nil, 413},
			{"that unpacks to more", zipped(megabyte + "{}"), []header{gz}, 413},
			{"that unpacks to a gigabyte", bomb, []header{gz}, 413},
			{"that is no gzip", "{}", []header{gz}, 400},
			{"that breaks off", zipped("{}" + megabyte[:1000])[:20], []header{gz}, 400},
			{"in an unknown coding", "{}", []header{{"Content-Encoding", "br"}}, 415},
			{"that is empty", "", nil, 400},
			{"that is nested deeply", strings.Repeat("[", 15_000), nil, 400},
		} {
			w := d.do("POST", path, row.body, append(row.headers, who)...)
			status(t, path+" with a body "+row.name, w, row.want)
		}
	}
	if len(d.centre.accepted) > 0 {
		t.Errorf("%d signals were taken", len(d.centre.accepted))
	}
}

// bomb is a gigabyte of blanks in a megabyte.
var bomb = func() string {
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	blanks := bytes.Repeat([]byte(" "), 1<<20)
	for range 1000 {
		_, _ = zw.Write(blanks) // a buffer takes everything
	}
	zw.Close()
	return b.String()
}()

func TestGzippedBodiesAreRead(t *testing.T) {
	d := open(t)
	token := bearer(d.token("member"))
	gz := header{"Content-Encoding", "gzip"}
	d.body(d.do("POST", "/v3/signals", zipped(anAlert), token, gz))
	d.body(d.do("POST", "/v1/alerts", zipped(anAlert), token, gz))
	d.body(d.do("POST", "/api/v1/signals", zipped(someSignals), token, gz))
	equal(t, "signals", len(d.centre.accepted), 3)
	var p struct{ Token string }
	read(t, d.body(d.do("POST", "/v3/watchers/login", zipped(`{"machine_id":"member","password":"member-password"}`), gz)), &p)
}

// The 251st signal is too many, and nothing of the batch is taken.
func TestBatchesAreBounded(t *testing.T) {
	d := open(t)
	token := bearer(d.token("member"))
	signal := strings.TrimSuffix(strings.TrimPrefix(someSignals, `{"signals":[`), `]}`)
	alert := strings.Trim(anAlert, "[]")
	for _, n := range []int{250, 251, 30_000} {
		for target, body := range map[string]string{
			"/api/v1/signals": `{"signals":[` + strings.TrimSuffix(strings.Repeat(signal+",", min(n, 300)), ",") + strings.Repeat(",{}", max(0, n-300)) + `]}`,
			"/v1/alerts":      `[` + strings.TrimSuffix(strings.Repeat(alert+",", min(n, 300)), ",") + strings.Repeat(",{}", max(0, n-300)) + `]`,
			"/v3/signals":     `[` + strings.TrimSuffix(strings.Repeat(alert+",", min(n, 300)), ",") + strings.Repeat(",{}", max(0, n-300)) + `]`,
		} {
			d.centre.accepted = nil
			w := d.do("POST", target, body, token)
			if n == 250 {
				d.body(w)
				equal(t, target, len(d.centre.accepted), 250)
				continue
			}
			status(t, fmt.Sprint(target, " with ", n), w, 413)
			equal(t, target, len(d.centre.accepted), 0)
		}
	}
}

// Many changes cost more than the whole list, because the answer is made for one reader.
func TestManyChangesCountLikeAWholeList(t *testing.T) {
	c := newCentre()
	for i := range 5_010 {
		c.put(fmt.Sprintf("20.1.%d.%d", i/250, i%250), consensus.Ban, time.Hour)
	}
	for _, row := range []struct {
		name, target string
		ok           int
	}{
		{"many changes", "/api/v1/list?after=0", 10},
		{"few changes", "/api/v1/list?after=5000", 40},
		{"many changes for a bouncer", "/v1/decisions/stream", 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := openAt(t, c, func(cfg *api.Config) { cfg.PerSecond, cfg.Burst = 10, 50 })
			ok := 0
			for range 40 {
				for reader := range c.cursors {
					c.cursors[reader] = 0 // as if it had asked long ago
				}
				if d.get(row.target, key("reader-key")).Code == http.StatusOK {
					ok++
				}
			}
			equal(t, "answers", ok, row.ok)
		})
	}
}

// Each part is compared with each entry.
func TestFiltersAreBounded(t *testing.T) {
	d := open(t)
	d.centre.put("192.0.2.1", consensus.Ban, time.Hour)
	for _, name := range []string{"scopes", "origins", "scenarios_containing", "scenarios_not_containing"} {
		for _, path := range []string{"/v1/decisions?", "/v1/decisions/stream?startup=true&"} {
			d.body(d.get(path+name+"="+strings.Repeat("a,", 31)+"a", key("reader-key")))
			status(t, path+name, d.get(path+name+"="+strings.Repeat("a,", 32)+"a", key("reader-key")), 400)
		}
	}
}

// A caller that asks too often gets 429; others do not.
func TestRates(t *testing.T) {
	d := open(t, func(cfg *api.Config) { cfg.PerSecond, cfg.Burst, cfg.ClientIP = 2, 5, clientOf })
	from := func(ip string) header { return header{"X-Client", ip} }
	asks := func(n int, headers ...header) (ok int, last *httptest.ResponseRecorder) {
		for range n {
			if last = d.get("/api/v1/standing", headers...); last.Code == 200 {
				ok++
			}
		}
		return ok, last
	}
	ok, last := asks(9, key("member-key"), from("198.51.100.1"))
	equal(t, "in a burst", ok, 5)
	status(t, "the last one", last, 429)
	equal(t, "Retry-After", last.Header().Get("Retry-After"), "1")
	d.centre.accounts["other"] = &account{key: "other-key", role: community.Reporter}
	ok, _ = asks(9, key("other-key"), from("198.51.100.1"))
	equal(t, "another member at the same address", ok, 5)
	ok, _ = asks(9, key("member-key"), from("203.0.113.1"))
	equal(t, "the same member at another address", ok, 0)
	d.centre.pass(time.Second)
	ok, _ = asks(9, key("member-key"), from("198.51.100.1"))
	equal(t, "a second later", ok, 2)

	// Logins, registrations and questions for the health are of a network.
	posts := func(path, ip string) (ok int) {
		for range 9 {
			if d.do("POST", path, `{"machine_id":"member","password":"member-password"}`, from(ip)).Code != 429 {
				ok++
			}
		}
		return ok
	}
	equal(t, "logins", posts("/v3/watchers/login", "2001:db8::1"), 5)
	equal(t, "of the same network", posts("/v1/watchers/login", "2001:db8:0:1::1"), 0)
	equal(t, "of another network", posts("/api/v1/join", "2001:db8:1::1"), 5)
	equal(t, "the health", d.get("/healthz", from("2001:db8:1::2")).Code, 429)
}

// An engine that logs in too often gets 429. Its token stays valid, and engines behind
// the same address log in as ever.
func TestLoginStorms(t *testing.T) {
	d := open(t, func(cfg *api.Config) { cfg.ClientIP = clientOf })
	d.centre.accounts["other"] = &account{password: "other-password", role: community.Reporter}
	login := func(name, ip string) *httptest.ResponseRecorder {
		body := `{"machine_id":"` + name + `","password":"` + name + `-password"}`
		return d.do("POST", "/v3/watchers/login", body, header{"X-Client", ip})
	}
	for i := range 20 {
		status(t, fmt.Sprint("login ", i+1), login("member", "198.51.100.1"), 200)
	}
	token := bearer(d.token("member")) // from nowhere
	w := login("member", "198.51.100.1")
	status(t, "the next", w, 429)
	equal(t, "Retry-After", w.Header().Get("Retry-After"), "150")
	status(t, "at another address", login("member", "203.0.113.1"), 200)
	status(t, "another engine", login("other", "198.51.100.1"), 200)
	status(t, "with a token", d.get("/v3/decisions/stream", token, header{"X-Client", "198.51.100.1"}), 200)
	d.centre.pass(150 * time.Second)
	status(t, "later", login("member", "198.51.100.1"), 200)
	status(t, "once only", login("member", "198.51.100.1"), 429)
}

// dial sends the beginning of a request, over a connection that has few buffers.
func dial(t *testing.T, s *httptest.Server, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A client that sends a body byte by byte is answered after a while, and its connection serves
// no longer than that. The deadline of one body is not that of the next.
func TestSlowBodies(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d := open(t, func(cfg *api.Config) { cfg.Patience = 200 * time.Millisecond })
	s := httptest.NewServer(d.handler)
	defer s.Close()
	began := time.Now()
	conn := dial(t, s, "POST /api/v1/signals HTTP/1.1\r\nHost: x\r\nX-Api-Key: member-key\r\nContent-Length: 1000\r\n\r\n{")
	answer, err := io.ReadAll(conn) // to the end of the connection
	if err != nil || !strings.Contains(string(answer), "408 Request Timeout") || !strings.Contains(string(answer), `{"message":"the body took more than 200ms"}`) {
		t.Errorf("a slow body is answered with %q (%v)", answer, err)
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("it took %s only", took)
	}

	client := s.Client()
	post := func(body io.Reader) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/v1/signals", body)
		req.Header.Set("X-Api-Key", "member-key")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		equal(t, "reading the answer", err, nil)
		equal(t, "a quick body", resp.StatusCode, 200)
	}
	// The handler does not wait for an unread body either.
	lazy := dial(t, s, "POST /api/v1/signals HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	answer, _ = io.ReadAll(lazy)
	if !strings.Contains(string(answer), "401 Unauthorized") {
		t.Errorf("a body without a key is answered with %q", answer)
	}

	post(strings.NewReader(someSignals))
	// The next request on the connection comes after the deadline of the last.
	timer := time.NewTimer(300 * time.Millisecond)
	<-timer.C
	post(strings.NewReader(someSignals))
}

// A reader that takes nothing of a large list loses its connection, so that the list does not
// stay in memory for it.
func TestSlowReaders(t *testing.T) {
	c := newCentre()
	c.now = time.Time{}
	many(c, 200_000)
	d := openAt(t, c, func(cfg *api.Config) { cfg.Delivery = 300 * time.Millisecond })
	over := make(chan struct{}, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { over <- struct{}{} }()
		d.handler.ServeHTTP(w, r)
	}))
	defer s.Close()
	conn := dial(t, s, "GET /api/v1/list HTTP/1.1\r\nHost: x\r\nX-Api-Key: member-key\r\nConnection: close\r\n\r\n")
	<-over // though nothing was read
	got, _ := io.ReadAll(conn)
	if whole := len(d.body(d.get("/api/v1/list", key("member-key")))); len(got) >= whole {
		t.Errorf("a reader that waited got all %d bytes", len(got))
	}
}

// A slowClient takes nothing until it may.
type slowClient struct {
	*httptest.ResponseRecorder
	until chan struct{}
}

func (s slowClient) Write(b []byte) (int, error) {
	<-s.until
	return s.ResponseRecorder.Write(b)
}

// In a public community, strangers with slow connections could take all turns.
func TestStrangersDoNotKeepTheListFromMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentre()
		c.about.Public = true
		c.put("192.0.2.1", consensus.Ban, time.Hour)
		d := openAt(t, c, func(cfg *api.Config) { cfg.ClientIP = clientOf })
		until := make(chan struct{})
		codes := make(chan int, 40)
		for i := range 40 {
			go func() {
				r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/list", http.NoBody)
				r.Header.Set("X-Client", fmt.Sprintf("20.1.%d.1", i))
				w := slowClient{httptest.NewRecorder(), until}
				d.handler.ServeHTTP(w, r)
				codes <- w.Code
			}()
		}
		synctest.Wait()
		if w := d.get("/api/v1/list", key("reader-key"), header{"X-Client", "20.2.0.1"}); w.Code != http.StatusOK {
			t.Errorf("a member: %d", w.Code)
		}
		close(until)
		synctest.Wait()
		got := map[int]int{}
		for range 40 {
			got[<-codes]++
		}
		if got[200] != 32 || got[503] != 8 {
			t.Errorf("%v", got)
		}
		d.body(d.get("/api/v1/list", header{"X-Client", "20.3.0.1"})) // the turns are free again
	})
}

// The deadline of one answer does not meet the next on the connection, which may be another
// handler's.
func TestDeadlinesEndWithTheAnswer(t *testing.T) {
	d := open(t, func(cfg *api.Config) { cfg.Delivery = time.Second })
	fill(d.centre)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			_, _ = fmt.Fprint(w, "other")
			return
		}
		d.handler.ServeHTTP(w, r)
	}))
	defer s.Close()
	for _, path := range []string{"/api/v1/list", "/lists/ban.txt", "/v1/decisions/stream?startup=true"} {
		conn := dial(t, s, "GET "+path+" HTTP/1.1\r\nHost: x\r\nX-Api-Key: member-key\r\n\r\n")
		in := bufio.NewReader(conn)
		ask := func(want string) {
			t.Helper()
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(b), want) {
				t.Errorf("%s: %q (%v)", path, b, err)
			}
		}
		ask("192.0.2.1")
		timer := time.NewTimer(1100 * time.Millisecond)
		<-timer.C
		if _, err := io.WriteString(conn, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		ask("other")
	}
}

// Two whole lists at once are enough for one reader, and its share comes back.
func TestWholeListsAtOnce(t *testing.T) {
	c := newCentre()
	c.put("192.0.2.1", consensus.Ban, time.Hour)
	d := openAt(t, c)
	first, second := stuck(t, d), stuck(t, d)
	w := d.get("/lists/ban.txt", key("member-key"))
	status(t, "a third list", w, 429)
	status(t, "of another reader", d.get("/lists/ban.txt", key("reader-key")), 200)
	status(t, "a delta", d.get("/api/v1/list?after=1", key("member-key")), 200)
	first()
	second()
	status(t, "afterwards", d.get("/lists/ban.txt", key("member-key")), 200)
}

// stuck begins to read a list and does not go on before it is called.
func stuck(t *testing.T, d *door) (goOn func()) {
	t.Helper()
	writing, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r := httptest.NewRequestWithContext(context.Background(), "GET", "/lists/ban.txt", http.NoBody)
	r.Header.Set("X-Api-Key", "member-key")
	go func() {
		defer close(done)
		d.handler.ServeHTTP(&stuckWriter{httptest.NewRecorder(), writing, free}, r)
	}()
	<-writing
	return func() {
		close(free)
		<-done
	}
}

type stuckWriter struct {
	*httptest.ResponseRecorder
	writing, free chan struct{}
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	close(w.writing)
	<-w.free
	return w.ResponseRecorder.Write(b)
}
