package challenge

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// post returns the request of a form on the site's own page.
func (c client) post(body string) *http.Request {
	r := c.request("POST", body)
	r.Header.Set("Content-Type", formMediaType)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// forms are requests that post a form, and whether it is kept.
var forms = []struct {
	name   string
	change func(r *http.Request)
	kept   bool
}{
	{"of the same origin", func(*http.Request) {}, true},
	{"with a charset", func(r *http.Request) { r.Header.Set("Content-Type", formMediaType+"; charset=utf-8") }, true},
	{"of the same site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, false},
	{"of another site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, false},
	{"of the address bar", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") }, false},
	{"of two minds", func(r *http.Request) { r.Header.Add("Sec-Fetch-Site", "same-origin") }, false},
	{"of another site that says so as well", func(r *http.Request) {
		r.Header["Sec-Fetch-Site"] = []string{"same-origin", "cross-site"}
	}, false},
	{"of a browser that says nothing", func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") }, false},
	{"of a browser that says nothing but its origin, over TLS", func(r *http.Request) {
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "https://shop.example")
	}, false},
	{"of plain HTTP, over TLS", func(r *http.Request) {
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "http://shop.example")
	}, false},
	{"over plain HTTP, of the same origin", plain("http://shop.example"), true},
	{"over plain HTTP, of another site", plain("http://evil.example"), false},
	{"over plain HTTP, of another port", plain("http://shop.example:81"), false},
	{"over plain HTTP, of another scheme", plain("https://shop.example"), false},
	{"over plain HTTP, of nowhere", plain("null"), false},
	{"over plain HTTP, of no origin", func(r *http.Request) { plain("")(r); r.Header.Del("Origin") }, false},
	{"multipart", func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }, false},
	{"JSON", func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, false},
	{"without a type", func(r *http.Request) { r.Header.Del("Content-Type") }, false},
	{"of unknown length", func(r *http.Request) { r.ContentLength = -1 }, false},
	{"too long", body("a=" + strings.Repeat("x", 65_536)), false},
	{"with too many fields", body(strings.Repeat("&", 1000)), false},
	{"with half an escape", body("a=%"), false},
	{"in another encoding", body("a=%ff"), false},
	{"with a zero byte", body("a=%00"), false},
	{"that breaks off", func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }, false},
}

func plain(origin string) func(*http.Request) {
	return func(r *http.Request) {
		r.TLS = nil
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", origin)
	}
}

func body(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
}

func TestOnlyFormsOfTheSameOriginAreKept(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	for _, tt := range forms {
		t.Run(tt.name, func(t *testing.T) {
			r := c.post("a=1&b=x%3Cy%26z&a=%C3%A4+o%0D%0A&c&&=")
			tt.change(r)
			form, lost := keptForm(newRecorder(), r)
			want := []field{{"a", "1"}, {"b", "x<y&z"}, {"a", "ä o\r\n"}, {"c", ""}, {"", ""}}
			if !tt.kept {
				want = nil
			}
			if lost == tt.kept || !slices.Equal(form, want) {
				t.Errorf("the form is %q, lost: %t; want %q", form, lost, want)
			}
		})
	}
}

func TestWhatIsNoPostHasNoFormToLose(t *testing.T) {
	c := newClient(t, newGate(t, Config{}))
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND"} {
		r := c.post("a=1")
		r.Method = method
		if form, lost := keptForm(newRecorder(), r); form != nil || lost {
			t.Errorf("%s: the form is %q, lost: %t", method, form, lost)
		}
	}
}

// waited returns a client of a gate, and the request of a browser without scripts that
// has waited.
func waited(t *testing.T, c Config) (client, *http.Request) {
	c.Wait = 5 * time.Second
	who := newClient(t, newGate(t, c))
	asked := who.challenged()
	if asked.Wait != 5*time.Second {
		t.Fatalf("the page says to wait %v; want %v", asked.Wait, 5*time.Second)
	}
	return who, who.post(waitField + asked.WaitToken)
}

func TestWhoWaitsIsLetInWithoutScripts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := waited(t, Config{})
		<-time.After(5 * time.Second)
		res := c.send(r, true)
		wantStatus(t, res, http.StatusSeeOther)
		c.cookie = res.cookies[0].Name + "=" + res.cookies[0].Value
		if got := c.judge(); got != Passed {
			t.Errorf("the verdict is %d; want Passed", got)
		}
		if got := c.gate.Counters().Counts(); got.Solved != 1 || got.Waited != 1 {
			t.Errorf("counted %+v; want one solved by waiting", got)
		}
	})
}

func TestWhoDoesNotWaitIsNotLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := waited(t, Config{})
		<-time.After(5*time.Second - time.Millisecond)
		wantStatus(t, c.send(r, true), http.StatusForbidden)
	})
}

func TestAWaitIsOverSomeTimeAndCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{Wait: 5 * time.Second}))
		late, early := c.challenged().WaitToken, c.challenged().WaitToken
		<-time.After(5 * time.Second)
		wantStatus(t, c.send(c.post(waitField+early), true), http.StatusSeeOther)
		wantStatus(t, c.send(c.post(waitField+early), true), http.StatusForbidden)
		<-time.After(5 * time.Minute)
		wantStatus(t, c.send(c.post(waitField+late), true), http.StatusForbidden)
	})
}

func TestWaitsGetLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := waited(t, Config{Level: Low, Raise: 1})
		another := c.challenged().WaitToken
		<-time.After(5 * time.Second)
		wantStatus(t, c.send(r, true), http.StatusSeeOther)
		wantStatus(t, c.answer(another, ""), http.StatusNoContent)
		asked := c.challenged()
		if asked.Wait != 10*time.Second {
			t.Errorf("the third wait is %v; want %v", asked.Wait, 10*time.Second)
		}
		<-time.After(10*time.Second - time.Millisecond)
		wantStatus(t, c.answer(asked.WaitToken, ""), http.StatusForbidden)
		<-time.After(time.Millisecond)
		wantStatus(t, c.answer(asked.WaitToken, ""), http.StatusNoContent)
	})
}

func TestAChallengeOfWorkIsNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := waited(t, Config{})
		token := c.challenged().Token
		<-time.After(5 * time.Second)
		wantStatus(t, c.send(c.post(waitField+token), true), http.StatusForbidden)
	})
}

func TestNobodyWaitsAtAGateWithoutAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := waited(t, Config{})
		token := c.challenged().WaitToken
		<-time.After(5 * time.Second)
		c.gate = newGate(t, Config{})
		if c.gate.Answering(r) {
			t.Error("a form is taken for an answer")
		}
		wantStatus(t, c.answer(token, ""), http.StatusForbidden)
	})
}

// After the wait the browser goes back to the same address, whatever its path is.
func TestTheRedirectionCannotLeadElsewhere(t *testing.T) {
	for _, target := range []string{
		"//evil.example/x", "//evil.example", "/\\evil.example/", "/%5cevil.example", "///evil.example/x?y=//z",
		"/x%0d%0aLocation:%20//evil.example", "/javascript:alert(1)", "/?next=//evil.example", "http://evil.example/x",
	} {
		synctest.Test(t, func(t *testing.T) {
			c, r := waited(t, Config{})
			<-time.After(5 * time.Second)
			r.URL = &url.URL{Path: target, RawQuery: "a=//evil.example"}
			r.RequestURI = target
			res := c.send(r, true)
			wantStatus(t, res, http.StatusSeeOther)
			asked := &url.URL{Scheme: "https", Host: "shop.example", Path: target, RawQuery: "q=1"}
			led, err := asked.Parse(res.header.Get("Location"))
			if err != nil || led.String() != asked.String() {
				t.Errorf("from %s the browser is led to %v, %v", asked, led, err)
			}
		})
	}
}

func TestFormsThatAreNoAnswersReachTheApplicationAsTheyWere(t *testing.T) {
	c := newClient(t, newGate(t, Config{Wait: 5 * time.Second}))
	long := "login=" + strings.Repeat("x", 1024)
	for _, text := range []string{"", "a", "login=me&password=secret", "tocsin-answe=1", "tocsin-answer", "a=1&tocsin-answer=x", long, waitField + long} {
		r := c.post(text)
		for range 2 {
			if c.gate.Answering(r) {
				t.Errorf("%q is taken for an answer", text)
			}
		}
		if err := iotest.TestReader(r.Body, []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnAnswersFormIsStillThereForWhoAnswersIt(t *testing.T) {
	c := newClient(t, newGate(t, Config{Wait: 5 * time.Second}))
	const text = waitField + "token"
	r := c.post(text)
	for range 2 {
		if !c.gate.Answering(r) {
			t.Fatal("it is not taken for an answer")
		}
	}
	if err := iotest.TestReader(r.Body, []byte(text)); err != nil {
		t.Error(err)
	}
}

func TestABodyThatFailsFailsForTheApplicationToo(t *testing.T) {
	c := newClient(t, newGate(t, Config{Wait: 5 * time.Second}))
	broken := errors.New("broken")
	r := c.post(strings.Repeat("x", 100))
	once := io.MultiReader(strings.NewReader("tocsin"), &failsOnce{broken})
	r.Body = io.NopCloser(once)
	if c.gate.Answering(r) {
		t.Error("half a body is taken for an answer")
	}
	got, err := io.ReadAll(r.Body)
	if string(got) != "tocsin" || !errors.Is(err, broken) {
		t.Errorf("the application reads %q, %v", got, err)
	}
}

// failsOnce is a reader that fails once, and then ends without an error.
type failsOnce struct{ err error }

func (f *failsOnce) Read([]byte) (int, error) {
	err := f.err
	f.err = io.EOF
	return 0, err
}

// An answer is for its own visitor alone, so it does no harm if the browser does not say
// which page sent it. Browsers without scripts, such as Lynx, send no origin at all.
func TestAWaitOfAnotherSiteIsNoAnswer(t *testing.T) {
	c := newClient(t, newGate(t, Config{Wait: 5 * time.Second}))
	token := c.challenged().WaitToken
	answers := []string{
		"of a browser that says nothing", "of a browser that says nothing but its origin, over TLS",
		"over plain HTTP, of no origin", "over plain HTTP, of another scheme", // TLS may end in front
	}
	for _, tt := range forms {
		r := c.post(waitField + token)
		had, want := r.Body, tt.kept || slices.Contains(answers, tt.name)
		tt.change(r)
		if r.Body == had && c.gate.Answering(r) != want {
			t.Errorf("a form %s is taken for an answer: %t; want %t", tt.name, !want, want)
		}
	}
}

// timed is a writer with a read deadline, like those of servers.
type timed struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (t *timed) SetReadDeadline(until time.Time) error { t.until = until; return nil }

func TestBodiesAreReadForSomeSecondsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newGate(t, Config{}))
		for name, read := range map[string]func(w http.ResponseWriter){
			"a form that is kept": func(w http.ResponseWriter) { keptForm(w, c.post("a=1")) },
			"an answer": func(w http.ResponseWriter) {
				r := c.request("POST", "")
				r.Header.Set(answerHeader, "x")
				c.gate.Answer(w, r, c.visitor(), true)
			},
		} {
			w := &timed{ResponseRecorder: newRecorder()}
			read(w)
			if want := time.Now().Add(10 * time.Second); !w.until.Equal(want) {
				t.Errorf("%s is read until %v; want %v", name, w.until, want)
			}
		}
	})
}
