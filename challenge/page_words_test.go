package challenge

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// A page without a contact does not ask visitors to send the reference.
func TestAPageWithoutAContactAsksForNothing(t *testing.T) {
	for _, contact := range []string{"", "help@example.com"} {
		p := pageOf(t, PageConfig{Contact: contact})
		for _, w := range pages.Languages() {
			r := navigation(http.MethodGet, "/")
			r.Header.Set("Accept-Language", w.Lang)
			body := served(p, r, sample(t)).Body.String()
			if strings.Contains(body, w.Help) != (contact != "") || strings.Contains(body, "<a ") != (contact != "") || !strings.Contains(body, "0123456789") {
				t.Errorf("contact %q, %s: %s", contact, w.Lang, body)
			}
		}
	}
}

// A page contains the texts of one language only.
func TestAPageHasTheWordsOfOneLanguage(t *testing.T) {
	p := pageOf(t, PageConfig{})
	for _, w := range pages.Languages() {
		r := navigation(http.MethodGet, "/")
		r.Header.Set("Accept-Language", w.Lang)
		body := served(p, r, sample(t)).Body.String()
		for _, other := range pages.Languages() {
			if strings.Contains(body, other.Cookies) != (other == w) {
				t.Errorf("the page in %s, and %s: %s", w.Lang, other.Lang, body)
			}
		}
	}
}

// A visitor who presses the button too early sees the remaining time and does not have
// to start again.
func TestWhoIsTooEarlyIsToldHowLongToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := waited(t, Config{})
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		token := strings.TrimPrefix(string(text), waitField)
		for _, row := range []struct {
			after time.Duration
			lang  string
			want  string
		}{
			{0, "en", "That was too early. Press the button in 5 seconds."},
			{2 * time.Second, "ru", "Слишком рано. Нажмите кнопку через 3 секунды."},
			{2900 * time.Millisecond, "pl", "To było za wcześnie. Proszę nacisnąć przycisk za sekundę."},
		} {
			<-time.After(row.after)
			early := c.post(waitField + token)
			early.Header.Set("Sec-Fetch-Mode", "navigate")
			early.Header.Set("Accept-Language", row.lang)
			w := newRecorder()
			if c.gate.Answer(w, early, c.visitor(), true) || w.Code != http.StatusForbidden {
				t.Fatalf("status %d", w.Code)
			}
			_, noscript, _ := strings.Cut(w.Body.String(), "<noscript>")
			if !strings.Contains(noscript, row.want) || !strings.Contains(noscript, `value="`+token+`"`) {
				t.Errorf("no %q, or another token, in %s", row.want, noscript)
			}
		}
		<-time.After(100 * time.Millisecond)
		wantStatus(t, c.send(c.post(waitField+token), true), http.StatusSeeOther)
	})
}

// ALTCHA's widget has only English texts, so it gets those of the page.
func TestAltchaSpeaksTheLanguageOfThePage(t *testing.T) {
	p := pageOf(t, PageConfig{})
	for _, w := range pages.Languages() {
		c := sample(t)
		c.Widget = &Widget{Puzzle: true, Class: "box", Field: "altcha", Data: map[string]string{"challenge": "{}"}}
		r := navigation(http.MethodGet, "/")
		r.Header.Set("Accept-Language", w.Lang)
		body := served(p, r, c).Body.String()
		m := regexp.MustCompile(`data-language="([^"]*)" data-strings="([^"]*)"`).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("%s: no words in %s", w.Lang, body)
		}
		var strings map[string]string
		if err := json.Unmarshal([]byte(html.UnescapeString(m[2])), &strings); err != nil {
			t.Fatal(err)
		}
		if m[1] != w.Lang || strings["label"] != w.Human || strings["error"] != w.Failed || len(strings) != 6 {
			t.Errorf("%s: %s, %q", w.Lang, m[1], strings)
		}
	}
}
