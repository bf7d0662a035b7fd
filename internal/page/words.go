package page

import (
	"strconv"
	"strings"
	"time"
)

// Words are what all pages say in one language. Each language has a file of its
// own, words_LANG.go. Nothing in them has a meaning in HTML, so they can stand in
// a page as they are. %s stands for a time as [Words.Span] says it.
type Words struct {
	Lang string // the language, as the attribute lang of HTML has it
	Dir  string // the direction of its script: "ltr" or "rtl"

	// Of a challenge.
	Title     string // of the page
	Detail    string // what happens; the browser does it
	DetailAsk string // what happens; the visitor has to do something
	Busy      string // the browser is at work
	Ask       string // the visitor has to do something
	Human     string // label of a checkbox
	Done      string // the proof was taken, the page follows
	Lost      string // the proof was taken, but a form has to be sent again
	Failed    string // the proof was not taken, or could not be sent
	Blocked   string // the provider's script did not come
	Cookies   string // the pass does not come back
	NoScript  string // JavaScript is off
	Wait      string // one may wait %s instead
	Early     string // the wait has %s left
	Again     string // on a button: try again
	Continue  string // on a button: go on
	Help      string // whom to give the reference below

	// Of the answer to who is stopped.
	Denied        string // title
	DeniedText    string // the client is banned
	RefusedText   string // the request is refused because of what it says
	Unavailable   string // title
	UncheckedText string // the request could not be judged
	GuardedText   string // the page gets too many suspicious requests, for %s
	UnmetText     string // there is no challenge here: come back in %s
	TooMany       string // title
	TooManyText   string // the client has sent too many requests, come back in %s
	Mistake       string // whom to give the reference below

	// Of both.
	Reference, Contact, Time string // labels

	second, minute, hour []string        // with %d for the number, in the forms of plural
	plural               func(n int) int // which form goes with n
}

// languages are all that there are. The first is for who wants none of them.
var languages = []*Words{
	&english, &arabic, &german, &spanish, &french, &italian, &japanese, &dutch,
	&polish, &portuguese, &brazilian, &russian, &turkish, &simplifiedChinese, &traditionalChinese,
}

// Languages returns the words of all languages, English first.
func Languages() []*Words { return languages }

// English returns the words for who wants no other language.
func English() *Words { return languages[0] }

// maxLanguages is how much of an Accept-Language header is read. Browsers send
// about 50 bytes.
const maxLanguages = 256

// WordsFor returns the words of the language that an Accept-Language header wants
// most, the first of equal ones. Of a tag only what stands before the first hyphen
// counts, but for Chinese, which has two scripts, and Portuguese, which Brazil writes
// otherwise.
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

// byTag returns the words of the language that tag names, nil if there are none.
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

// isBrazil reports whether a tag is that of Portuguese as it is written in Brazil.
func isBrazil(tag string) bool { return strings.EqualFold(tag, brazilian.Lang) }

// chinese returns Chinese in the script that the subtags name, or that is usual
// where they say: simplified, unless they say otherwise.
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

// Span returns d for people, rounded up: seconds up to a minute, minutes up to an
// hour, and hours. It is at least a second.
func (w *Words) Span(d time.Duration) string { return string(w.AppendSpan(nil, d)) }

// AppendSpan appends what Span returns to b.
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

// Fill returns text, one of w with %s in it, with d in its place.
func (w *Words) Fill(text string, d time.Duration) string {
	if !strings.Contains(text, "%s") {
		return text
	}
	return strings.Replace(text, "%s", w.Span(d), 1)
}

// The rules of plurals, for whole numbers from 1 on.

// onlyOther is the rule of languages whose nouns stay the same after a number.
func onlyOther(int) int { return 0 }

// oneOther is the rule of most languages of western Europe: one, other.
func oneOther(n int) int {
	if n == 1 {
		return 0
	}
	return 1
}
