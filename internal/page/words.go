package page

import (
	"strconv"
	"strings"
	"time"
)

// Words are the texts of all pages in one language. Each language has its own file,
// words_LANG.go. They contain no special characters of HTML. %s stands for a time in
// the form of [Words.Span].
type Words struct {
	Lang string // the language, for the HTML attribute lang
	Dir  string // the direction of the text: "ltr" or "rtl"

	// Texts of a challenge.
	Title     string // of the page
	Detail    string // what happens, if the browser does it
	DetailAsk string // what happens, if the visitor must do something
	Busy      string // the browser is working
	Ask       string // the visitor must do something
	Human     string // label of a checkbox
	Done      string // the proof was accepted, the page follows
	Lost      string // the proof was accepted, but the visitor must send a form again
	Failed    string // the proof was refused, or could not be sent
	Blocked   string // the provider's script did not load
	Cookies   string // the browser does not send the cookie with the pass
	NoScript  string // JavaScript is off
	Wait      string // the visitor can wait %s instead
	Early     string // the wait has %s left
	Again     string // on a button: try again
	Continue  string // on a button: continue
	Help      string // who needs the reference below

	// Texts of the page for stopped clients.
	Denied        string // title
	DeniedText    string // the client is banned
	RefusedText   string // the request is refused because of its content
	Unavailable   string // title
	UncheckedText string // the request could not be inspected
	GuardedText   string // the page gets too many suspicious requests, for %s
	UnmetText     string // challenges are off here: come back in %s
	TooMany       string // title
	TooManyText   string // the client has sent too many requests, come back in %s
	Mistake       string // whom to give the reference below

	// Texts of both.
	Reference, Contact, Explanation, Time string // labels

	second, minute, hour []string        // with %d for the number; one text for each plural form
	plural               func(n int) int // returns the plural form for n
}

// languages are all languages. The first is the default.
var languages = []*Words{
	&english, &arabic, &german, &spanish, &french, &italian, &japanese, &dutch,
	&polish, &portuguese, &brazilian, &russian, &turkish, &simplifiedChinese, &traditionalChinese,
}

// Languages returns the words of all languages, English first.
func Languages() []*Words { return languages }

// English returns the words of the default language.
func English() *Words { return languages[0] }

// maxLanguages is the longest part of an Accept-Language header that is read. Browsers
// send about 50 bytes.
const maxLanguages = 256

// WordsFor returns the words of the preferred language of an Accept-Language header,
// the first among equals. Only the part of a tag before the first hyphen counts, except
// for Chinese, which has two scripts, and for the Portuguese of Brazil.
func WordsFor(header string) *Words {
	best, weight := English(), 0
	for part := range strings.SplitSeq(header[:min(len(header), maxLanguages)], ",") {
		tag, params, _ := strings.Cut(part, ";")
		if q := quality(params); q > weight {
			if w := byTag(strings.TrimSpace(tag)); w != nil {
				best, weight = w, q
			}
		}
	}
	return best
}

// byTag returns the words for a language tag, or nil if there are none.
func byTag(tag string) *Words {
	name, more, _ := strings.Cut(tag, "-")
	if strings.EqualFold(name, "zh") {
		return chinese(more)
	}
	for _, w := range languages {
		if strings.EqualFold(tag, w.Lang) || strings.EqualFold(name, w.Lang) && !isBrazil(tag) {
			return w
		}
	}
	return nil
}

// isBrazil reports whether a tag is that of Brazilian Portuguese.
func isBrazil(tag string) bool { return strings.EqualFold(tag, brazilian.Lang) }

// chinese returns Chinese in the script of the subtags, or in the usual script of their
// region. Default: simplified.
func chinese(subtags string) *Words {
	for tag := range strings.SplitSeq(subtags, "-") {
		switch strings.ToLower(tag) {
		case "hans":
			return &simplifiedChinese
		case "hant", "tw", "hk", "mo":
			return &traditionalChinese
		}
	}
	return &simplifiedChinese
}

// Span returns d as text, rounded up: in seconds up to a minute, in minutes up to an
// hour, otherwise in hours. It is at least one second.
func (w *Words) Span(d time.Duration) string { return string(w.AppendSpan(nil, d)) }

// AppendSpan appends the result of Span to b.
func (w *Words) AppendSpan(b []byte, d time.Duration) []byte {
	forms, unit := w.second, time.Second
	switch {
	case d > time.Hour:
		forms, unit = w.hour, time.Hour
	case d > time.Minute:
		forms, unit = w.minute, time.Minute
	}
	n := max(Ceil(d, unit), 1)
	before, after, numbered := strings.Cut(forms[w.plural(n)], "%d")
	b = append(b, before...)
	if numbered {
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, after...)
}

// Fill returns text, one of w, with d in the place of %s.
func (w *Words) Fill(text string, d time.Duration) string {
	if !strings.Contains(text, "%s") {
		return text
	}
	return strings.Replace(text, "%s", w.Span(d), 1)
}

// The rules of plurals, for whole numbers from 1 on.

// onlyOther is the rule of languages without plural forms.
func onlyOther(int) int { return 0 }

// oneOther is the rule of most languages of western Europe: one, other.
func oneOther(n int) int {
	if n == 1 {
		return 0
	}
	return 1
}
