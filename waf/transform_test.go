package waf

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"path"
	"strconv"
	"strings"
	"testing"
)

// oracles are functions of the standard library that do the same, as far as they can.
var oracles = map[string]func(s string) (string, bool){
	"lowercase":  func(s string) (string, bool) { return strings.ToLower(s), true },
	"uppercase":  func(s string) (string, bool) { return strings.ToUpper(s), true },
	"length":     func(s string) (string, bool) { return strconv.Itoa(len(s)), true },
	"trim":       func(s string) (string, bool) { return strings.Trim(s, " \t\n\r\f\v"), true },
	"trim_left":  func(s string) (string, bool) { return strings.TrimLeft(s, " \t\n\r\f\v"), true },
	"trim_right": func(s string) (string, bool) { return strings.TrimRight(s, " \t\n\r\f\v"), true },
	"b64encode":  func(s string) (string, bool) { return base64.StdEncoding.EncodeToString([]byte(s)), true },
	"urldecode": func(s string) (string, bool) {
		out, err := url.QueryUnescape(s)
		return out, err == nil
	},
	"b64decode": func(s string) (string, bool) {
		out, err := base64.StdEncoding.DecodeString(s)
		return string(out), err == nil
	},
	"hexdecode": func(s string) (string, bool) {
		out, err := hex.DecodeString(s)
		if err != nil {
			return s, true
		}
		return string(out), true
	},
	"htmlentitydecode": func(s string) (string, bool) { return html.UnescapeString(s), true },
	"normalizepath": func(s string) (string, bool) {
		out := path.Clean(s)
		switch {
		case out == ".":
			return "", true
		case strings.HasSuffix(s, "/"):
			out += "/"
		}
		return out, true
	},
	"remove_nulls":  func(s string) (string, bool) { return strings.ReplaceAll(s, "\x00", ""), true },
	"replace_nulls": func(s string) (string, bool) { return strings.ReplaceAll(s, "\x00", " "), true },
}

// FuzzTransforms checks that transforms do what they are to do, change neither their own
// text nor one that was made before, and make no text much longer.
func FuzzTransforms(f *testing.F) {
	for _, s := range []string{"", "aB%20+%zz", "\xffA", "K", "<!-- x -->y/*", `\x3c\u003c\74\3c `, "PHNj\r\ncmlwdD4=", "3c7", "/a/../b/", "&lt;&#x3c", " a\u00a0\x85b\v", "a\x00b", "--#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, transform := range transforms {
			r := &room{}
			before := r.keep("before")
			in := []byte(s)
			out := transform(r, in)
			if string(in) != s || string(before) != "before" {
				t.Fatalf("%s changes what was there", name)
			}
			if most := 3*len(s) + 20; len(out) > most {
				t.Errorf("%s makes %d bytes of %d", name, len(out), len(s))
			}
			oracle, has := oracles[name]
			if !has {
				continue
			}
			if want, ok := oracle(s); ok && string(out) != want {
				t.Errorf("%s makes %q of %q, want %q", name, out, s, want)
			}
		}
	})
}

func TestTransforms(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"lowercase", "K\u0130", "ki"},
		{"lowercase", "A\xff", "a\ufffd"},
		{"lowercase", "A\x7f", "a\x7f"},
		{"uppercase", "stra\u00dfe", "STRA\u00dfE"},
		{"urldecode", "a+%2b%zz%u0041%4", "a +%zz%u0041%4"},
		{"b64decode", "PHNj cmlwdD4=", "<sc"},
		{"b64decode", "PHNj\r\ncmlwdD4=xxxx", "<script>"},
		{"b64decode", "PHNjY", "<sc"},
		{"b64decode", "PHN-j", "<s"},
		{"b64decode_lenient", "PH N.j", "<sc"},
		{"hexdecode", "3C73", "<s"},
		{"hexdecode", "3c7", "3c7"},
		{"hexdecode", "zz", "zz"},
		{"normalizepath", "/a/./b/../c/", "/a/c/"},
		{"normalizepath", "./", ""},
		{"normalizepath", "x/../..", ".."},
		{"normalizepathwin", `\a\..\b`, "/b"},
		{"normalize_path_win", `a\b`, "a/b"},
		{"html_entity_decode", "&lt&gt;&#60;&#x3e", "<><>"},
		{"js_decode", `\u003c\x3c\uff1c\n\q\`, "<<<\nq\\"},
		{"js_decode", `\74s`, "\x00s"},
		{"js_decode", `\x3`, "x3"},
		{"css_decode", `\3c s\00003c\ff1c \q\`, "<s<<q"},
		{"css_decode", "\\3c\nx\\\ny", "<xy"},
		{"css_decode", `\01ff1c`, "\x1c"},
		{"cmdline", `C^a"t;, /etc`, "cat/etc"},
		{"cmdline", "a  \t b (c", "a b(c"},
		{"remove_whitespaces", "a \u00a0\u2003b", "ab"},
		{"compress_whitespaces", "a \t\x85b", "a b"},
		{"remove_nulls", "a\x00b", "ab"},
		{"replace_nulls", "a\x00b", "a b"},
		{"remove_comments", "a/*x*/b", "ab"},
		{"remove_comments", "a<!--x*/b", "ab"},
		{"remove_comments", "ab<!--x-->", "ab\x00"},
		{"remove_comments", "a/*x", "a "},
		{"remove_comments", "a--b", "a"},
		{"remove_comments", "a#b", "a"},
		{"replace_comments", "a/*x*/b/*c", "a b "},
	} {
		if got := transforms[row.name](&room{}, []byte(row.in)); string(got) != row.want {
			t.Errorf("%s makes %q of %q, want %q", row.name, got, row.in, row.want)
		}
	}
}

// What is not changed is not copied.
func TestTransformsCopyOnlyWhatChanges(t *testing.T) {
	for _, name := range []string{"lowercase", "urldecode", "trim", "htmlentitydecode", "remove_nulls", "replace_nulls", "js_decode", "css_decode", "replace_comments"} {
		s := []byte("already plain")
		if got := transforms[name](&room{}, s); &got[0] != &s[0] || !bytes.Equal(got, s) {
			t.Errorf("%s makes a copy", name)
		}
	}
}
