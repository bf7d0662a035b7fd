package people

import (
	"reflect"
	"strings"
	"testing"
	"unicode"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// texts returns all that w says, by the name of its field.
func texts(w *words) map[string]string {
	all := map[string]string{}
	v := reflect.ValueOf(*w)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).Kind() == reflect.String && name != "Lang" && name != "Dir" {
			all[name] = v.Field(i).String()
		}
	}
	return all
}

func TestThePagesSpeakTheLanguagesOfTheChallenge(t *testing.T) {
	for _, p := range pages.Languages() {
		if w := languages[p.Lang]; w == nil || w.page != p || w.Dir != p.Dir {
			t.Errorf("%s: %v", p.Lang, w)
		}
	}
	if len(languages) != 15 {
		t.Errorf("%d languages", len(languages))
	}
}

func TestEveryLanguageSaysAll(t *testing.T) {
	const want = 71
	if got := len(texts(&english)); got != want {
		t.Errorf("English has %d texts, want %d", got, want)
	}
	for lang, w := range languages {
		same := 0
		for name, text := range texts(w) {
			if text == "" || text != strings.TrimSpace(text) || strings.ContainsAny(text, `<>&"'`) {
				t.Errorf("%s: %s is %q", lang, name, text)
			}
			if lang != "en" && text == texts(&english)[name] {
				same++
			}
		}
		if same > 3 { // such as Spam and Ticket
			t.Errorf("%s: %d texts are those of English", lang, same)
		}
	}
}

// In scripts of their own, words in Latin letters are names, or left over.
func TestNoEnglishIsLeftOver(t *testing.T) {
	for _, lang := range []string{"ar", "ja", "ru", "zh-Hans", "zh-Hant"} {
		for name, text := range texts(languages[lang]) {
			rest := strings.NewReplacer("JSON", "", "IP", "").Replace(text)
			if strings.ContainsFunc(rest, func(r rune) bool { return unicode.Is(unicode.Latin, r) }) {
				t.Errorf("%s: %s is %q", lang, name, text)
			}
		}
	}
}

func TestEveryBehaviourHasAName(t *testing.T) {
	for name, want := range map[string]string{
		"http:exploit": "Attempts to break in (HTTP)", "rce": "Attempts to break in", "ssh:bruteforce": "Guessing of passwords (SSH)",
		"generic:scan": "Search for weaknesses", "dos": "Overloading of servers", "other": "Other abuse", "": "Abuse of different kinds", "spam": "Spam",
		"http:crawl": "Mass copying of pages (HTTP)", "fraud": "Fraud", "<b>": "Other abuse",
	} {
		if got := english.Behaviour(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
