//go:build linux

package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/browsertest"
)

// asServer is set where this test program is to be the program that it tests, so
// that the race detector watches that, too.
const asServer = "TOCSIN_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	if os.Getenv(asUpstream) != "" {
		fmt.Fprintln(os.Stderr, serveUpstream())
		os.Exit(1)
	}
	code := m.Run()
	shared.Close()
	os.Exit(code)
}

// An application is what a site shows to who may come in: by default, a page that
// says what it was asked, in an element with the id app.
type application struct {
	*httptest.Server
	pages map[string]http.HandlerFunc // by method and path, such as "GET /form"

	mu    sync.Mutex
	asked []asked
}

// What an application was asked.
type asked struct {
	Method, URL, Body          string
	Origin, FetchSite, Cookies string
}

func newApplication(t testing.TB) *application {
	a := &application{pages: map[string]http.HandlerFunc{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q := asked{r.Method, r.URL.String(), string(body), r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Cookie")}
	a.mu.Lock()
	a.asked = append(a.asked, q)
	a.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store") // or the button back would not ask again
	if page, ok := a.pages[r.Method+" "+r.URL.Path]; ok {
		page(w, r)
		return
	}
	text, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	show(`<pre id="app">`+html.EscapeString(string(text))+"</pre>")(w, r)
}

// show returns a handler that answers with a page.
func show(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><title>app</title>`+body)
	}
}

// posts returns the POSTs that have come.
func (a *application) posts() (posts []asked) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.asked {
		if q.Method == http.MethodPost {
			posts = append(posts, q)
		}
	}
	return posts
}

// arrive waits until the visitor sees what the application answers, and returns
// what that was asked.
func (v *visitor) arrive() (q asked) {
	v.t.Helper()
	// The element is there before all of what is in it.
	v.Until("(() => { try { return !!JSON.parse(document.querySelector('#app').textContent) } catch { return false } })()")
	if err := json.Unmarshal([]byte(v.text("#app")), &q); err != nil {
		v.t.Fatal(err)
	}
	return q
}

// A shop is the program in a process of its own, with one site that challenges
// whoever comes from this machine.
type shop struct {
	shopConfig
	port string // on 127.0.0.1
	app  *application
}

// A shopConfig is a Caddyfile in which sites differ. {APP} stands for the
// address of the application.
type shopConfig struct {
	challenge string // default: an easy one that gets no harder
	global    string // more options of the app
	tls       bool
	site      string // default: tocsin in front of the application
}

const easy = "challenge pow {\nlevel low\nraise off\nbar off\n}"

// Addresses of clients for a trusted proxy to tell: one that is banned, and two
// that are challenged.
const (
	outlaw   = "192.0.2.1"
	suspect4 = "192.0.2.50"
	suspect6 = "2001:db8::50"
)

func (c shopConfig) caddyfile(dir string, app *application) string {
	address, certs := "http://", ""
	if c.tls {
		address, certs = "https://shop.example", "tls internal"
	}
	site := cmp.Or(c.site, "tocsin\nreverse_proxy {APP}")
	text := `{
	admin off
	persist_config off
	auto_https disable_redirects
	skip_install_trust
	log {
		level WARN
	}
	storage file_system {DIR}/storage
	servers {
		protocols h1 h2
		trusted_proxies static 127.0.0.0/8
		trusted_proxies_strict
	}
	tocsin {
		blocklist {DIR}/suspects.txt {
			action captcha
			private on
		}
		blocklist {DIR}/outlaws.txt
		snapshot off
		startup closed
		` + cmp.Or(c.challenge, easy) + "\n" + c.global + `
	}
}
` + address + " {\nbind fd/3\n" + certs + "\n" + site + "\n}\n"
	return strings.NewReplacer("{DIR}", dir, "{APP}", app.Listener.Addr().String()).Replace(text)
}

// newShop starts what cfg describes in front of app, and waits until it
// challenges. It ends with t.
func newShop(t testing.TB, cfg shopConfig) *shop {
	t.Helper()
	browsertest.Find(t) // or there is nobody to come
	dir := t.TempDir()
	s := &shop{shopConfig: cfg, app: newApplication(t)}
	for name, text := range map[string]string{
		"Caddyfile":    cfg.caddyfile(dir, s.app),
		"suspects.txt": "127.0.0.1\n" + suspect4 + "\n" + suspect6 + "\n",
		"outlaws.txt":  outlaw + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket := listen(t)
	_, s.port, _ = net.SplitHostPort(socket.Addr().String())
	startProgram(t, dir, socket)
	s.await(t)
	return s
}

// listen returns a socket for a process to inherit, so that nobody can take the
// port before it.
func listen(t testing.TB) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

// await asks until the list of clients is read and the certificate made: before
// that, the answer is 503 or none.
func (s *shop) await(t testing.TB) {
	t.Helper()
	// The connection waits in the socket until the process is up.
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+s.port)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		resp, err := client.Get(s.url("shop.example", "/"))
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusServiceUnavailable {
				return
			}
			err = errors.New(resp.Status)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not get ready: %v", err)
		}
	}
}

// url returns the address of a page, by any name that leads to the browser's own
// machine.
func (s *shop) url(host, path string) string {
	scheme := "http://"
	if s.tls {
		scheme = "https://"
	}
	return scheme + host + ":" + s.port + path
}
