package middleware

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// told returns what the observer gets for one request and the answer of a handler.
func told(t *testing.T, r *http.Request, h http.HandlerFunc) event.Event {
	t.Helper()
	o := newWitness()
	mustNew(t, Config{Lookup: nothing, Observe: o}).Handler(h).ServeHTTP(httptest.NewRecorder(), r)
	return o.last(t)
}

func wrongLogin(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// However a handler writes, the size is measured, and the beginning of the response to
// a login is kept.
func TestWhatIsKeptOfAnAnswer(t *testing.T) {
	page := "<form>" + strings.Repeat("x", 20_000)
	for _, row := range []struct {
		name  string
		write func(w http.ResponseWriter)
		want  string
		size  int64
	}{
		{"nothing", func(http.ResponseWriter) {}, "", 0},
		{"a page", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<form>") }, "<form>", 6},
		{"a page in pieces", func(w http.ResponseWriter) {
			for _, piece := range []string{"<", "form", ">"} {
				_, _ = io.WriteString(w, piece)
				w.(http.Flusher).Flush()
			}
		}, "<form>", 6},
		{"a long page", func(w http.ResponseWriter) { _, _ = io.WriteString(w, page) }, page[:8192], 20_006},
		{"a page of the size that is kept", func(w http.ResponseWriter) { _, _ = io.WriteString(w, page[:8192]) }, page[:8192], 8192},
		{"a page and a byte", func(w http.ResponseWriter) { _, _ = io.WriteString(w, page[:8192+1]) }, page[:8192], 8192 + 1},
		{"a copied page", func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader(page)) }, page[:8192], 20_006},
		{"a page that is read from", func(w http.ResponseWriter) { _, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader(page)) }, page[:8192], 20_006},
		{"pieces of both kinds", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "<fo")
			_, _ = io.Copy(w, strings.NewReader("rm>"))
		}, "<form>", 6},
	} {
		answer := func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/html")
			row.write(w)
		}
		e := told(t, wrongLogin("user=a&password=b"), answer)
		if string(e.Answer) != row.want || e.Size != row.size || e.ContentType != "text/html" {
			t.Errorf("%s: %d bytes kept of %d, %q", row.name, len(e.Answer), e.Size, e.ContentType)
		}
		if e = told(t, httptest.NewRequest(http.MethodGet, "/login", http.NoBody), answer); e.Answer != nil || e.Size != row.size {
			t.Errorf("%s, to a GET: %d bytes kept of %d, want none of %d", row.name, len(e.Answer), e.Size, row.size)
		}
		for _, query := range []string{"account=a&passwd=b", "username=a&response=0f1e"} {
			if e = told(t, httptest.NewRequest(http.MethodGet, "/login?"+query, http.NoBody), answer); string(e.Answer) != row.want {
				t.Errorf("%s, to a GET with %s: %d bytes kept", row.name, query, len(e.Answer))
			}
		}
		upload := httptest.NewRequest(http.MethodPost, "/upload", strings.NewReader("PNG"))
		upload.Header.Set("Content-Type", "image/png")
		if e = told(t, upload, answer); e.Answer != nil || e.Size != row.size {
			t.Errorf("%s, to an upload: %d bytes kept of %d, want none of %d", row.name, len(e.Answer), e.Size, row.size)
		}
	}
}

// If a writer accepts fewer bytes, only those count.
type shortWriter struct {
	http.ResponseWriter
	n int
}

func (w shortWriter) Write([]byte) (int, error) { return w.n, errors.New("gone") }

func TestWhatWasNotSentIsNotMeasured(t *testing.T) {
	for _, row := range []struct {
		takes int
		want  int64
	}{{0, 0}, {3, 3}, {6, 6}, {-1, 0}, {100, 6}} {
		w := &recorder{ResponseWriter: shortWriter{httptest.NewRecorder(), row.takes}, keep: true}
		if _, err := w.Write([]byte("<form>")); err == nil {
			t.Error("no error")
		}
		if w.size != row.want || string(w.answer) != "<form>"[:row.want] {
			t.Errorf("a writer that takes %d: %d bytes, %q", row.takes, w.size, w.answer)
		}
	}
}

// The Content-Encoding is kept only together with the response's beginning.
func TestACompressedAnswerSaysSo(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = fmt.Fprint(z, "<form>")
	z.Close()
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}
	if e := told(t, wrongLogin("a=b"), answer); e.Header.Get("Content-Encoding") != "gzip" || !bytes.Equal(e.Answer, packed.Bytes()) {
		t.Errorf("%v and %d bytes", e.Header, len(e.Answer))
	}
	if e := told(t, httptest.NewRequest(http.MethodGet, "/", http.NoBody), answer); len(e.Header) > 0 {
		t.Errorf("of an answer that is not kept: %v", e.Header)
	}
}

// The event has the Fetch metadata of the request, and the target of a redirect.
func TestTheObserverIsToldWhoseActItIs(t *testing.T) {
	for _, row := range []struct {
		site, dest string
		want       event.Attribution
	}{
		{"", "", event.Own}, {"same-origin", "document", event.Own}, {"same-origin", "image", event.Embedded}, {"cross-site", "image", event.Foreign},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Sec-Fetch-Site", row.site)
		r.Header.Set("Sec-Fetch-Dest", row.dest)
		e := told(t, r, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/x"); w.WriteHeader(302) })
		if e.Attribution != row.want || e.Header.Get("Location") != "/x" {
			t.Errorf("%q %q: %v, %v", row.site, row.dest, e.Attribution, e.Header)
		}
	}
}

// Over plain HTTP a browser does not show which site caused a GET, if a page asks for
// that.
func TestTheObserverIsToldWhatBrowsersDoNotSay(t *testing.T) {
	for _, row := range []struct {
		name, method, url, proxy string
		want                     event.Attribution
	}{
		{"plain HTTP", "GET", "http://site.example/", "", event.Unmarked},
		{"HTTPS", "GET", "https://site.example/", "", event.Own},
		{"HTTPS that ends at a proxy", "GET", "http://site.example/", "https", event.Own},
		{"plain HTTP by way of a proxy", "GET", "http://site.example/", "http", event.Unmarked},
		{"a form", "POST", "http://site.example/", "", event.Own},
	} {
		r := httptest.NewRequest(row.method, row.url, http.NoBody)
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
		r.Header.Set("Accept-Language", "de")
		r.Header.Set("Accept", "*/*")
		if row.proxy != "" {
			r.Header.Set("X-Forwarded-Proto", row.proxy)
		}
		if e := told(t, r, func(http.ResponseWriter, *http.Request) {}); e.Attribution != row.want {
			t.Errorf("%s: %v, want %v", row.name, e.Attribution, row.want)
		}
	}
}

// Over HTTP/3 a request of the first round trip may come from anybody.
func TestTheObserverIsToldWhatCameBeforeTheHandshakeEnded(t *testing.T) {
	for _, row := range []struct {
		name, site string
		early      bool
		want       event.Attribution
	}{
		{"after the handshake", "", false, event.Own},
		{"before its end", "", true, event.Unmarked},
		{"before its end, and from a page of another site", "cross-site", true, event.Foreign},
	} {
		r := httptest.NewRequest(http.MethodPost, "https://site.example/", http.NoBody)
		r.TLS.HandshakeComplete = !row.early
		if row.site != "" {
			r.Header.Set("Sec-Fetch-Site", row.site)
		}
		if e := told(t, r, func(http.ResponseWriter, *http.Request) {}); e.Attribution != row.want {
			t.Errorf("%s: %v, want %v", row.name, e.Attribution, row.want)
		}
	}
}

// A PUT that creates a session has a type with named fields. A PUT of a file has any
// type.
func TestPutsThatAreKept(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/json": true, "application/xml": true, "application/x-www-form-urlencoded; charset=utf-8": true, "": false, "text/plain": false, "image/png": false,
	} {
		r := wrongLogin("user=a")
		r.Method = http.MethodPut
		r.Header.Set("Content-Type", contentType)
		e := told(t, r, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		if got := len(e.Body) > 0; got != want {
			t.Errorf("%q: kept is %v, want %v", contentType, got, want)
		}
	}
}

// Bodies of these types can hold a name and a password.
func TestTellingTypes(t *testing.T) {
	for contentType, want := range map[string]bool{
		"": true, "application/x-www-form-urlencoded": true, "Multipart/Form-Data; boundary=x": true, "application/json": true,
		"application/json;charset=utf-8": true, "application/vnd.api+json": true, "APPLICATION/JSON,x": true, "text/plain": true, "text/xml": true, "application/soap+xml": true,
		"image/png": false, "application/octet-stream": false, "application/x-protobuf": false, "text/html": false, "json": true, "application/json-rpc": true,
	} {
		r := wrongLogin("user=a")
		r.Header.Set("Content-Type", contentType)
		e := told(t, r, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		if got := len(e.Body) > 0; got != want {
			t.Errorf("%q: kept is %v, want %v", contentType, got, want)
		}
	}
}
