package page

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTerse(t *testing.T) {
	const source = `
/* a comment */
main {
	color: red;
	margin: 0 .5rem;
}
// another
f({
	a: "// no comment",
});
g()
h()
`
	const want = "main {color: red;margin: 0 .5rem}\nf({a: \"// no comment\",});g()\nh()\n"
	if got := Terse(source); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStyleHasTheAccentsOfBothModes(t *testing.T) {
	for _, c := range []struct{ name, accent, light, dark string }{
		{"one that can be read in both", "#808", "#880088", ""},
		{"yellow is too light for white", "#FF0", "", "#ffff00"},
		{"black is too dark for the dark card", "#000000", "#000000", ""},
		{"none: the page's own", "", "#b3261e", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			look, err := NewLook(Theme{Accent: c.accent}, "#b3261e")
			if err != nil {
				t.Fatal(err)
			}
			style := string(look.Style)
			light, dark := markIn(t, style), markIn(t, style[strings.Index(style, "@media"):])
			if c.light != "" && light != c.light || c.dark != "" && dark != c.dark {
				t.Errorf("light %s, dark %s; want %s and %s", light, dark, c.light, c.dark)
			}
			for shade, card := range map[string]colour{light: lightCard, dark: darkCard} {
				if c, err := parseColour(shade); err != nil || c.contrast(card) < 4.5 {
					t.Errorf("%s on %v cannot be read: %v", shade, card, err)
				}
			}
		})
	}
}

// markIn returns the first accent colour in style.
func markIn(t *testing.T, style string) string {
	t.Helper()
	_, rest, ok := strings.Cut(style, "--mark:")
	if !ok {
		t.Fatalf("no accent colour in %s", style)
	}
	return rest[:len("#rrggbb")]
}

func TestTheCardsOfTheStyleAreTheOnesThatContrastIsMeasuredAgainst(t *testing.T) {
	for name, card := range map[string]colour{"#fff": lightCard, "#1b2129": darkCard} {
		if c, err := parseColour(name); err != nil || c != card || !strings.Contains(styleCSS, "--card: "+name+";") {
			t.Errorf("card %s: %v, %v", name, c, err)
		}
	}
}

func TestAccentIsAColour(t *testing.T) {
	for _, accent := range []string{
		"red", "fff", "#ff", "#ffff", "#fffff", "#ggg", "#fffffff", "#ff0000ff", " #fff", "#", "rgb(1,2,3)",
		"#fff;}*{display:none", "#\u00e9\u00e9\u00e9", "var(--text)",
	} {
		if _, err := NewLook(Theme{Accent: accent}, "#000"); err == nil || !strings.Contains(err.Error(), "#rrggbb") {
			t.Errorf("accent %q: error %v, want one that says what is a colour", accent, err)
		}
	}
}

func FuzzColour(f *testing.F) {
	for _, s := range []string{"#fff", "#123456", "#ff", "", "#fff;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseColour(s)
		if err != nil {
			return
		}
		if again, err := parseColour(c.String()); err != nil || again != c {
			t.Errorf("%q became %v, and that %v, %v", s, c, again, err)
		}
		for _, card := range []colour{lightCard, darkCard} {
			if shade := c.against(card); shade.contrast(card) < 4.5 {
				t.Errorf("%v on %v cannot be read", shade, card)
			}
		}
	})
}

func TestContact(t *testing.T) {
	const ref = "AB/ 1&?#"
	for _, c := range []struct{ name, contact, url, text string }{
		{"none", "", "", ""},
		{"a mail address", "abuse@example.com", "mailto:abuse@example.com?subject=%5BAB%2F%201%26%3F%23%5D", "abuse@example.com"},
		{"the same as a URL", "mailto:abuse@example.com", "mailto:abuse@example.com?subject=%5BAB%2F%201%26%3F%23%5D", "abuse@example.com"},
		{"a mail address with a plus", "a+b@example.com", "mailto:a+b@example.com?subject=%5BAB%2F%201%26%3F%23%5D", "a+b@example.com"},
		{"a page", "https://example.com/contact/", "https://example.com/contact/", "example.com/contact"},
		{"a host", "http://example.com", "http://example.com", "example.com"},
		{"a page that is told the reference", "https://example.com/help?ref={ref}#{ref}", "https://example.com/help?ref=AB%2F%201%26%3F%23#AB%2F%201%26%3F%23", "example.com/help"},
		{"a path that has the reference", "HTTPS://example.com/help/{ref}", "HTTPS://example.com/help/AB%2F%201%26%3F%23", "example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			look, err := NewLook(Theme{Contact: c.contact}, "#000")
			if err != nil {
				t.Fatal(err)
			}
			if got := look.For(ref); got != (Contact{c.url, c.text}) {
				t.Errorf("got %+v, want %s, %s", got, c.url, c.text)
			}
		})
	}
}

func TestContactRefused(t *testing.T) {
	for _, contact := range []string{
		"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "ftp://example.com", "//example.com", "/contact", "example.com",
		"https://", "https:///contact", "https:example.com", "https://user:secret@example.com", "https://{ref}.example.com",
		"https://example.com/\n", "https://exa mple.com", "https://example.com:port/",
		"mailto", "MAILTO", "http", "https", "mailto:", "mailto:x", "@", "x@", "@example.com", "Abuse <abuse@example.com>", "<abuse@example.com>",
		"a@example.com, b@example.com", "a@example.com?cc=b@example.com", "mailto:a@example.com?subject=x",
		"\"a b\"@example.com", "a@example.com\r\nBcc: b@example.com", " a@example.com", "{ref}@example.com",
	} {
		_, err := NewLook(Theme{Contact: contact}, "#000")
		if err == nil || !strings.HasPrefix(err.Error(), "contact ") || !strings.Contains(err.Error(), "want an http or https URL, or a mail address") {
			t.Errorf("contact %q: error %v, want one that says what is a contact", contact, err)
		}
	}
}

// Every accepted contact is a link that html/template accepts, too.
func FuzzContact(f *testing.F) {
	for _, s := range []string{"a@example.com", "https://example.com/?r={ref}", "mailto:a@b", "javascript:x@y"} {
		f.Add(s, "0123456789")
	}
	link := template.Must(template.New("").Parse(`<a href="{{.}}">`))
	f.Fuzz(func(t *testing.T, s, ref string) {
		look, err := NewLook(Theme{Contact: s}, "#000")
		if err != nil || s == "" {
			return
		}
		c := look.For(ref)
		var b strings.Builder
		if err := link.Execute(&b, c.URL); err != nil || strings.Contains(b.String(), "ZgotmplZ") {
			t.Errorf("%q is %q: %s, %v", s, c.URL, b.String(), err)
		}
		if strings.Contains(c.URL, "{ref}") && !strings.Contains(ref, "{ref}") {
			t.Errorf("%q has no reference", c.URL)
		}
	})
}

func TestExecuteRefusesABlankWindow(t *testing.T) {
	blank := template.Must(template.New("own.html").Parse(" \n{{if .}}x{{end}}"))
	if _, err := Execute(blank, false); err == nil || err.Error() != "own.html renders nothing" {
		t.Errorf("error %v", err)
	}
	if b, err := Execute(blank, true); err != nil || string(b) != " \nx" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestAnswerToHEADHasNoBody(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		w := httptest.NewRecorder()
		Answer{Status: 403, ContentType: TypeText, Body: []byte("stop")}.Send(w, httptest.NewRequest(method, "/", nil))
		if w.Code != 403 || w.Header().Get("Content-Length") != "4" || (w.Body.Len() == 0) != (method == http.MethodHead) {
			t.Errorf("%s: %d %v %q", method, w.Code, w.Header(), w.Body)
		}
	}
}
