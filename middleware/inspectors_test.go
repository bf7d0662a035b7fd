package middleware

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

// A wordFilter is an Inspector that bans requests with a word in the body, of which it
// reads so many bytes.
type wordFilter struct {
	name, word string
	limit      int
	bodies     *inspect.Bodies
	order      *[]string // in which inspectors were asked
}

func newWordFilter(name, word string, limit int, order *[]string) *wordFilter {
	return &wordFilter{name, word, limit, inspect.NewBodies(limit, 1<<20), order}
}

func (f *wordFilter) Name() string { return f.name }

func (f *wordFilter) Inspect(r *http.Request, in inspect.Details) (inspect.Verdict, error) {
	*f.order = append(*f.order, f.name)
	b, part, err := f.bodies.Begin(r, inspect.NetworkOf(in.Client), f.limit, 10*time.Second)
	v := inspect.Verdict{Body: b}
	for _, piece := range part.Bytes {
		if strings.Contains(string(piece), f.word) {
			v.Action, v.Status, v.Answered, v.Reason = lookup.Ban, 403, true, "found "+f.word
		}
	}
	return v, err
}

// sender counts what is read of what it sends.
type sender struct {
	io.Reader
	read int
}

func (s *sender) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read += n
	return n, err
}

// Inspectors are asked in their order, until one stops the request. They and the site
// read one body.
func TestInspectorsInOrder(t *testing.T) {
	const client = "192.0.2.1:1"
	for _, row := range []struct {
		name, body string
		asked      string
		origin     string // of the stop; empty: the site gets the request
		matched    string // told to the observer
		read       int    // bytes of the body
	}{
		{"harmless", "0123456789", "short long", "", "", 10},
		{"the first stops it", "ab:one:789", "short", "short", "|short:ban|", 9},
		{"the second stops it", "0123456:two", "short long", "long", "|long:ban|", 11},
		{"both would", "one:two", "short", "short", "|short:ban|", 7},
		{"what none sees", strings.Repeat("x", 40) + "one:two", "short long", "", "", 47},
	} {
		t.Run(row.name, func(t *testing.T) {
			var asked []string
			short, long := newWordFilter("short", "one", 8, &asked), newWordFilter("long", "two", 20, &asked)
			o := newWitness()
			m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{short, long}, Observe: o})
			s := &sender{Reader: strings.NewReader(row.body)}
			r := httptest.NewRequest(http.MethodPost, "/", s)
			r.RemoteAddr, r.ContentLength = client, -1
			site := ""
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, _ := io.ReadAll(r.Body)
				site = string(got)
			})).ServeHTTP(w, r)
			if strings.Join(asked, " ") != row.asked || s.read != row.read {
				t.Errorf("asked %v, %d bytes read; want %s, %d", asked, s.read, row.asked, row.read)
			}
			if n := short.bodies.InUse() + long.bodies.InUse(); n != 0 {
				t.Errorf("%d bytes of memory kept", n)
			}
			if row.origin == "" {
				if site != row.body {
					t.Errorf("the site gets %q", site)
				}
				return
			}
			counts := m.Counters().Snapshot().ByOrigin
			if w.Code != 403 || site != "" || len(counts) != 1 || counts[0].Origin != row.origin || o.last(t).Matched != row.matched {
				t.Errorf("status %d, the site gets %q, counted %+v", w.Code, site, counts)
			}
		})
	}
}

// With a pass for the captcha of one inspector, the next one still inspects the
// request.
func TestAPassOfOneInspectorIsNoneOfTheNext(t *testing.T) {
	first, second := &judge{say: saysCaptcha}, new(judge)
	m := mustNew(t, Config{Lookup: nothing, Challenge: newGate(t, challenge.Config{}), Inspectors: []Inspector{first, second}})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
	_, page := v.get()
	v.answer(page)
	if status, _ := v.get(); status != 200 || len(second.asked) != 1 {
		t.Errorf("status %d, the second asked %d times", status, len(second.asked))
	}
	second.say = saysBan
	if status, _ := v.get(); status != 418 {
		t.Errorf("status %d with a pass", status)
	}
}

// AppSec finds an attack in a body that another inspector has read before.
func TestAppSecReadsTheSharedBody(t *testing.T) {
	s := appsectest.Start(t, nil)
	c, err := appsec.New(appsec.Config{URL: s.URL, Key: appsectest.Key, Timeout: 30 * time.Second, BodyLimit: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var asked []string
	filter := newWordFilter("filter", "evil", 4, &asked)
	m := mustNew(t, Config{Lookup: nothing, Inspectors: []Inspector{filter, c}})
	body := &sender{Reader: strings.NewReader("0123456789")}
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.RemoteAddr, r.ContentLength = "192.0.2.1:1", -1
	site := ""
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		site = string(got)
	})).ServeHTTP(httptest.NewRecorder(), r)
	if last := s.Last(t, 1); string(last.Body) != "0123456789" || site != "0123456789" || body.read != 10 {
		t.Errorf("AppSec reads %q, the site %q, %d bytes are read", last.Body, site, body.read)
	}
	if c.Stats().BodyMemory != 0 || filter.bodies.InUse() != 0 {
		t.Errorf("%d and %d bytes kept", c.Stats().BodyMemory, filter.bodies.InUse())
	}
}
