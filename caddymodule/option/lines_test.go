package option

import (
	"errors"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestLines(t *testing.T) {
	tokens, err := caddyfile.Tokenize([]byte("\nwidget a {\n\tcolour red\n\n\tpart one {\n\t\tsize 2\n\t}\n\tpart two {\n\t\tsize 3\n\t}\n\trule first {\n\t\tsize 4\n\t}\n}\n"), "dir/File")
	if err != nil {
		t.Fatal(err)
	}
	l := LinesOf(tokens, "rule")
	for text, want := range map[string]string{
		"colour: bad":                      "dir/File:3",
		`colour "red": bad`:                "dir/File:3",
		"part 1: size: bad":                "dir/File:6",
		"part 2: size: bad: size":          "dir/File:9",
		"part 2: bad":                      "dir/File:8",
		"shape: rule first: bad":           "dir/File:2",
		"rule first: size: bad":            "dir/File:12",
		"part 1: rule first: size: bad":    "dir/File:12",
		"part 3: size: bad":                "dir/File:2",
		"reading: colour: it is elsewhere": "dir/File:2",
		"no option at all":                 "dir/File:2",
	} {
		cause := errors.New(text)
		if err := l.At(cause); err.Error() != text+", at "+want || !errors.Is(err, cause) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if err := l.At(nil); err != nil {
		t.Errorf("no error became %v", err)
	}
	cause := errors.New("colour: bad")
	if err := Lines(nil).At(cause); err != cause { //nolint:errorlint // it is the same
		t.Errorf("without lines: %v", err)
	}
}
