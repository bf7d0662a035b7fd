package middleware

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"
	"github.com/tocsin-project/tocsin/lookup"
)

// stopsOfAllKinds returns a stop of each kind.
func stopsOfAllKinds() [kinds]*Stop {
	all := [kinds]*Stop{
		denied:    stopOf(lookup.Ban),
		refused:   stopOf(lookup.Ban),
		unchecked: stopOf(lookup.Ban),
		guarded:   stopOf(lookup.Captcha),
		unmet:     stopOf(lookup.Captcha),
		throttled: stopOf(lookup.Throttle),
	}
	all[refused].Inspected, all[refused].Status = true, http.StatusNotAcceptable
	all[unchecked].Inspected, all[unchecked].Status = true, http.StatusServiceUnavailable
	all[guarded].Guard = true
	all[guarded].postpone()
	all[unmet].postpone()
	return all
}

// inLanguage asks for a page about s in a language.
func inLanguage(h http.Handler, lang string, s *Stop) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Accept-Language", lang)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(NewContext(r.Context(), s)))
	return w
}

func TestPageSpeaksTheVisitorsLanguage(t *testing.T) {
	p := mustPage(t, PageConfig{Contact: "help@example.com"})
	for _, c := range []struct {
		accept, lang, dir string
		kind              kind
		title, text, help string
	}{
		{"sv", "en", "ltr", denied, "Access denied", "This site does not accept requests from your network address", "If you think this is a mistake"},
		{"ar-EG,en;q=0.5", "ar", "rtl", throttled, "طلبات كثيرة جدًا", "بعد دقيقتين.", "الرمز المرجعي أدناه."},
		{"de-CH", "de", "ltr", refused, "Zugriff verweigert", "nimmt diese Anfrage nicht an", "das Kennzeichen unten."},
		{"es", "es", "ltr", unchecked, "No disponible", "Inténtelo de nuevo más tarde", "figura abajo."},
		{"fr", "fr", "ltr", guarded, "Indisponible", "réessayer dans 2 minutes.", "ci-dessous."},
		{"it", "it", "ltr", unmet, "Non disponibile", "riprovi tra 2 minuti.", "qui sotto."},
		{"ja", "ja", "ltr", throttled, "リクエストが多すぎます", "2 分後に", "参照番号"},
		{"nl", "nl", "ltr", throttled, "Te veel verzoeken", "over 2 minuten opnieuw", "kenmerk hieronder."},
		{"pl", "pl", "ltr", guarded, "Strona niedostępna", "za 2 minuty.", "identyfikator."},
		{"pt-BR", "pt-BR", "ltr", denied, "Acesso negado", "endereço de rede.", "referência abaixo."},
		{"ru", "ru", "ltr", throttled, "Слишком много запросов", "через 2 минуты.", "код ниже."},
		{"tr", "tr", "ltr", throttled, "Çok fazla istek", "2 dakika sonra", "referans kodunu"},
		{"zh-CN", "zh-Hans", "ltr", denied, "访问被拒绝", "网络地址的请求。", "参考编号"},
		{"zh-TW", "zh-Hant", "ltr", denied, "存取遭拒", "網路位址的要求。", "參考編號"},
	} {
		s := stopsOfAllKinds()[c.kind]
		w := inLanguage(p, c.accept, s)
		body := w.Body.String()
		for _, want := range []string{`<html lang="` + c.lang + `" dir="` + c.dir + `">`, "<title>" + c.title + "</title>", "<h1>" + c.title + "</h1>", c.text, c.help, s.Ref} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s in %s", c.accept, want, body)
			}
		}
		if h := w.Header(); h.Get("Content-Language") != c.lang || h.Get("Vary") != "Accept-Language" || w.Code != s.Status {
			t.Errorf("%s: %d %v", c.accept, w.Code, h)
		}
		if len(body) > 4000 {
			t.Errorf("%s: %d bytes", c.accept, len(body))
		}
	}
}

// Programs get English texts.
func TestWhatProgramsGetIsInEnglish(t *testing.T) {
	p := mustPage(t, PageConfig{})
	for _, accept := range []string{"application/json", "*/*"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Language", "ar")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r.WithContext(NewContext(r.Context(), stopOf(lookup.Throttle))))
		if body := w.Body.String(); !strings.Contains(body, "You can try again in 2 minutes.") || w.Header().Get("Vary") != "" || w.Header().Get("Content-Language") != "" {
			t.Errorf("%s: %v %s", accept, w.Header(), body)
		}
	}
}

func TestAnOwnTemplateIsToldTheLanguage(t *testing.T) {
	p := mustPage(t, PageConfig{Template: `<html lang="{{.Lang}}" dir="{{.Dir}}">{{.Title}}`})
	if got := inLanguage(p, "ar", stopOf(lookup.Throttle)).Body.String(); got != `<html lang="ar" dir="rtl">طلبات كثيرة جدًا` {
		t.Errorf("got %s", got)
	}
}

// A page without a contact does not ask for a message.
func TestAPageWithoutAContactAsksForNothing(t *testing.T) {
	for _, contact := range []string{"", "https://example.com/help"} {
		p := mustPage(t, PageConfig{Contact: contact})
		for _, w := range pages.Languages() {
			s := stopOf(lookup.Ban)
			body := inLanguage(p, w.Lang, s).Body.String()
			if strings.Contains(body, w.Mistake) != (contact != "") || strings.Contains(body, "<a ") != (contact != "") || !strings.Contains(body, s.Ref) {
				t.Errorf("contact %q, %s: %s", contact, w.Lang, body)
			}
		}
	}
}

// explained is an explanation of every stop.
func explained(by, link string) func(*Stop) (string, string) {
	return func(*Stop) (string, string) { return by, link }
}

// Whoever is stopped because of a community reads which, and where to ask.
func TestThePageLinksToTheExplanation(t *testing.T) {
	p := mustPage(t, PageConfig{Explain: func(s *Stop) (string, string) {
		if s.Decision.Source != "community" {
			return "", ""
		}
		return `Example <script>`, "https://c.example/?a=b&address=" + s.Client.String() + `"><script>`
	}})
	listed := stopOf(lookup.Ban)
	listed.Decision.Source = "community"
	body := inLanguage(p, "de", listed).Body.String()
	if !strings.Contains(body, `<dt>Erklärung</dt><dd><a href="https://c.example/?a=b&amp;address=`) ||
		!strings.Contains(body, "Example &lt;script&gt;</a>") || strings.Contains(body, "<script") {
		t.Errorf("%s", body)
	}
	other := inLanguage(p, "de", stopOf(lookup.Ban)).Body.String()
	if strings.Contains(other, "Erklärung") || strings.Contains(other, "c.example") {
		t.Errorf("a stop of another source: %s", other)
	}
	for accept, want := range map[string]string{
		"application/json": `"explanation":"https://c.example/?a=b`, "": "\nExplanation: https://c.example/?a=b&address=",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		p.ServeStop(w, r, listed)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("Accept %q: %s", accept, w.Body)
		}
	}
}

// A page from prepared parts equals the rendered page.
func TestAPreparedPageIsTheRenderedOne(t *testing.T) {
	for _, cfg := range []PageConfig{
		{},
		{Contact: "a+b@example.com", Title: `<b>"Closed" & {{.Ref}} %s`},
		{Contact: "https://example.com/{ref}/help?r={ref}#{ref}", Accent: "#060"},
		{Explain: explained(`<b>"Example" & 'more' e.V.`, "https://c.example/?a=b&address=2001%3Adb8%3A%3A1")},
		{Contact: "help@example.com", Explain: explained("Example", "https://c.example/192.0.2.1")},
		{Explain: explained("a name without a page", "")},
	} {
		p := mustPage(t, cfg)
		for k, s := range stopsOfAllKinds() {
			for _, w := range pages.Languages() {
				by, link := p.explain(s)
				want, err := p.render(kindOf(s), w, blanks{
					strconv.Itoa(s.Status), s.Ref, s.Time.UTC().Format("2006-01-02T15:04:05Z"), s.Time.UTC().Format("2006-01-02 15:04:05"), w.Span(s.RetryAfter), by, link,
				})
				if got := p.appendPrepared(nil, s, w); err != nil || string(got) != string(want) || kindOf(s) != kind(k) {
					t.Fatalf("kind %d, %s: got %s, want %s, %v", k, w.Lang, got, want, err)
				}
			}
		}
	}
}

// html/template escapes a reference from elsewhere.
func TestAForeignReferenceIsEscaped(t *testing.T) {
	p := mustPage(t, PageConfig{Contact: "https://example.com/{ref}"})
	for _, ref := range []string{"<script>alert(1)</script>", `"><b>`, "a b", "é"} {
		s := stopOf(lookup.Ban)
		s.Ref = ref
		body := inLanguage(p, "en", s).Body.String()
		if strings.Contains(body, "<script") || strings.Contains(body, "<b>") || !strings.Contains(body, template.HTMLEscapeString(ref)) {
			t.Errorf("%q: %s", ref, body)
		}
	}
}

// A thousand clients of three languages, stopped for two reasons, cost six renderings.
func TestAPageIsRenderedOnceForEachLanguageAndKind(t *testing.T) {
	p := mustPage(t, PageConfig{})
	var rendered atomic.Int64
	p.html = template.Must(template.New("page").Funcs(template.FuncMap{
		"counted": func() string { rendered.Add(1); return "" },
	}).Parse(pageHTML + "{{counted}}"))
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			s := stopOf([]lookup.Action{lookup.Ban, lookup.Throttle}[i%2])
			inLanguage(p, []string{"de", "ja,en;q=0.9", "ar"}[i%3], s)
		})
	}
	wg.Wait()
	if n := rendered.Load(); n != 6 {
		t.Errorf("rendered %d times, want 6", n)
	}
}

// A banned client that navigates costs what net/http needs to say an answer, and
// nothing for the page: the values of the header, the length, the language.
func TestAPageCostsFewAllocations(t *testing.T) {
	p := mustPage(t, PageConfig{Contact: "https://example.com/?ref={ref}"})
	s := stopOf(lookup.Ban)
	w := noResponse{http.Header{}}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Accept-Language", "ar-EG,ar;q=0.9,en;q=0.8")
	r = r.WithContext(NewContext(r.Context(), s))
	if n := testing.AllocsPerRun(100, func() {
		clear(w.header)
		p.ServeHTTP(w, r)
	}); n > 6 {
		t.Errorf("%v allocations, want at most 6", n)
	}
	b := make([]byte, 0, 8<<10)
	if n := testing.AllocsPerRun(100, func() { _ = p.appendPrepared(b, s, pages.English()) }); n != 0 {
		t.Errorf("putting the page together: %v allocations, want none", n)
	}
}

func BenchmarkPreparedPage(b *testing.B) {
	p, err := NewPage(PageConfig{})
	if err != nil {
		b.Fatal(err)
	}
	s := newStop(lookup.Decision{Action: lookup.Ban, Until: time.Now().Add(time.Hour)}, sampleStops()[0].Client)
	words := pages.English()
	html := p.appendPrepared(nil, s, words)
	for _, c := range []struct {
		name string
		make func()
	}{
		{"put together", func() { html = p.appendPrepared(html[:0], s, words) }},
		{"rendered", func() {
			_, _ = p.render(denied, words, blanks{"403", s.Ref, "2006-01-02T15:04:05Z", "2006-01-02 15:04:05", "", "", ""})
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.make()
			}
		})
	}
}
