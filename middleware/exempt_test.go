package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tocsin-project/tocsin/challenge"
)

// wellKnown has a page below /.well-known/, where only text is exempt, and files for
// logged-in visitors.
func wellKnown(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	if r.URL.Path == "/.well-known/jmap" {
		w.Header().Set("Content-Type", "application/json")
	}
	_, _ = fmt.Fprint(w, "site:"+r.Header.Get("Authorization")+":"+r.Header.Get("Cookie"))
}

// Without a pass an exempt request is reduced. With a pass it is not: otherwise a page
// there would need a new challenge after each solution.
func TestAPassOpensWhatIsExempt(t *testing.T) {
	m := mustNew(t, Config{Lookup: in(table(t, "192.0.2.1 captcha")), Challenge: newGate(t, challenge.Config{})})
	v := &visitor{t: t, h: m.Handler(http.HandlerFunc(wellKnown)), client: "192.0.2.1:1"}
	ask := func(path string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Basic eDp5")
		w := v.send(r)
		return w.Code, w.Body.String()
	}
	status, page := ask("/.well-known/change-password")
	if status != http.StatusForbidden {
		t.Fatalf("without a pass: status %d", status)
	}
	if got := v.answer(page); got != http.StatusNoContent {
		t.Fatalf("the answer: status %d", got)
	}
	v.cookie += "; session=1"
	for _, path := range []string{"/.well-known/change-password", "/.well-known/jmap"} {
		if status, body := ask(path); status != http.StatusOK || body != "site:Basic eDp5:session=1" {
			t.Errorf("%s with a pass: status %d, %q", path, status, body)
		}
	}
}

// A withheld page there is answered like any other request without a pass.
func TestWhatIsWithheldIsAnsweredLikeAllElse(t *testing.T) {
	barring := challenge.Config{Bar: 1, Raise: -1}
	for _, row := range []struct {
		name   string
		cfg    Config
		solved int
		want   int
	}{
		{"a challenge", Config{Challenge: newGate(t, challenge.Config{})}, 0, http.StatusForbidden},
		{"challenges that are off", Config{Challenge: newGate(t, challenge.Config{}), ChallengeOff: true}, 0, http.StatusTooManyRequests},
		{"passes were collected", Config{Challenge: newGate(t, barring)}, 3, http.StatusTooManyRequests},
	} {
		row.cfg.Lookup = in(table(t, "192.0.2.1 captcha"))
		h := mustNew(t, row.cfg).Handler(http.HandlerFunc(wellKnown))
		for range row.solved {
			v := &visitor{t: t, h: h, client: "192.0.2.1:1"}
			if status, page := v.get(); status == http.StatusForbidden {
				v.answer(page)
			}
		}
		for _, path := range []string{"/page", "/.well-known/change-password"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			w := (&visitor{t: t, h: h, client: "192.0.2.1:1"}).send(r)
			if w.Code != row.want || (w.Header().Get("Retry-After") != "") != (row.want == http.StatusTooManyRequests) {
				t.Errorf("%s: %s: status %d, want %d; %v", row.name, path, w.Code, row.want, w.Header())
			}
		}
	}
}
