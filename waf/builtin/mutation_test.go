package builtin

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/tocsin-project/tocsin/waf"
)

// A mutation writes a text otherwise, so that some application still reads the same.
type mutation struct {
	name   string
	change func(s string) string
	// only are places and files that it is for; empty: all
	places, files string
}

// special rewrites each special byte.
func special(write func(c byte) string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			if isWordByte(s[i]) || s[i] == '-' || s[i] == ',' || s[i] >= 0x80 {
				b.WriteByte(s[i])
			} else {
				b.WriteString(write(s[i]))
			}
		}
		return b.String()
	}
}

func format(f string) func(string) string {
	return special(func(c byte) string { return fmt.Sprintf(f, c) })
}

func swapCase(s string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		n++
		if n%2 == 0 {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, s)
}

func overlong(c byte) string { return string([]byte{0xc0 | c>>6, 0x80 | c&0x3f}) }

func fullWidth(c byte) string {
	if c <= ' ' {
		return string(rune(c))
	}
	return string(rune(c) - '!' + 0xff01)
}

func blanks(blank string) func(string) string {
	return func(s string) string { return strings.ReplaceAll(s, " ", blank) }
}

const valuePlaces = "arg form json field"

var mutations = []mutation{
	{"escaped once more", url.PathEscape, valuePlaces, ""},
	{"escaped twice more", func(s string) string { return url.QueryEscape(url.PathEscape(s)) }, valuePlaces, ""},
	{"every byte escaped", format("%%%02x"), valuePlaces, ""},
	{"escapes of IIS", format("%%u%04x"), valuePlaces, ""},
	{"decimal entities", format("&#%d;"), valuePlaces, ""},
	{"hexadecimal entities with zeros", format("&#x000%x;"), valuePlaces, ""},
	{"escapes of JavaScript", format(`\u%04x`), valuePlaces, "script.txt sql.txt files.txt"},
	{"short escapes of JavaScript", format(`\x%02x`), valuePlaces, "script.txt"},
	{"overlong UTF-8", special(overlong), "arg form field", ""},
	{"full width", special(fullWidth), valuePlaces, "script.txt"},
	{"other case", swapCase, valuePlaces, "sql.txt script.txt"},
	{"tabs", blanks("\t"), valuePlaces, "sql.txt script.txt"},
	{"line ends", blanks("\n"), "arg json", "sql.txt script.txt"},
	{"form feeds", blanks("\f"), valuePlaces, "sql.txt script.txt"},
	{"comments", blanks("/**/"), valuePlaces, "sql.txt"},
	{"comments with a text", blanks("/*x*/"), valuePlaces, "sql.txt"},
	{"blanks before", func(s string) string { return "   " + s }, valuePlaces, ""},
	{"two blanks", blanks("  "), valuePlaces, "sql.txt script.txt commands.txt"},
}

// isFor reports whether a mutation of a row is still the attack.
func (m *mutation) isFor(r *row) bool {
	return strings.Contains(m.places, r.where) && (m.files == "" || strings.Contains(m.files, r.file))
}

// Whatever way an attack is written, it is stopped or asked, but for few.
func TestMutations(t *testing.T) {
	rules := own(t)
	rows := corpus(t, "attacks/*.txt")
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			tried, missed := 0, 0
			for _, r := range rows {
				if !m.isFor(&r) {
					continue
				}
				r.text = m.change(r.text)
				s := r.request(t)
				tried++
				if c, _ := strongest(s.matches(rules)); c > waf.Likely {
					missed++
					t.Logf("passes: %v", &r)
				}
			}
			if missed*20 > tried {
				t.Errorf("%d of %d pass, want at most a twentieth", missed, tried)
			}
		})
	}
}

// Padding around an attack that ends a string hides few: those that have to be all there is.
func TestPadding(t *testing.T) {
	rules := own(t)
	tried, missed := 0, 0
	for _, r := range corpus(t, "attacks/sql.txt") {
		at := strings.IndexByte(r.text, '\'')
		if !strings.Contains(valuePlaces, r.where) || at < 0 || at > 8 {
			continue
		}
		for _, before := range []string{strings.Repeat("A", 20<<10), strings.Repeat("AA ", 7<<10)} {
			padded := r
			padded.text = before + r.text + strings.Repeat(" B", 4<<10)
			s := padded.request(t)
			tried++
			if c, _ := strongest(s.matches(rules)); c > waf.Likely {
				missed++
				t.Logf("passes: %v", &r)
			}
		}
	}
	if missed*4 > tried || tried < 40 {
		t.Errorf("%d of %d pass, want at most a fourth", missed, tried)
	}
}

// The same attack is found wherever it stands.
func TestPlaces(t *testing.T) {
	rules := own(t)
	for _, where := range []string{"arg", "form", "json", "field", "cookie"} {
		tried, missed := 0, 0
		for _, r := range corpus(t, "attacks/*.txt") {
			if r.where != "arg" || r.file == "script.txt" && where != "cookie" {
				continue
			}
			if r.where = where; where == "cookie" {
				r.text = url.QueryEscape(r.text)
			}
			s := r.request(t)
			tried++
			if c, _ := strongest(s.matches(rules)); c > waf.Likely {
				missed++
				t.Logf("passes: %v", &r)
			}
		}
		if missed*10 > tried {
			t.Errorf("%s: %d of %d pass, want at most a tenth", where, missed, tried)
		}
	}
}
