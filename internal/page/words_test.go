package page

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// texts returns all that w says, by the name of its field.
func texts(w *Words) map[string]string {
	all := map[string]string{}
	v := reflect.ValueOf(*w)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).Kind() == reflect.String && name != "Lang" && name != "Dir" {
			all[name] = v.Field(i).String()
		}
	}
	return all
}

func TestEveryLanguageSaysAll(t *testing.T) {
	english := texts(English())
	if len(english) != 31 {
		t.Errorf("English has %d texts", len(english))
	}
	for _, w := range Languages() {
		for name, text := range texts(w) {
			if text == "" || text != strings.TrimSpace(text) || strings.ContainsAny(text, `<>&"'`) {
				t.Errorf("%s: %s is %q", w.Lang, name, text)
			}
			if got, want := strings.Count(text, "%"), strings.Count(english[name], "%s"); got != want || got != strings.Count(text, "%s") {
				t.Errorf("%s: %s is %q: want %%s as often as in %q", w.Lang, name, text, english[name])
			}
			for _, other := range Languages() {
				if other.Lang[:2] != w.Lang[:2] && texts(other)[name] == text && !sameByRight(text) {
					t.Errorf("%s and %s: %s is %q in both", w.Lang, other.Lang, name, text)
				}
			}
		}
	}
}

// sameByRight reports whether text is the right one in more languages than one.
func sameByRight(text string) bool {
	return slices.Contains([]string{"Contact", "Contacto", "Continuar", "Hora", "Kontakt"}, text)
}

// In scripts of their own, words in Latin letters are names, or left over.
func TestNoEnglishIsLeftOver(t *testing.T) {
	scripts := map[string]*unicode.RangeTable{
		"ar": unicode.Arabic, "ja": unicode.Han, "ru": unicode.Cyrillic, "zh-Hans": unicode.Han, "zh-Hant": unicode.Han,
	}
	for _, w := range Languages() {
		script, own := scripts[w.Lang]
		if !own {
			continue
		}
		for name, text := range texts(w) {
			rest := strings.NewReplacer("JavaScript", "", "Cookie", "", "cookie", "", "%s", "").Replace(text)
			if strings.ContainsFunc(rest, func(r rune) bool { return unicode.Is(unicode.Latin, r) }) {
				t.Errorf("%s: %s is %q", w.Lang, name, text)
			}
			if w.Lang != "ja" && !strings.ContainsFunc(rest, func(r rune) bool { return unicode.Is(script, r) }) {
				t.Errorf("%s: %s is %q", w.Lang, name, text)
			}
		}
	}
}

func TestTheScriptOfALanguageHasItsDirection(t *testing.T) {
	var right []string
	for _, w := range Languages() {
		switch w.Dir {
		case "ltr":
		case "rtl":
			right = append(right, w.Lang)
		default:
			t.Errorf("%s: direction %q", w.Lang, w.Dir)
		}
	}
	if !slices.Equal(right, []string{"ar"}) {
		t.Errorf("written from right to left: %q", right)
	}
}

func TestWordsFor(t *testing.T) {
	for _, c := range []struct{ name, header, want string }{
		{"none", "", "en"},
		{"the first of equal ones", "fr,de", "fr"},
		{"a country's", "de-AT,en;q=0.5", "de"},
		{"case does not matter", "DE-at", "de"},
		{"the heaviest", "fr;q=0.5, de;q=0.9", "de"},
		{"the next one that is known", "sv, da;q=0.9, de;q=0.1", "de"},
		{"none that is known", "sv, *;q=0.5", "en"},
		{"one that is refused", "de;q=0", "en"},
		{"an invalid weight", "de;q=2, fr;q=0.1", "fr"},
		{"garbage", ";;,=,q=1,-,\x00", "en"},
		{"what comes late in a huge header does not count", strings.Repeat("xx,", 1<<18) + "de", "en"},
		{"Arabic", "ar-EG,ar;q=0.9,en;q=0.8", "ar"},
		{"Japanese", "ja", "ja"},
		{"Polish", "pl-PL", "pl"},
		{"Portuguese of Brazil", "pt-br,pt;q=0.9", "pt-BR"},
		{"of Portugal", "pt-PT,pt;q=0.9", "pt"},
		{"Russian", "ru,en;q=0.5", "ru"},
		{"Turkish", "tr-TR", "tr"},
		{"Spanish, Italian and Dutch", "nl-BE, it;q=0.9, es;q=0.8", "nl"},
		{"Chinese", "zh", "zh-Hans"},
		{"of China", "zh-CN,zh;q=0.9", "zh-Hans"},
		{"of Taiwan", "zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"},
		{"of Hong Kong", "zh-HK", "zh-Hant"},
		{"of Macau, with a script", "zh-Hant-MO", "zh-Hant"},
		{"simplified in Hong Kong", "zh-Hans-HK", "zh-Hans"},
		{"the tag of a language, not of a script", "Hant", "en"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := WordsFor(c.header).Lang; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestToChooseALanguageCostsNoGarbage(t *testing.T) {
	for _, header := range []string{"", "de-AT,de;q=0.9,en;q=0.8", "ZH-tw,zh;q=0.9", "xx-YY;q=0.1, *"} {
		if n := testing.AllocsPerRun(100, func() { WordsFor(header) }); n != 0 {
			t.Errorf("%q: %v allocations", header, n)
		}
	}
}

func FuzzWordsFor(f *testing.F) {
	f.Add("de-AT,en;q=0.5")
	f.Add("*;q=1,,;q=x")
	f.Add("zh-Hant-TW;q=0.1,zh")
	f.Fuzz(func(t *testing.T, header string) {
		got := WordsFor(header)
		name, _, _ := strings.Cut(got.Lang, "-")
		if !slices.Contains(Languages(), got) || got != English() && !strings.Contains(strings.ToLower(header), name) {
			t.Errorf("language %q", got.Lang)
		}
	})
}

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		lang string
		d    time.Duration
		want string
	}{
		{"en", 0, "a second"},
		{"en", time.Second, "a second"},
		{"en", 1500 * time.Millisecond, "2 seconds"},
		{"en", time.Minute, "60 seconds"},
		{"en", 61 * time.Second, "2 minutes"},
		{"en", time.Hour, "60 minutes"},
		{"en", time.Hour + time.Second, "2 hours"},
		{"en", 24 * time.Hour, "24 hours"},
		{"de", 90 * time.Second, "2 Minuten"},
		{"fr", time.Second, "une seconde"},
		{"nl", 2 * time.Hour, "2 uur"},
		{"ja", 5 * time.Second, "5 秒"},
		{"tr", 5 * time.Minute, "5 dakika"},
		{"zh-Hans", 3 * time.Hour, "3 小时"},
		{"zh-Hant", 3 * time.Hour, "3 小時"},
		{"pl", time.Second, "sekundę"},
		{"pl", 2 * time.Second, "2 sekundy"},
		{"pl", 5 * time.Second, "5 sekund"},
		{"pl", 12 * time.Second, "12 sekund"},
		{"pl", 21 * time.Second, "21 sekund"},
		{"pl", 22 * time.Second, "22 sekundy"},
		{"ru", time.Second, "1 секунду"},
		{"ru", 3 * time.Second, "3 секунды"},
		{"ru", 5 * time.Second, "5 секунд"},
		{"ru", 11 * time.Second, "11 секунд"},
		{"ru", 14 * time.Second, "14 секунд"},
		{"ru", 21 * time.Minute, "21 минуту"},
		{"ru", 22 * time.Hour, "22 часа"},
		{"ar", time.Second, "ثانية واحدة"},
		{"ar", 2 * time.Second, "ثانيتين"},
		{"ar", 3 * time.Second, "3 ثوانٍ"},
		{"ar", 10 * time.Minute, "10 دقائق"},
		{"ar", 11 * time.Minute, "11 دقيقة"},
		{"ar", 24 * time.Hour, "24 ساعة"},
	} {
		w := byTag(c.lang)
		if got := w.Span(c.d); got != c.want || w.Fill("(%s)", c.d) != "("+c.want+")" {
			t.Errorf("%s: %v is %q, want %q", c.lang, c.d, got, c.want)
		}
	}
}

// Each form is used, has its number unless it is that of a single one, and is there
// for every unit.
func TestEveryNumberHasItsForm(t *testing.T) {
	for _, w := range Languages() {
		numbers := map[int][]int{}
		for n := 1; n <= 1000; n++ {
			numbers[w.plural(n)] = append(numbers[w.plural(n)], n)
		}
		for _, forms := range [][]string{w.second, w.minute, w.hour} {
			if len(forms) != len(numbers) {
				t.Fatalf("%s: %q, but %d forms", w.Lang, forms, len(numbers))
			}
			for i, form := range forms {
				if n := strings.Count(form, "%d"); n > 1 || n != strings.Count(form, "%") || n == 0 && len(numbers[i]) > 1 {
					t.Errorf("%s: %q is for %d numbers", w.Lang, form, len(numbers[i]))
				}
			}
		}
	}
}

// A cache that stores the pages does not serve the language of one visitor to another.
func TestAnAnswerInALanguageSaysThatItVaries(t *testing.T) {
	for lang, want := range map[string][]string{"": {"Origin"}, "ar": {"Origin", "Accept-Language"}} {
		w := httptest.NewRecorder()
		w.Header().Add("Vary", "Origin")
		Answer{Status: 403, ContentType: TypeHTML, Lang: lang}.Send(w, httptest.NewRequest(http.MethodGet, "/", nil))
		h := w.Header()
		if !slices.Equal(h["Vary"], want) || h.Get("Content-Language") != lang || h.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%q: %v", lang, h)
		}
	}
}

// What is added to one field of an answer does not get into another.
func TestTheFieldsOfAnAnswerAreApart(t *testing.T) {
	w := httptest.NewRecorder()
	a := Answer{Status: 403, ContentType: TypeHTML, Policy: "policy", Referrer: "no-referrer", Body: []byte("body")}
	a.Send(w, httptest.NewRequest(http.MethodGet, "/", nil))
	w.Header().Add("Content-Type", "x")
	want := http.Header{
		"Content-Type": {TypeHTML, "x"}, "Content-Length": {"4"}, "Content-Security-Policy": {"policy"},
		"Cache-Control": {"private, no-store"}, "X-Content-Type-Options": {"nosniff"}, "X-Robots-Tag": {"noindex"}, "Referrer-Policy": {"no-referrer"},
	}
	if got := w.Header(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
