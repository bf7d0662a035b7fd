package appsec

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = appsectest.Key

var visitor = netip.MustParseAddr("192.0.2.7")

// A fake is an AppSec for tests. It behaves like the real one: see
// TestTheFakeAnswersAsRecorded and TestReal.
type fake struct{ *appsectest.Server }

// newFake starts a fake. If wrap is nil, the fake answers all questions itself.
func newFake(t testing.TB, wrap func(http.ResponseWriter, *http.Request, http.HandlerFunc)) *fake {
	return &fake{appsectest.Start(t, wrap)}
}

// answering starts a fake that always gives the same answer.
func answering(t testing.TB, status int, body string) *fake {
	return newFake(t, func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		w.WriteHeader(status)
		say(w, body)
	})
}

// client returns a client of f. Its default timeout is long, because machines under
// load are slow.
func (f *fake) client(t testing.TB, cfg Config) *Client {
	t.Helper()
	if cfg.URL == "" {
		cfg.URL = f.URL
	}
	return newClient(t, cfg)
}

func newClient(t testing.TB, cfg Config) *Client {
	t.Helper()
	if cfg.Key == "" {
		cfg.Key = testKey
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// get inspects a GET of target and fails if that is an error.
func get(t testing.TB, c *Client, target string) inspect.Verdict {
	t.Helper()
	return judge(t, c, httptest.NewRequest("GET", "/", nil), inspect.Details{Client: visitor, Target: target})
}

func judge(t testing.TB, c *Client, r *http.Request, in inspect.Details) inspect.Verdict {
	t.Helper()
	v, err := c.Inspect(r, in)
	if err != nil {
		t.Fatal(err)
	}
	if b := v.Body; b != nil {
		t.Cleanup(b.Release)
		v.Body = nil // so that verdicts can be compared
	}
	return v
}

// say writes text and ignores errors.
func say(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

// drain reads the rest of an answer, so that its connection can be used again.
func drain(resp *http.Response) { _, _ = io.Copy(io.Discard, resp.Body) }

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// The fake gives the recorded answers of AppSec 1.7.8.
func TestTheFakeAnswersAsRecorded(t *testing.T) {
	f := newFake(t, nil)
	c := f.client(t, Config{})
	tests := []struct {
		target, file string
		want         inspect.Verdict
	}{
		{"/", "allow.json", inspect.Verdict{}},
		{"/rpc2", "ban.json", inspect.Verdict{Action: lookup.Ban, Status: 403, Answered: true, Reason: "AppSec: ban"}},
		{"/?x=evil", "ban.json", inspect.Verdict{Action: lookup.Ban, Status: 403, Answered: true, Reason: "AppSec: ban"}},
		{"/teapot", "ban-418.json", inspect.Verdict{Action: lookup.Ban, Status: 418, Answered: true, Reason: "AppSec: ban"}},
		{"/wp-login.php", "captcha.json", inspect.Verdict{Action: lookup.Captcha, Status: 403, Answered: true, Reason: "AppSec: captcha"}},
		{"/tarpit", "custom-action.json", inspect.Verdict{Action: lookup.Ban, Status: 403, Answered: true, Reason: `AppSec: "tarpit"`}},
	}
	for i, tt := range tests {
		if got := get(t, c, tt.target); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.target, got, tt.want)
		}
		q := f.Last(t, i+1)
		if _, text := q.Judge(); text != readFile(t, tt.file) {
			t.Errorf("%s: the fake says %s, CrowdSec %s", tt.target, text, readFile(t, tt.file))
		}
	}
	if s := c.Stats(); s.Asked != 6 || s.Stopped[lookup.Ban] != 4 || s.Stopped[lookup.Captcha] != 1 || s.Unknown != 1 ||
		s.Latency[len(s.Latency)-1].N != 6 {
		t.Errorf("%+v", s)
	}
}

func TestLatencyIsCountedByBuckets(t *testing.T) {
	var h histogram
	for _, d := range []time.Duration{0, 250 * time.Microsecond, 251 * time.Microsecond, 5 * time.Second, time.Minute} {
		h.add(d)
	}
	all := h.buckets()
	last := len(all) - 1
	if all[0] != (Bucket{250 * time.Microsecond, 2}) || all[1].N != 3 || all[last-1] != (Bucket{5 * time.Second, 4}) || all[last] != (Bucket{math.MaxInt64, 5}) {
		t.Errorf("%v", all)
	}
	if want := 65*time.Second + 501*time.Microsecond; time.Duration(h.sum.Load()) != want {
		t.Errorf("%d, want %d", h.sum.Load(), want)
	}
	if Late.String() != "late" || NoRoom.String() != "no_room" || Failure(99).String() != "unknown" {
		t.Error("names")
	}
}
